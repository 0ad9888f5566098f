"""Reading one SKILL.md or command file. What cannot be read is a diagnostic, so that it hides no other skill."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.format import MAX_BYTES, ParsedSkill, parse_skill
from openskills_core.manifest import Diagnostic, Manifest, Preset
from openskills_core.models import SkillInfo
from openskills_core.registry.location import SKILL_FILE
from openskills_core.registry.reading import read_start, reason

if TYPE_CHECKING:
    from openskills_core.registry.location import Location

# A command file is called what its file is, whatever its frontmatter says.
_ABOUT_NAMES = frozenset({"bad-name", "name-mismatch", "name-too-long"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is there and may be a skill. `source` is its directory without symbolic links.

    `named` says that the frontmatter may give the last part of the id.
    """

    file: str
    id: str
    source: str
    location: Location
    preset: Preset
    named: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a candidate turned out to be: `info` and `manifest` are None when it is no skill that loads.

    `digest` is one of all that this follows from, b"" unless it was asked for and the file could be read.
    """

    info: SkillInfo | None = None
    manifest: Manifest | None = None
    notes: tuple[Diagnostic, ...] = ()
    digest: bytes = b""


def load(candidate: Candidate, *, with_digest: bool = False) -> Loaded:
    """Read a candidate. Never raises."""
    file = Path(candidate.file)
    if not candidate.id.isprintable():
        advice = "rename it: a skill's id is the name of its directory or file and must be printable text"
        return Loaded(notes=(Diagnostic("bad-directory-name", "error", advice, file),))
    try:
        data = read_skill_file(f"{candidate.source}/{file.name}")
    except OSError as error:
        return Loaded(notes=(unreadable(file, candidate.id, reason(error)),))
    loaded = _understood(candidate, data, file)
    return replace(loaded, digest=_digest(candidate, data)) if with_digest else loaded


def _digest(candidate: Candidate, data: bytes) -> bytes:
    about = f"{candidate.id}\0{candidate.source}\0".encode("utf-8", "surrogateescape")
    return hashlib.sha256(about + data).digest()


def read_skill_file(file: str) -> bytes:
    """Return at most one byte more than the format takes. Never blocks.

    Raises:
        OSError: it cannot be read, is no regular file, or is a link to something that is no skill.
    """
    try:
        return read_start(file, MAX_BYTES + 1, follow=False)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    # A link to another SKILL.md is how people share skills; a link to anything else would show it to the model.
    name, target = os.path.basename(file), os.path.basename(os.path.realpath(file))
    if target != name and (name == SKILL_FILE or os.path.splitext(target)[1] != ".md"):
        raise OSError(f"it is a link to something that is no {SKILL_FILE}")
    return read_start(file, MAX_BYTES + 1)


def _understood(candidate: Candidate, data: bytes, file: Path) -> Loaded:
    location, skill_id = candidate.location, candidate.id
    parsed = parse_skill(data, file, _known_as(candidate), preset=candidate.preset)
    manifest, notes = parsed.manifest, parsed.diagnostics
    if file.name != SKILL_FILE:
        manifest = replace(manifest, name=skill_id)
        notes = tuple(note for note in notes if note.code not in _ABOUT_NAMES)
    elif candidate.named and _is_id(manifest.name):
        skill_id = ":".join((*skill_id.split(":")[:-1], manifest.name))
    notes = tuple(note if note.skill_id == skill_id else replace(note, skill_id=skill_id) for note in notes)
    if not parsed.loads:
        return Loaded(notes=notes)
    return Loaded(_info(skill_id, parsed, location.name, file), manifest, notes)


def _known_as(candidate: Candidate) -> str:
    """Return the id that the frontmatter is compared with. Only a plugin's name belongs to it."""
    if candidate.location.kind == "plugin" or not candidate.location.prefix:
        return candidate.id
    return candidate.id.removeprefix(f"{candidate.location.prefix}:")


def _is_id(name: str) -> bool:
    return bool(name.strip()) and name.isprintable() and "/" not in name


def _info(skill_id: str, parsed: ParsedSkill, location: str, file: Path) -> SkillInfo:
    manifest = parsed.manifest
    return SkillInfo(
        id=skill_id,
        name=skill_id if file.name != SKILL_FILE else manifest.name or skill_id,
        description=parsed.description,
        location=location,
        path=file,
        when_to_use=manifest.when_to_use,
        user_invocable=manifest.user_invocable,
        model_invocable=manifest.model_invocable,
    )


def unreadable(file: Path, skill_id: str, why: str) -> Diagnostic:
    """Return the diagnostic for a file that is there and cannot be read."""
    return Diagnostic("unreadable-skill", "error", f"make it readable: {why}", file, skill_id=skill_id)
