"""The adapter, first part: a SKILL.md and its fields, and what is wrong with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from openskills_core.format import parse_skill
from openskills_core.validation import validate
from tests.conformance.corpus import Case, content, skill_tree, write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from openskills_core.format.profiles import Profile
    from openskills_core.manifest import Diagnostic, Manifest, Preset

# Our diagnostics, as `code message`, and the problem of the corpus that each is; the first that is found counts.
_PROBLEMS = tuple(
    (re.compile(pattern, re.DOTALL), problem)
    for pattern, problem in (
        (r"file-too-large ", "file-too-large"),
        (r"not-utf-8 ", "encoding-invalid"),
        (r"byte-order-mark ", "byte-order-mark"),
        (r"(no|late|unfenced)-frontmatter |bad-fence ", "frontmatter-missing"),
        (r"unclosed-frontmatter ", "frontmatter-unclosed"),
        (r"frontmatter-too-large |bad-yaml .*(over \d|more than \d)", "yaml-limit"),
        (r"(bad-yaml|yaml-repaired|missing-space|control-character) ", "yaml-invalid"),
        (r"duplicate-field ", "duplicate-key"),
        (r"missing-field .*`name: ", "name-missing"),
        (r"missing-field .*`description: |no-description ", "description-missing"),
        (r"(unexpected|unknown|misspelt)-field ", "unknown-field"),
        (r"expected-text .*under metadata|typed-metadata ", "metadata-value-not-text"),
        (r"(expected-text|typed-value) .*'name'", "name-not-text"),
        (r"(expected-text|typed-value) .*'description'", "description-not-text"),
        (r"(expected-text|typed-value) .*'compatibility'", "compatibility-not-text"),
        (r"(expected-text|expected-list) .*'allowed-tools'", "allowed-tools-not-text"),
        (r"expected-map .*'metadata'", "metadata-not-map"),
        (r"empty-field .*'compatibility'|compatibility-too-long ", "compatibility-length"),
        (r"(bad-name|non-ascii-name) ", "name-form"),
        (r"name-too-long ", "name-too-long"),
        (r"name-mismatch ", "name-directory-mismatch"),
        (r"reserved-(word|name) ", "name-reserved"),
        (r"angle-brackets .*the description", "description-markup"),
        (r"angle-brackets .*the name", "name-form"),
        (r"description-too-long ", "description-too-long"),
        (r"wrong-case |no-skills ", "skill-file-missing"),
        (r"long-body ", "body-too-long"),
        (r"weak-description ", "description-weak"),
        (r"broken-link |missing-(file|script) ", "reference-missing"),
    )
)


def problem_of(note: Diagnostic) -> str:
    """Return the corpus's key for one diagnostic, `ours:CODE` for one that it has no key for."""
    text = f"{note.code} {note.message}"
    return next((problem for pattern, problem in _PROBLEMS if pattern.match(text)), f"ours:{note.code}")


def check_skill(case: Case, profile: Profile, root: Path) -> dict[str, Any]:
    """Observe a skill under "strict" or "upload": its problems, and what is only advice."""
    directory, tree = skill_tree(case)
    (root / directory).mkdir(parents=True, exist_ok=True)
    write_tree(tree, root)
    reports = validate(root / directory, profile=profile)
    notes = [note for report in reports for note in report.diagnostics]
    problems = sorted({problem_of(note) for note in notes if note.severity == "error"})
    return {
        "problems": problems,
        "valid": not problems,
        "advice": sorted({problem_of(note) for note in notes if note.severity != "error"}),
    }


def load_skill(case: Case, preset: Preset, root: Path) -> dict[str, Any]:
    """Observe a skill as it is loaded under a preset."""
    directory, tree = skill_tree(case)
    file = f"{directory}/SKILL.md"
    if file not in tree:
        return {"loads": False}
    parsed = parse_skill(content(tree[file]), root / file, directory, preset=preset)
    return {
        "loads": parsed.loads,
        "fields": _fields(parsed.manifest) | {"description": parsed.description},
        "body": parsed.body,
        "reports": sorted({problem_of(note) for note in parsed.diagnostics}),
    }


def _fields(manifest: Manifest) -> dict[str, Any]:
    """Return every field under its name in the frontmatter, None or the default where it is not set."""
    texts = ("license", "compatibility", "model", "effort", "context", "agent", "shell", "name")
    lists = ("allowed-tools", "disallowed-tools", "arguments", "paths")
    return {
        **{name: getattr(manifest, name) or None for name in texts},
        **{name: list(getattr(manifest, name.replace("-", "_"))) for name in lists},
        "when_to_use": manifest.when_to_use or None,
        "argument-hint": manifest.argument_hint or None,
        "metadata": dict(manifest.metadata),
        "user-invocable": manifest.user_invocable,
        "disable-model-invocation": not manifest.model_invocable,
        "background": manifest.background,
        "hooks": [
            {"event": hook.event, "matcher": hook.matcher, "type": hook.type, "command": hook.command}
            | ({"once": True} if hook.once else {})
            for hook in manifest.hooks
        ],
    }
