"""Rules about a name and its neighbours' lengths, which no client needs for loading and some refuse to do without.

Source: the Agent Skills specification, "Frontmatter"; Claude Code, "Frontmatter reference", for the reserved names.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.format.notes import Notes
    from openskills_core.manifest import Manifest

MAX_NAME = 64
MAX_DESCRIPTION = 1024
MAX_COMPATIBILITY = 500

_NAME = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_RESERVED = "anthropic-skills"


def check_manifest(manifest: Manifest, lines: Mapping[str, int], directory: str, notes: Notes) -> None:
    """Note what other clients would refuse about the name and the lengths of a manifest."""
    if "name" in lines:
        _check_name(manifest.name, directory, lines["name"], notes)
    if len(manifest.description) > MAX_DESCRIPTION:
        advice = _too_long("description", manifest.description, MAX_DESCRIPTION)
        notes.add("description-too-long", advice, lines["description"])
    if len(manifest.compatibility) > MAX_COMPATIBILITY:
        advice = _too_long("compatibility", manifest.compatibility, MAX_COMPATIBILITY)
        notes.add("compatibility-too-long", advice, lines["compatibility"])


def is_reserved(skill_id: str, name: str) -> bool:
    """Whether Claude Code keeps this name, however it is spelt, for the skills that it gets from claude.ai."""
    prefix = skill_id.rpartition(":")[0]
    command = f"{prefix}:{name}" if prefix else name
    return _is_reserved(skill_id) or (command != skill_id and _is_reserved(command))


def _is_reserved(command: str) -> bool:
    if not command.isascii():
        command = unicodedata.normalize("NFKC", command)
        command = "".join(letter for letter in command if letter.isprintable())
    folded = "".join(command.casefold().split())
    return folded == _RESERVED or folded.startswith(f"{_RESERVED}:")


def _check_name(name: str, directory: str, line: int, notes: Notes) -> None:
    name = unicodedata.normalize("NFKC", name)
    if len(name) > MAX_NAME:
        notes.add("name-too-long", f"shorten the name to {MAX_NAME} characters; it has {len(name)}", line)
    if not _NAME.fullmatch(name) or name != name.lower():
        notes.add("bad-name", f"write {name[:MAX_NAME]!r} in lowercase letters, digits and single hyphens", line)
    if name != unicodedata.normalize("NFKC", directory):
        advice = f"write {directory!r}, the directory's name, which the skill is called by, not {name[:MAX_NAME]!r}"
        notes.add("name-mismatch", advice, line)


def _too_long(field: str, text: str, limit: int) -> str:
    return f"shorten the {field} to {limit} characters; it has {len(text)} and other clients refuse it"
