"""The profiles: which problems of a skill count for whom, and how much.

| profile | asks for |
|---|---|
| strict | the open specification: six fields, each of the right shape and length, in YAML that needs no repair |
| upload | strict, and what claude.ai, the Claude API and their packager refuse |
| runtime | what Claude Code makes of a skill: an error is what it cannot use |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from openskills_core.format.codes import CODES as READER_CODES
from openskills_core.format.codes import Code
from openskills_core.manifest import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Profile = Literal["strict", "upload", "runtime"]
MAX_FINDINGS = 1_000

# What the checks of a profile find beyond what reading a SKILL.md finds (`codes.CODES`).
CODES: Mapping[str, Code] = {
    # the frontmatter
    "missing-field": Code("error", "name or description is missing or empty"),
    "unexpected-field": Code("error", "the field is none of the specification's six"),
    "empty-field": Code("error", "the field is given without a value"),
    "typed-value": Code("warning", "to YAML the value is a number, date or boolean, not text"),
    "typed-metadata": Code("warning", "likewise for a value under metadata"),
    "comma-in-tools": Code("warning", "allowed-tools is separated by commas instead of spaces"),
    "non-ascii-name": Code("warning", "the name has letters other than a-z"),
    "reserved-word": Code("error", "the name holds a word that claude.ai reserves"),
    "angle-brackets": Code("error", "the name or description holds < or >"),
    "byte-order-mark": Code("error", "the file begins with a byte-order mark"),
    "blanks-after-dashes": Code("warning", "blanks follow the first ---"),
    "dashes-in-value": Code("warning", "--- stands inside a field"),
    "flow-style": Code("warning", "metadata is written in braces"),
    # the text
    "empty-body": Code("warning", "there are no instructions after the frontmatter"),
    "long-body": Code("warning", "the body is over 500 lines or 5,000 tokens"),
    "long-metadata": Code("info", "name and description take well over 100 tokens"),
    "weak-description": Code("info", "the description hardly helps a model to choose the skill"),
    # the files
    "broken-link": Code("warning", "a link or image leads to a file that does not exist"),
    "missing-file": Code("warning", "a file named in code does not exist"),
    "outside-skill": Code("warning", "a path leads out of the skill"),
    "deep-reference": Code("info", "a document is reached only through another one"),
    "missing-script": Code("error", "an action or hook runs a file that does not exist"),
    "no-interpreter": Code("warning", "nothing says what runs the script"),
    "broken-symlink": Code("warning", "a symbolic link leads nowhere"),
    "symlink-outside": Code("warning", "a symbolic link leads out of the skill"),
    # the report
    "many-problems": Code("info", "there are more problems than are listed"),
}

# A runtime carries on without these parts; whoever wrote them meant them to count.
_UNUSED: Mapping[str, Severity] = {
    "late-frontmatter": "error",
    "unfenced-frontmatter": "error",
    "bad-fence": "error",
    "expected-list": "error",
    "expected-map": "error",
    "bad-value": "error",
    "bad-boolean": "error",
    "bad-hook": "error",
    "bad-action": "error",
    "no-skills": "error",
    "wrong-case": "error",
}
_RUNTIME: Mapping[str, Severity] = {**_UNUSED, "outside-skill": "info"}
_STRICT: Mapping[str, Severity] = {
    **_UNUSED,
    "no-frontmatter": "error",
    "bare-cr": "error",
    "missing-space": "error",
    "control-character": "error",
    "yaml-repaired": "error",
    "bad-field-name": "error",
    "duplicate-field": "error",
    "expected-text": "error",
    "bad-name": "error",
    "name-too-long": "error",
    "name-mismatch": "error",
    "description-too-long": "error",
    "compatibility-too-long": "error",
    "broken-symlink": "error",
    "no-interpreter": "info",
}
_UPLOAD: Mapping[str, Severity] = {
    **_STRICT,
    "typed-value": "error",
    "non-ascii-name": "error",
    "blanks-after-dashes": "error",
    "outside-skill": "error",
    "symlink-outside": "error",
}

# Where a profile differs from the severity in the tables of codes.
SEVERITIES: Mapping[Profile, Mapping[str, Severity]] = {"strict": _STRICT, "upload": _UPLOAD, "runtime": _RUNTIME}


@dataclass(slots=True)
class Findings:
    """Collects what is wrong with one skill, each with the severity of the profile; at most `MAX_FINDINGS` of them."""

    profile: Profile
    path: Path
    skill_id: str
    items: list[Diagnostic] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether no more is taken, so that no more need be looked for."""
        return len(self.items) > MAX_FINDINGS

    def add(self, code: str, message: str, line: int = 1, *, path: Path | None = None) -> None:
        """Add a finding on a line of `path`, by default the skill's SKILL.md."""
        usual = CODES[code] if code in CODES else READER_CODES[code]
        self.take(Diagnostic(code, usual.severity, message, path or self.path, line, self.skill_id))

    def take(self, note: Diagnostic) -> None:
        """Add what was found elsewhere, with the severity that the profile gives its code."""
        severity = SEVERITIES[self.profile].get(note.code, note.severity)
        if len(self.items) < MAX_FINDINGS:
            self.items.append(Diagnostic(note.code, severity, note.message, note.path, note.line, note.skill_id))
        elif self.items[-1].code != "many-problems":
            advice = f"only the first {MAX_FINDINGS:,} problems are listed: correct these and check again"
            self.items.append(Diagnostic("many-problems", "info", advice, self.path, 1, self.skill_id))
