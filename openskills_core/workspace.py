"""The files beneath one directory, which no path given here can leave.

Every operation opens the directory anew and resolves beneath it (see `paths`), so a directory that was replaced is seen
as it is now. Writing is atomic: a reader sees the old content or the new, never a part.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from openskills_core.changes import Changes, Snapshot, changes_since, take_snapshot
from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.fileinfo import FileInfo, file_info
from openskills_core.models import MIB
from openskills_core.paths import MAX_ENTRIES, Place, Root, kind_of, reporting, shown
from openskills_core.removal import remove_tree
from openskills_core.search import GrepQuery, GrepResult, glob, grep

Paths: TypeAlias = list[str]
_MAX_SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class TextWindow:
    """Some lines of a text file, counted from 1; `last_line` is `first_line` - 1 when there are none."""

    text: str
    first_line: int
    last_line: int
    total_lines: int


class Workspace:
    """The files beneath `root`, which is made when missing and never removed.

    Paths are relative POSIX; absolute ones beneath the root are accepted. Symbolic links that stay beneath the root are
    followed, except by `delete` and by searches. All methods may be called from several threads. Every method that
    takes a path raises `PathEscapeError` when it leads outside, and `WorkspaceError` with the reason when the thing
    itself cannot be read or changed as asked.

    Args:
        root: the directory, relative to the current one or absolute.
        max_file_bytes: largest file that is read or written here.
    """

    def __init__(self, root: str | os.PathLike[str], *, max_file_bytes: int = 256 * MIB) -> None:
        self._alias = Path(root).absolute()
        with reporting(self._alias):
            self._alias.mkdir(parents=True, exist_ok=True)
        self._root = self._alias.resolve()
        self._max_file_bytes = max_file_bytes
        # Reentrant because an edit holds it from its reading to its writing; a snapshot must see no temporary file.
        self._lock = threading.RLock()

    @property
    def root(self) -> Path:
        """The absolute path of the directory, symbolic links resolved."""
        return self._root

    def read_text(self, path: str, offset: int = 1, limit: int | None = None) -> str:
        """Return a UTF-8 file's text, or `limit` lines of it from line `offset` on, exactly as it is on disk."""
        return self.read_window(path, offset, limit).text

    def read_window(self, path: str, offset: int = 1, limit: int | None = None) -> TextWindow:
        """Return lines of a UTF-8 file, line ends kept, with their numbers; beyond the end there are none."""
        if offset < 1 or (limit is not None and limit < 1):
            raise WorkspaceError(f"offset and limit count lines from 1, got offset {offset} and limit {limit}")
        lines = io.StringIO(self._text(path), newline="\n").readlines()
        window = lines[offset - 1 : None if limit is None else offset - 1 + limit]
        return TextWindow("".join(window), offset, offset - 1 + len(window), len(lines))

    def read_bytes(self, path: str) -> bytes:
        """Return a regular file's content."""
        with self._open() as root:
            return root.read(path, limit=self._max_file_bytes)

    def write_text(self, path: str, content: str) -> int:
        """Write a file as UTF-8, line ends as given, missing directories made; return the number of bytes."""
        return self.write_bytes(path, _encoded(path, content))

    def write_bytes(self, path: str, content: bytes) -> int:
        """Write a file atomically, missing directories made, an existing file's mode kept; return the bytes."""
        with self._open() as root:
            self._write(root, path, content)
        return len(content)

    def edit(self, path: str, old: str, new: str, replace_all: bool = False) -> int:
        """Replace `old`, matched exactly, and return how often: once, or wherever it occurs with `replace_all`.

        In a file whose every line ends in CR LF, line feeds in `old` and `new` stand for CR LF.

        Raises:
            WorkspaceError: `old` is empty, equals `new`, does not occur, or occurs more than once (with line numbers).
        """
        with self._lock:
            text = self._text(path)
            if 0 < text.count("\n") == text.count("\r\n"):
                old, new = (part.replace("\r\n", "\n").replace("\n", "\r\n") for part in (old, new))
            _check_edit(path, old, new)
            starts = _occurrences(text, old)
            _check_occurrences(path, text, starts, replace_all=replace_all)
            self.write_text(path, text.replace(old, new))
            return text.count(old)

    def add(self, source: str | os.PathLike[str], dest: str | None = None) -> str:
        """Copy a file or directory of the host into the workspace and return its path there.

        Of a directory the regular files are copied; symbolic links, special files and empty directories in it are not.
        Permission bits are kept.

        Args:
            source: chosen by the host, so symbolic links in this path are followed.
            dest: where to put it; after a trailing "/" the name is kept, and None means the name in the root.
        """
        with reporting(source):
            origin = Path(os.path.realpath(source, strict=True))
        target = origin.name if dest is None else dest
        if target.endswith("/"):
            target += origin.name
        with self._open() as root:
            if origin.is_dir():
                self._add_tree(root, origin, target)
            else:
                with Root(origin.parent) as directory:
                    self._copy(directory, origin.name, root, target)
            return root.relative(target)

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, a symbolic link (never what it points at), or an empty directory; `recursive` a full one."""
        with self._open() as root, root.place(path) as place:
            status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
            if kind_of(status) != "directory":
                os.unlink(place.name, dir_fd=place.fd)
            elif recursive:
                remove_tree(place.name, place.fd)
            else:
                _delete_empty(path, place)

    def list(self, path: str = ".", recursive: bool = False) -> Paths:
        """Return what a directory holds, hidden entries too, sorted, relative to the root; directories end in "/".

        Symbolic links are listed and not followed. More than 100,000 entries are a `WorkspaceError`.
        """
        with self._open() as root:
            found = (root.walk if recursive else root.children)(path or ".", limit=MAX_ENTRIES + 1)
            names = [f"{entry.path}/" if entry.kind == "directory" else entry.path for entry in found]
        if len(names) > MAX_ENTRIES:
            raise WorkspaceError(f"{shown(path)} holds more than {MAX_ENTRIES} entries; list a directory beneath it")
        return sorted(names)

    def glob(self, pattern: str, path: str = ".") -> Paths:
        """Return the regular files beneath `path` that fit the pattern; see `search.glob`."""
        with self._open() as root:
            return glob(root, pattern, path or ".")

    def grep(
        self,
        pattern: str,
        path: str = ".",
        *,
        glob: str | None = None,
        ignore_case: bool = False,
        context: int = 0,
        limit: int = 200,
    ) -> GrepResult:
        """Return the lines that a regular expression matches, `limit` at most; see `search.grep`."""
        query = GrepQuery(pattern, glob=glob, ignore_case=ignore_case, context=context, limit=limit)
        with self._open() as root:
            return grep(root, query, path or ".")

    def info(self, path: str) -> FileInfo:
        """Return size, kind, time, type and number of lines of what a path resolves to."""
        with self._open() as root:
            return file_info(root, path or ".")

    def snapshot(self) -> Snapshot:
        """Return the state of the regular files, to be compared later; see `changes.take_snapshot`. Never raises."""
        with self._lock, suppress(WorkspaceError, PathEscapeError), self._open() as root:
            return take_snapshot(root)
        return Snapshot({}, complete=False)

    def changes_since(self, snapshot: Snapshot) -> Changes:
        """Return the files created, modified or deleted since; see `changes.changes_since`. Never raises."""
        with self._lock, suppress(WorkspaceError, PathEscapeError), self._open() as root:
            return changes_since(root, snapshot)
        return Changes()

    def _open(self) -> Root:
        return Root(self._root, alias=self._alias)

    def _text(self, path: str) -> str:
        try:
            return self.read_bytes(path).decode()
        except UnicodeDecodeError:
            problem = f"{shown(path)} is binary, not UTF-8 text; only its bytes can be read"
            raise WorkspaceError(problem, culprit=path) from None

    def _write(self, root: Root, path: str, content: bytes, mode: int | None = None) -> None:
        if len(content) > self._max_file_bytes:
            text = f"{shown(path)} would hold {len(content)} bytes, more than the {self._max_file_bytes} allowed"
            raise WorkspaceError(text, culprit=path)
        with self._lock, root.place(path, create=True, follow=True) as place:
            _replace(place, content, mode)

    def _add_tree(self, root: Root, origin: Path, target: str) -> None:
        if self._root.is_relative_to(origin):
            raise WorkspaceError(f"{shown(origin)} holds the workspace itself; add what is wanted of it")
        with Root(origin) as directory:
            entries = list(directory.walk(limit=MAX_ENTRIES + 1))
            if len(entries) > MAX_ENTRIES:
                raise WorkspaceError(f"{shown(origin)} holds more than {MAX_ENTRIES} entries; add a part of it")
            for entry in entries:
                if entry.kind == "file":
                    self._copy(directory, entry.path, root, posixpath.join(target, entry.path))

    def _copy(self, source: Root, name: str, root: Root, target: str) -> None:
        mode = stat.S_IMODE(source.stat(name).st_mode)
        self._write(root, target, source.read(name, limit=self._max_file_bytes), mode)


def _replace(place: Place, content: bytes, mode: int | None) -> None:
    """Put a new file in the place, under a temporary name first; the rename follows no symbolic link."""
    existing = _replaceable(place)
    temporary = f".openskills-{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o666, dir_fd=place.fd)
    try:
        with os.fdopen(fd, "wb") as file:
            _set_owner_and_mode(fd, existing, mode)
            file.write(content)
        os.rename(temporary, place.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=place.fd)
        raise


def _replaceable(place: Place) -> os.stat_result | None:
    try:
        status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if kind_of(status) != "file":
        raise WorkspaceError(f"{shown(place.name)} is a {kind_of(status)}, not a regular file", culprit=place.name)
    return status


def _set_owner_and_mode(fd: int, existing: os.stat_result | None, mode: int | None) -> None:
    if existing:
        # A host that runs as root must not take a user's file away by editing it.
        with suppress(PermissionError):
            os.fchown(fd, existing.st_uid, existing.st_gid)
        mode = existing.st_mode if mode is None else mode
    if mode is not None:
        os.fchmod(fd, mode & 0o777)


def _delete_empty(path: str, place: Place) -> None:
    try:
        os.rmdir(place.name, dir_fd=place.fd)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        raise WorkspaceError(f"{shown(path)} is not empty; pass recursive=True to delete all of it") from error


def _encoded(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise WorkspaceError(f"the text for {shown(path)} is not valid Unicode: {error.reason}") from None


def _check_edit(path: str, old: str, new: str) -> None:
    if not old:
        raise WorkspaceError(f"the text to replace in {shown(path)} is empty; to write a whole file, do not edit it")
    if old == new:
        raise WorkspaceError(f"the edit of {shown(path)} would change nothing: old and new text are the same")


def _occurrences(text: str, wanted: str) -> list[int]:
    """Return where `wanted` starts, up to one place more than is shown; "aa" in "aaa" is not one place but two."""
    starts: list[int] = []
    start = text.find(wanted)
    while start >= 0 and len(starts) <= _MAX_SHOWN_LINES:
        starts.append(start)
        start = text.find(wanted, start + 1)
    return starts


def _check_occurrences(path: str, text: str, starts: list[int], *, replace_all: bool) -> None:
    if not starts:
        hint = "it must match exactly, white space and indentation included; read the file again"
        raise WorkspaceError(f"the text to replace was not found in {shown(path)}: {hint}", culprit=path)
    if len(starts) > 1 and not replace_all:
        lines = ", ".join(str(text.count("\n", 0, start) + 1) for start in starts[:_MAX_SHOWN_LINES])
        more = f"more than {_MAX_SHOWN_LINES}" if len(starts) > _MAX_SHOWN_LINES else str(len(starts))
        hint = "add surrounding text to make it unique, or pass replace_all"
        raise WorkspaceError(f"the text to replace occurs {more} times in {shown(path)}, on lines {lines}; {hint}")
