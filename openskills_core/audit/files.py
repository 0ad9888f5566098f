"""The two files of an audit log, the lock that many threads and processes share, and how they are read and written."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openskills_core.audit.chain import Head

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PRIVATE_FILE = 0o600
_PRIVATE_DIRECTORY = 0o700
# Without this flag Windows would rewrite newlines; elsewhere it does not exist.
_BINARY = getattr(os, "O_BINARY", 0)
_WINDOWS_LOCK = threading.RLock()


def head_path(log: Path) -> Path:
    """Return where the head anchor of `log` stands: beside it, with `.head` added."""
    return log.with_name(log.name + ".head")


@contextmanager
def locked(descriptor: int, *, shared: bool = False) -> Iterator[None]:
    """Hold the log's lock. Each opening of the file is a holder of its own, so threads exclude each other too."""
    if sys.platform == "win32":
        # There is no flock: threads are kept apart, several processes must use several logs.
        with _WINDOWS_LOCK:
            yield
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        # Closing would not do: a child forked meanwhile shares the descriptor and would go on holding the lock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class AppendFiles:
    """A log and its head anchor, open for append. Made with their directories when they are missing.

    Raises:
        OSError: from every method, when the files cannot be had or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log, self._head = _open_both(path)

    def close(self) -> None:
        """Close both files."""
        os.close(self._log)
        os.close(self._head)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock on the log that stands at the path now: it may have been moved away since it was opened."""
        while True:
            with locked(self._log):
                if self._is_current():
                    yield
                    return
            self.close()
            self._log, self._head = _open_both(self._path)

    def identity(self) -> tuple[int, int, int]:
        """Return device, inode and size of the log: as long as they stay, nobody appended."""
        seen = os.fstat(self._log)
        return seen.st_dev, seen.st_ino, seen.st_size

    def read_from(self, offset: int) -> bytes:
        """Return the log's bytes from `offset` to its end."""
        return _read_all(self._log, offset)

    def read_head(self) -> Head | None:
        """Return the head that the anchor holds, or None."""
        return Head.decode(_read_all(self._head, 0))

    def write_line(self, line: bytes, offset: int, *, fsync: bool) -> None:
        """Write `line` at `offset`, the end of the last whole line.

        An unfinished line that stood there is overwritten by the record that holds its text, which is always longer:
        at no moment is the text in neither.
        """
        _write(self._log, line, offset, fsync=fsync)

    def write_head(self, head: Head, *, fsync: bool) -> None:
        """Replace the anchor's content."""
        _write(self._head, head.encode(), 0, fsync=fsync)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._log), os.stat(self._path))  # noqa: PTH116 - samestat wants both alike
        except FileNotFoundError:
            return False


def snapshot(path: Path) -> tuple[int, Head | None]:
    """Return a log's size in bytes (0 when it is missing) and its head, at a moment when nobody is writing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _BINARY)
    except FileNotFoundError:
        return 0, _stored_head(path)
    try:
        with locked(descriptor, shared=True):
            return os.fstat(descriptor).st_size, _stored_head(path)
    finally:
        os.close(descriptor)


def lines(path: Path, size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes of a log as lines, newlines included; only the last one may lack its own."""
    if size == 0:
        return
    with path.open("rb") as file:
        while size > 0 and (line := file.readline(size)):
            size -= len(line)
            yield line


def _stored_head(log: Path) -> Head | None:
    try:
        return Head.decode(head_path(log).read_bytes())
    except FileNotFoundError:
        return None


def _open_both(path: Path) -> tuple[int, int]:
    _make_private_directory(path.parent)
    log = _open_private(path)
    try:
        return log, _open_private(head_path(path))
    except OSError:
        os.close(log)
        raise


def _open_private(path: Path) -> int:
    # O_RDWR also keeps the opening of a named pipe from waiting for a reader.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, _PRIVATE_FILE)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def _make_private_directory(directory: Path) -> None:
    """Make `directory` and its missing parents; `mkdir(parents=True)` would leave the parents open to others."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        path.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)


def _read_all(descriptor: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read()


def _write(descriptor: int, data: bytes, offset: int, *, fsync: bool) -> None:
    os.lseek(descriptor, offset, os.SEEK_SET)
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, "only a part of the record could be written")
    if fsync:
        os.fsync(descriptor)
