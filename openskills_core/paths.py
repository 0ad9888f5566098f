"""The only path-containment code: every path is resolved beneath a root through directory file descriptors.

The kernel resolves and opens in one step (openat2 with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS, Linux 5.6), so there
is no moment between a check and a use. Where openat2 is missing, a component-wise O_NOFOLLOW walk stands in, which
refuses every symbolic link. Source: openat2(2), https://man7.org/linux/man-pages/man2/openat2.2.html.

Paths are POSIX, `..` is collapsed lexically before anything is opened, and names that are not UTF-8 travel as Python's
surrogate escapes.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Self, TypeAlias

from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.opening import DIRECTORY, choose_opener, closing, link_target, open_beneath, open_without_links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

StrPath: TypeAlias = "str | os.PathLike[str]"
Kind = Literal["file", "directory", "symlink", "FIFO", "socket", "device"]
MAX_ENTRIES = 100_000

_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
}
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAX_LINKS = 40
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing found by a walk. `path` is relative to the root, POSIX; `stat` is of the entry itself (lstat)."""

    path: str
    kind: Kind
    stat: os.stat_result


class Place(NamedTuple):
    """Where a name lives: an open directory beneath the root, and the last component."""

    fd: int
    name: str


class Root:
    """A directory, held open, that no path given to it can leave.

    Use it as a context manager around one operation: a directory replaced since is then seen as it is now. Every
    method that takes a path raises `PathEscapeError` when the path leads outside, whether or not anything exists
    there, and `WorkspaceError`, with the reason, when the thing itself cannot be had.

    Args:
        path: absolute path of the directory, without symbolic links: one that a script put there since is refused.
        alias: another absolute spelling of the same directory that absolute paths may start with.

    Raises:
        WorkspaceError: the directory cannot be opened.
    """

    __slots__ = ("_fd", "_opener", "_spellings", "path")

    def __init__(self, path: Path, *, alias: Path | None = None) -> None:
        self.path = path
        self._spellings = (str(path), str(alias or path))
        self._opener = choose_opener()
        with reporting(path):
            self._fd = open_without_links(path, DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def relative(self, path: StrPath) -> str:
        """Return `path` normalised, POSIX and relative to the root ("." is the root itself). Looks at no disk.

        An absolute path is accepted when it lies beneath the root as written. An empty path, a NUL and what cannot be
        encoded as a file name are a `WorkspaceError`.
        """
        text = _checked(path)
        if text.startswith("/"):
            text = self._without_root(text)
        relative = posixpath.normpath(text)
        if relative == ".." or relative.startswith("../"):
            raise _escape(path)
        return relative

    def _without_root(self, path: str) -> str:
        normal = posixpath.normpath("/" + path.lstrip("/"))
        for spelling in self._spellings:
            below = spelling.rstrip("/") + "/"
            if f"{normal}/".startswith(below):
                return normal[len(below) :] or "."
        raise _escape(path)

    def open_read(self, path: StrPath, *, follow: bool = True) -> BinaryIO:
        """Open a regular file for reading; anything else is refused by name. Never blocks, not even on a FIFO.

        Symbolic links that stay beneath the root are followed; `follow=False` refuses one as the last component.
        """
        relative = self.relative(path)
        with reporting(path):
            fd = self._open_regular(relative, _FILE if follow else _FILE | os.O_NOFOLLOW)
            return os.fdopen(fd, "rb")

    def _open_regular(self, relative: str, flags: int) -> int:
        try:
            fd = self._open(relative, flags)
        except OSError as error:
            # A socket, and a device without a driver, cannot be opened at all; say what it is instead.
            if error.errno in (errno.ENXIO, errno.ENODEV):
                raise _not_regular(relative, self._stat(relative)) from error
            raise
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            return fd
        os.close(fd)
        raise _not_regular(relative, status)

    def read(self, path: StrPath, *, limit: int) -> bytes:
        """Return the whole content of a regular file; more than `limit` bytes are a `WorkspaceError`."""
        with self.open_read(path) as file, reporting(path):
            data = file.read(limit + 1)
        if len(data) > limit:
            raise WorkspaceError(f"{shown(path)} is larger than the {limit} bytes allowed", culprit=os.fspath(path))
        return data

    def open_dir(self, path: StrPath = ".") -> int:
        """Return a file descriptor of a directory; the caller closes it."""
        relative = self.relative(path)
        with reporting(path):
            return self._open(relative, DIRECTORY)

    def stat(self, path: StrPath) -> os.stat_result:
        """Return the status of what `path` resolves to, without opening that."""
        relative = self.relative(path)
        with reporting(path):
            return self._stat(relative)

    def _stat(self, relative: str) -> os.stat_result:
        if self._follows_links():
            with closing(self._open(relative, os.O_PATH | os.O_CLOEXEC)) as fd:
                return os.fstat(fd)
        head, name = posixpath.split(relative)
        with closing(self._open(head, DIRECTORY)) as fd:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise OSError(errno.EXDEV, "symbolic link", relative)
        return status

    @contextmanager
    def place(self, path: StrPath, *, create: bool = False, follow: bool = False) -> Iterator[Place]:
        """Hold open the directory that `path` names something in, to change that name through its descriptor.

        Args:
            path: the file or directory to be changed; the root itself is refused.
            create: make missing parent directories.
            follow: when the name is a symbolic link that stays beneath the root, give the place it points at.
        """
        relative = self.relative(path)
        if relative == ".":
            raise WorkspaceError(f"{shown(path)} is the root directory itself; name something in it")
        with reporting(path):
            place = self._locate(relative, create=create, follow=follow)
        with closing(place.fd), reporting(path):
            yield place

    def _locate(self, relative: str, *, create: bool, follow: bool) -> Place:
        for _ in range(_MAX_LINKS):
            head, name = posixpath.split(relative)
            if name in ("", ".", ".."):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), relative)
            fd = self._make_dirs(head) if create else self._open(head, DIRECTORY)
            target = link_target(name, fd) if follow else ""
            if not target:
                return Place(fd, name)
            os.close(fd)
            if not self._follows_links():
                break
            # Only the path as given may make directories: a link into a missing one is broken, not a request.
            relative, create = posixpath.join(head, target), False
        raise OSError(errno.EXDEV, "leads outside", relative)

    def _make_dirs(self, relative: str) -> int:
        """Open the directory `relative`, making what is missing of it; each step is taken from the root again."""
        with suppress(FileNotFoundError):
            return self._open(relative, DIRECTORY)
        parent = ""
        for name in relative.split("/"):
            with closing(self._open(parent, DIRECTORY)) as fd, suppress(FileExistsError):
                os.mkdir(name, dir_fd=fd)
            parent = posixpath.join(parent, name)
        return self._open(relative, DIRECTORY)

    def children(self, path: StrPath = ".", *, limit: int = MAX_ENTRIES) -> list[Entry]:
        """Return at most `limit` entries of one directory, sorted by name, symbolic links not followed."""
        relative = self.relative(path)
        with closing(self.open_dir(path)) as fd, reporting(path), os.scandir(fd) as found:
            entries = [_entry(relative, item) for item in islice(found, limit)]
        return sorted((entry for entry in entries if entry), key=attrgetter("path"))

    def walk(
        self, path: StrPath = ".", *, limit: int = MAX_ENTRIES, enter: Callable[[Entry], bool] = lambda _: True
    ) -> Iterator[Entry]:
        """Yield what lies beneath a directory, each directory before its content, names sorted within each.

        Symbolic links are entries and are never followed. What vanishes or cannot be read on the way is left out.

        Args:
            path: where to start; it is not itself yielded.
            limit: the walk ends after this many entries (ask for one more than wanted to learn that it was cut).
            enter: whether to go into a directory.
        """
        return islice(self._walk(self.children(path, limit=limit), limit, enter), limit)

    def _walk(self, start: list[Entry], limit: int, enter: Callable[[Entry], bool]) -> Iterator[Entry]:
        pending = [iter(start)]
        while pending:
            entry = next(pending[-1], None)
            if entry is None:
                pending.pop()
                continue
            yield entry
            if entry.kind == "directory" and enter(entry):
                with suppress(WorkspaceError, PathEscapeError):
                    pending.append(iter(self.children(entry.path, limit=limit)))

    def _open(self, relative: str, flags: int) -> int:
        return self._opener(self._fd, relative or ".", flags)

    def _follows_links(self) -> bool:
        return self._opener is open_beneath


