"""What was read of a location ↔ the bytes of its index, from which it is known again without reading its skills.

A digest comes first, then JSON with a column of texts for each field, then the stamps as they are. Bytes with another
digest, about something else or of another shape are no index. Manifests are not kept: what a skill may do is always
read from the skill.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openskills_core import format as skill_format
from openskills_core.manifest import Diagnostic, Preset
from openskills_core.models import SkillInfo
from openskills_core.registry.records import Records
from openskills_core.registry.stamps import STAMP_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openskills_core.registry.location import Location

_MAGIC = b"openskills index 1\n"
_DIGEST = 32
_LENGTH = 8
# Ends a file name: what no file name can hold.
_END = "\0"
_AS_THEY_ARE = ("description", "when_to_use", "user_invocable", "model_invocable")
# Stands for a file that is no skill: no skill has an empty id.
_NONE = SkillInfo(id="", name="", description="", location="", path=Path())


def index_key(location: Location, preset: Preset) -> str:
    """Return what an index is about: where the skills are, how they are read, and by which version of the reader."""
    about = (str(location.path), location.kind, location.prefix, location.reserved, preset, sys.byteorder, _reader())
    return json.dumps(about)


@functools.cache
def _reader() -> tuple[tuple[str, int, int], ...]:
    """Return what changes with the code that reads skills: not its version, which an unreleased change leaves as is."""
    found = []
    for folder in (skill_format.__path__[0], os.path.dirname(__file__)):
        with os.scandir(folder) as entries:
            sources = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(".py")]
        found += [(name, status.st_size, status.st_mtime_ns) for name, status in sources]
    return tuple(sorted(found))


def encode(records: Records, location: Location, key: str) -> bytes:
    """Return the index of records. What is unsettled is left out."""
    start = len(str(location.path))
    files = [file for file in records.stamps if file not in records.unsettled]
    infos = [records.infos.get(file, _NONE) for file in files]
    head = {
        "key": key,
        "real": records.real,
        "naming": records.naming,
        "files": _END.join(file[start:] for file in files),
        "id": [info.id for info in infos],
        "name": ["" if info.name == info.id else info.name for info in infos],
        **{field: [getattr(info, field) for info in infos] for field in _AS_THEY_ARE},
        "requires": {str(at): info.requires for at, info in enumerate(infos) if info.requires},
        "notes": {file[start:]: _from_notes(records.notes[file]) for file in files if file in records.notes},
        "sources": {file[start:]: records.sources[file] for file in files if file in records.sources},
    }
    stamps = b"".join(records.stamps[file] for file in files)
    return _sealed(json.dumps(head, separators=(",", ":")).encode(), stamps)


def decode(data: bytes, location: Location, key: str) -> Records | None:
    """Return the records that an index was made of; None for anything that is not exactly such an index."""
    try:
        head, stamps = _opened(data)
        return _records(head, stamps, location) if head["key"] == key else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _sealed(head: bytes, stamps: bytes) -> bytes:
    content = len(head).to_bytes(_LENGTH, sys.byteorder) + head + stamps
    return _MAGIC + hashlib.sha256(content).digest() + content


def _opened(data: bytes) -> tuple[Mapping[str, Any], bytes]:
    """Return the texts and the stamps. Raises ValueError."""
    start = len(_MAGIC) + _DIGEST
    content = memoryview(data)[start:]
    if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(content).digest() != data[len(_MAGIC) : start]:
        raise ValueError("not whole, or not ours")
    end = _LENGTH + int.from_bytes(content[:_LENGTH], sys.byteorder)
    return json.loads(bytes(content[_LENGTH:end])), bytes(content[end:])


def _records(head: Mapping[str, Any], stamps: bytes, location: Location) -> Records:
    base, ids = str(location.path), head["id"]
    files = (base + head["files"].replace(_END, _END + base)).split(_END) if ids else []
    requires: list[tuple[str, ...]] = [()] * len(files)
    for at, names in head["requires"].items():
        requires[int(at)] = tuple(names)
    columns = {field: head[field] for field in ("id", *_AS_THEY_ARE)}
    columns["name"] = [name or skill_id for name, skill_id in zip(head["name"], ids, strict=True)]
    infos = SkillInfo.of_columns(files, {**columns, "requires": requires, "location": [location.name] * len(files)})
    each = [stamps[at : at + STAMP_BYTES] for at in range(0, len(stamps), STAMP_BYTES)]
    return Records(
        real=head["real"],
        naming=head["naming"],
        stamps=dict(zip(files, each, strict=True)),
        infos={file: info for file, info in zip(files, infos, strict=True) if info.id},
        notes={base + file: tuple(map(_to_note, notes)) for file, notes in head["notes"].items()},
        sources={base + file: source for file, source in head["sources"].items()},
    )


def _from_notes(notes: Iterable[Diagnostic]) -> list[list[Any]]:
    return [[note.code, note.severity, note.message, str(note.path), note.line, note.skill_id] for note in notes]


def _to_note(values: Sequence[Any]) -> Diagnostic:
    code, severity, message, path, line, skill_id = values
    return Diagnostic(code, severity, message, Path(path), line, skill_id)
