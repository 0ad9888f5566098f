"""What is known of one file: size, kind, time, type, lines."""

from __future__ import annotations

import posixpath
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from openskills_core.errors import WorkspaceError
from openskills_core.models import MIB
from openskills_core.paths import Kind, Root, kind_of

if TYPE_CHECKING:
    import os

_MAX_COUNTED_BYTES = 8 * MIB
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of a file or directory.

    `size` is bytes, `modified` ISO 8601 in UTC to the second ("" when out of range), `mime_type` is "" for what is no
    file, and `lines` is None for what is no text of at most 8 MiB.
    """

    path: str
    kind: Kind
    size: int
    human_size: str
    modified: str
    mime_type: str
    lines: int | None


def file_info(root: Root, path: str) -> FileInfo:
    """Return what is known of what a path beneath `root` resolves to.

    Raises:
        PathEscapeError: the path leads outside.
        WorkspaceError: there is no such thing.
    """
    relative = root.relative(path)
    status = root.stat(relative)
    data = b"\0"
    if stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_COUNTED_BYTES:
        with suppress(WorkspaceError):
            data = root.read(relative, limit=_MAX_COUNTED_BYTES)
    return _info(relative, status, _count_lines(data))


def _info(path: str, status: os.stat_result, lines: int | None) -> FileInfo:
    import mimetypes

    kind = kind_of(status)
    # A table of its own, because the module's depends on files of the machine.
    guess, _ = mimetypes.MimeTypes().guess_type(posixpath.basename(path))
    fallback = "application/octet-stream" if lines is None else "text/plain"
    mime_type = (guess or fallback) if kind == "file" else ""
    modified = _iso(status.st_mtime)
    return FileInfo(path, kind, status.st_size, _human(status.st_size), modified, mime_type, lines)


def _iso(seconds: float) -> str:
    # A script may set any time, also one that no calendar has.
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return ""


def _human(size: int) -> str:
    power = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{size / 1024**power:.1f} {_UNITS[power]}" if power else f"{size} bytes"


def _count_lines(data: bytes) -> int | None:
    if b"\0" in data:
        return None
    with suppress(UnicodeDecodeError):
        return data.decode().count("\n") + (not data.endswith(b"\n") and data != b"")
    return None
