"""The kernel's list of what has happened to some directories. Source: inotify(7).

An event is in the list before the system call that caused it returns. What never shows are writes through a memory map,
and on network and FUSE file systems what others do: see `is_complete_for`.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTRIBUTES, CREATED, DELETED, MODIFIED = 0x4, 0x100, 0x200, 0x2
MOVED_FROM, MOVED_TO, DELETED_SELF, MOVED_SELF = 0x40, 0x80, 0x400, 0x800
UNMOUNTED, OVERFLOWN, IGNORED = 0x2000, 0x4000, 0x8000

_ONLY_DIRECTORIES, _FOLLOW_NO_LINK = 0x01000000, 0x02000000
_HEADER = struct.Struct("iIII")
_BUFFER = 64 * 1024
_MAX_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
# Kinds of file systems on which all changes go through this kernel: ext4, XFS, Btrfs, tmpfs, F2FS, overlayfs.
_LOCAL = frozenset({0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0xF2F52010, 0x794C7630})


class Event(NamedTuple):
    """What happened (`mask`) to `name` in a watched directory, or with "" to the directory itself."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One list of events, closed with its last reference.

    Raises:
        OSError: there is none to be had.
    """

    def __init__(self) -> None:
        self._fd = _checked(_libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self.close = weakref.finalize(self, os.close, self._fd)

    def watch(self, directory: str, mask: int) -> int:
        """Report what happens in a directory from now on, and return the number that its events bear.

        Raises:
            OSError: it is no directory, is a link, may not be read, or there are too many watches.
        """
        flags = mask | _ONLY_DIRECTORIES | _FOLLOW_NO_LINK
        return _checked(_libc().inotify_add_watch(self._fd, os.fsencode(directory), flags))

    def events(self) -> Iterator[Event]:
        """Yield what has happened since this was last asked."""
        while True:
            try:
                data = os.read(self._fd, _BUFFER)
            except BlockingIOError:
                return
            yield from _events(data)


def is_complete_for(directory: str) -> bool:
    """Whether every change of what lies in a directory is made through this kernel, so that none is missed."""
    import ctypes

    if sys.platform != "linux":
        return False
    status = ctypes.create_string_buffer(1_024)
    if _libc().statfs(os.fsencode(directory), status) != 0:
        return False
    return ctypes.c_long.from_buffer(status).value in _LOCAL


def max_watches() -> int:
    """Return how many directories one user may watch in all, 0 where none."""
    try:
        return int(_MAX_WATCHES.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _events(data: bytes) -> Iterator[Event]:
    at = 0
    while at < len(data):
        watch, mask, _, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        yield Event(watch, mask, os.fsdecode(data[at : at + length].rstrip(b"\0")))
        at += length


@functools.cache
def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    import ctypes

    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