def kind_of(status: os.stat_result) -> Kind:
    """Return what kind of thing a status describes."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "device")


def shown(path: StrPath) -> str:
    """Return a path quoted for one line of text: no raw newline or undecodable byte, at most about 200 characters."""
    text = os.fspath(path)
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


@contextmanager
def reporting(path: StrPath) -> Iterator[None]:
    """Turn an operating system error about `path` into one clear sentence.

    Raises:
        PathEscapeError: the kernel refused to leave the root.
        WorkspaceError: any other failure.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ELOOP):
            raise _escape(path) from None
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise WorkspaceError(f"{shown(path)}: {reason.lower()}", culprit=os.fspath(path)) from error


def _escape(path: StrPath) -> PathEscapeError:
    # One text for every way out: it must not say whether anything exists there.
    text = f"{shown(path)} leads outside the directory it must stay beneath; use a relative path without symbolic links"
    return PathEscapeError(text, culprit=os.fspath(path))


def _not_regular(path: str, status: os.stat_result) -> WorkspaceError:
    return WorkspaceError(f"{shown(path)} is a {kind_of(status)}, not a regular file", culprit=path)


def _checked(path: StrPath) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path must be text, got {type(text).__name__}")
    if not text:
        raise WorkspaceError("the path is empty; name a file or directory")
    if "\0" in text:
        raise WorkspaceError(f"{shown(text)} holds a NUL character, which no file name can", culprit=text)
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise WorkspaceError(f"{shown(text)} cannot be encoded as a file name", culprit=text) from None
    return text


def _entry(parent: str, item: os.DirEntry[str]) -> Entry | None:
    # scandir of a descriptor gives bare names; a name that vanished meanwhile has no status.
    try:
        status = item.stat(follow_symlinks=False)
    except OSError:
        return None
    return Entry(item.name if parent == "." else f"{parent}/{item.name}", kind_of(status), status)
