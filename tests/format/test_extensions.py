"""OpenSkills' own fields, `requires:` and `actions:`, and what other clients write in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from openskills_core.format import ParsedSkill, parse_skill
from openskills_core.manifest import Action, Requires


def parse(fields: str) -> ParsedSkill:
    """Parse a skill that has these frontmatter lines and a description."""
    data = f"---\ndescription: D\n{fields}\nwhen_to_use: always\n---\n".encode()
    return parse_skill(data, Path("/skills/my-skill/SKILL.md"), "my-skill")


def test_requires_lists_what_a_skill_needs() -> None:
    """Each kind is a list or words, hyphens and underscores alike."""
    skill = parse(
        "requires:\n  bins: [git, jq]\n  env: API_KEY, OTHER\n  python-packages:\n    - pandas>=2\n"
        "  node_packages: left-pad\n  rust-crates: [serde]\n  system-packages: ~\n  platforms: [linux]"
    )
    assert skill.manifest.requires == Requires(
        bins=("git", "jq"),
        env=("API_KEY", "OTHER"),
        python_packages=("pandas>=2",),
        node_packages=("left-pad",),
        rust_crates=("serde",),
        platforms=("linux",),
    )
    assert (skill.manifest.extra, skill.diagnostics) == ({}, ())


@pytest.mark.parametrize(
    ("written", "kept", "advice"),
    [
        ("requires: cogny-mcp", "cogny-mcp", "as lists under bins, env,"),
        ("requires: [a, b]", "[a, b]", "as lists under bins, env,"),
        ("requires:\n  mcp: [rube]", "mcp: [rube]", "'mcp' under 'requires' has no effect here: this runtime checks"),
        ("requires: {bin: git}", "{bin: git}", "has no effect here: write bins"),
        ("requires: {[a]: b}", "{[a]: b}", "write plain text before the colon"),
    ],
)
def test_what_others_require_is_kept_and_has_no_effect(written: str, kept: str, advice: str) -> None:
    """Hundreds of public skills name a server there; it is worth a remark and no more."""
    skill = parse(written)
    assert (skill.manifest.requires, skill.manifest.extra) == (Requires(), {"requires": kept})
    (note,) = skill.diagnostics
    assert advice in note.message
    assert note.severity == "info" or note.code == "bad-field-name"


def test_known_needs_beside_foreign_ones_count() -> None:
    """And the whole is kept, so that nothing is lost."""
    skill = parse("requires: {bins: [git], mcp: [rube]}")
    assert skill.manifest.requires == Requires(bins=("git",))
    assert skill.manifest.extra == {"requires": "{bins: [git], mcp: [rube]}"}


def test_actions_are_scripts_with_named_inputs() -> None:
    """Every key has its place, and only id and target are needed."""
    skill = parse(
        "actions:\n  - id: convert\n    description: Converts a table.\n    capabilities: [tables, files]\n"
        "    target: {type: script, path: scripts/convert.py}\n    input:\n      required: [file]\n"
        "      optional: [encoding]\n    notes: Slow.\n  - id: count\n    target: count.wasm\n"
        "  - {id: other, target: {path: x.wasm}}\n  - {id: last, target: {type: wasm, path: y.bin}}"
    )
    assert skill.manifest.actions == (
        Action(
            id="convert",
            path="scripts/convert.py",
            description="Converts a table.",
            capabilities=("tables", "files"),
            required=("file",),
            optional=("encoding",),
            notes="Slow.",
        ),
        Action(id="count", path="count.wasm", type="wasm"),
        Action(id="other", path="x.wasm", type="wasm"),
        Action(id="last", path="y.bin", type="wasm"),
    )
    assert skill.diagnostics == ()


@pytest.mark.parametrize(
    ("actions", "code", "advice"),
    [
        (" text", "expected-list", "as a list: `- id: …`"),
        (" {id: a}", "expected-list", "as a list: `- id: …`"),
        (" [text]", "expected-map", "`key: value` lines"),
        (" [{target: x.py}]", "bad-action", "write id: and a name"),
        (" [{id: a}]", "bad-action", "write target: {type: script"),
        (" [{id: a, target: ~}]", "bad-action", "write target: {type: script"),
        (" [{id: a, target: [x]}]", "expected-map", "'target' as `key: value`"),
    ],
)
def test_an_action_that_leads_nowhere_is_left_out(actions: str, code: str, advice: str) -> None:
    """The author is told what to write, and the fields beside it count."""
    skill = parse(f"actions:{actions}")
    assert (skill.manifest.actions, skill.manifest.when_to_use) == ((), "always")
    note = skill.diagnostics[0]
    assert (note.code, note.line) == (code, 3)
    assert advice in note.message


def test_an_id_belongs_to_one_action() -> None:
    """The first one keeps it; the second is reported on its own line."""
    skill = parse("actions:\n  - {id: a, target: x.py}\n  - {id: a, target: y.py}")
    assert [action.path for action in skill.manifest.actions] == ["x.py"]
    assert [(note.code, note.line) for note in skill.diagnostics] == [("bad-action", 5)]


@pytest.mark.parametrize(
    ("action", "code"),
    [("target: {type: exe, path: x.py}", "bad-value"), ("target: x.py, input: [a]", "expected-map")],
)
def test_a_doubtful_action_is_kept(action: str, code: str) -> None:
    """With the default in place of what cannot be read."""
    skill = parse(f"actions: [{{id: a, {action}}}]")
    assert skill.manifest.actions == (Action(id="a", path="x.py"),)
    assert [note.code for note in skill.diagnostics] == [code]
