"""The SKILL.md format: bytes in, values out. Touches no disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openskills_core.format.checks import check_manifest, is_reserved
from openskills_core.format.fields import read_fields
from openskills_core.format.frontmatter import read_document
from openskills_core.format.inject import Injection, injections
from openskills_core.format.invocations import Invocations, split_invocations
from openskills_core.format.notes import Notes
from openskills_core.format.render import Filling, Value, render
from openskills_core.format.sections import MAX_BYTES, Sections
from openskills_core.format.standin import LOOKED_AT, stand_in
from openskills_core.format.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openskills_core.manifest import Diagnostic, Manifest, Preset

__all__ = [
    "MAX_BYTES",
    "Filling",
    "Injection",
    "Invocations",
    "ParsedSkill",
    "Value",
    "Variables",
    "injections",
    "parse_skill",
    "render",
    "split_invocations",
]


@dataclass(frozen=True, slots=True)
class ParsedSkill:
    """One SKILL.md as the clients of a preset would load it.

    `description` is the manifest's, else the first line of the body that is no heading, else its first heading, else
    "". `loads` is False when those clients would leave the skill out; a diagnostic of severity "error" says why.
    `lines` maps each field of the frontmatter, unknown ones too, to the line it is on. The body begins on line
    `body_line` of the file.
    """

    manifest: Manifest
    description: str
    diagnostics: tuple[Diagnostic, ...]
    loads: bool
    body_line: int
    lines: Mapping[str, int]
    _sections: Sections = field(repr=False)

    @property
    def body(self) -> str:
        """The text after the frontmatter without blanks around it, decoded when it is asked for."""
        return self._sections.body()


def parse_skill(data: bytes, path: Path, skill_id: str, *, preset: Preset = "claude-code") -> ParsedSkill:
    """Read one SKILL.md. Never raises: what is wrong becomes a diagnostic and the rest still counts.

    Args:
        data: the file's bytes; one over `MAX_BYTES` is reported and not read.
        path: where the file is; only named in diagnostics.
        skill_id: the name of the skill's directory, behind `plugin:` for a plugin's skill; the directory is the
            skill's name where the frontmatter gives none.
        preset: whose rules decide whether such a skill loads at all. "claude-code" leaves out the reserved names
            `anthropic-skills` and `anthropic-skills:…`, "agentskills" skills without a description or readable YAML.
    """
    notes = Notes(path, skill_id)
    document = read_document(data, notes)
    directory = skill_id.rpartition(":")[2]
    manifest = read_fields(document.fields, document.lines, directory, notes)
    check_manifest(manifest, document.lines, directory, notes)
    if not manifest.description:
        _note_missing_description(document.lines.get("description", 1), preset, notes)
    sections = document.sections
    return ParsedSkill(
        manifest,
        manifest.description or stand_in(sections.head(LOOKED_AT)),
        loads=_loads(manifest, skill_id, preset, notes),
        diagnostics=tuple(notes.items),
        body_line=sections.body_line(),
        lines=document.lines,
        _sections=sections,
    )


def _note_missing_description(line: int, preset: Preset, notes: Notes) -> None:
    advice = "write a description: that says what the skill does and when to use it"
    if preset == "agentskills":
        notes.add("no-description", f"{advice}; without one it is left out", line, severity="error")
    else:
        notes.add("no-description", f"{advice}; the first line of the text stands in for it", line)


def _loads(manifest: Manifest, skill_id: str, preset: Preset, notes: Notes) -> bool:
    if preset == "agentskills":
        return bool(manifest.description)
    if is_reserved(skill_id, manifest.name):
        advice = "give the skill another name: anthropic-skills is kept for skills of claude.ai, so it is left out"
        notes.add("reserved-name", advice)
        return False
    return True
