"""The SKILL.md format: bytes in, values out. Touches no disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.format.fields import read_fields
from openskills_core.format.frontmatter import MAX_BYTES, Notes, read_document
from openskills_core.format.render import render

if TYPE_CHECKING:
    from pathlib import Path

    from openskills_core.manifest import Diagnostic, Manifest

__all__ = ["MAX_BYTES", "ParsedSkill", "parse_skill", "render"]


@dataclass(frozen=True, slots=True)
class ParsedSkill:
    """One SKILL.md as Claude Code would load it.

    `body` is the text after the frontmatter without blank lines around it. `description` is the manifest's, else the
    first line of the body that is no heading, else its first heading, else "".
    """

    manifest: Manifest
    body: str
    description: str
    diagnostics: tuple[Diagnostic, ...]


def parse_skill(data: bytes, path: Path, skill_id: str) -> ParsedSkill:
    """Read one SKILL.md. Never raises: what is wrong becomes a diagnostic and the rest still counts.

    Args:
        data: the file's bytes; one over `MAX_BYTES` is reported and not read.
        path: where the file is; only named in diagnostics.
        skill_id: the name of the skill's directory, and the skill's name where the frontmatter gives none.
    """
    notes = Notes(path, skill_id)
    document = read_document(data, notes)
    manifest = read_fields(document.fields, skill_id, notes)
    body = document.body.strip()
    description = manifest.description or _first_line(body)
    if not manifest.description:
        _note_missing_description(description, notes)
    return ParsedSkill(manifest, body, description, tuple(notes.items))


def _first_line(body: str) -> str:
    lines = [line for line in map(str.strip, body.splitlines()) if line.strip("#-")]
    text = next((line for line in lines if not line.startswith("#")), "")
    return text or next((line.lstrip("#").strip() for line in lines), "")


def _note_missing_description(description: str, notes: Notes) -> None:
    advice = "write a description: that says what the skill does and when to use it"
    stopgap = "; the first line of the text stands in for it" if description else "; there is no text to take one from"
    notes.warning("no-description", advice + stopgap)
