"""Opening beneath a directory descriptor: by the kernel in one step (openat2(2), Linux 5.6), or component by component.

Neither leaves a moment between a check and a use. The walk refuses every symbolic link.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Enough to pass through a directory that may be entered but not listed, as other users' homes are.
_PASSING = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
# Enough to ask what a thing is, without permission to read it and without waiting.
LOOKING = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_CLOEXEC
_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH = 0x02, 0x04, 0x08
_MAX_RETRIES = 1_000
# For absolute paths openat2(2) ignores the directory it is given.
_ANYWHERE = -100


@contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close a file descriptor at the end of a block."""
    try:
        yield fd
    finally:
        os.close(fd)


def link_target(name: str, fd: int) -> str:
    """Return where a symbolic link points, "" when `name` is none; what is unreadable fails at its use."""
    with suppress(OSError):
        return os.readlink(name, dir_fd=fd)
    return ""


@functools.cache
def choose_opener() -> Callable[[int, str, int], int]:
    """Choose once: the kernel's resolver, or the walk where the kernel (or a container's filter) has none."""
    if sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"):
        return open_by_walk
    with closing(os.open("/", DIRECTORY)) as fd, suppress(OSError):
        os.close(open_beneath(fd, ".", DIRECTORY))
        return open_beneath
    return open_by_walk


@functools.cache
def _syscall() -> Any:
    import ctypes

    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    return function


def open_beneath(root: int, relative: str, flags: int) -> int:
    """Open through openat2; a rename elsewhere can make the kernel ask for another try (EAGAIN)."""
    return _openat2(root, relative, flags, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)


def _openat2(root: int, path: str, flags: int, resolve: int) -> int:
    import ctypes

    encoded, how = os.fsencode(path), struct.pack("QQQ", flags, 0, resolve)
    number, size = ctypes.c_long(_SYS_OPENAT2), ctypes.c_size_t(len(how))
    for _ in range(_MAX_RETRIES):
        fd = int(_syscall()(number, ctypes.c_int(root), encoded, how, size))
        if fd >= 0:
            return fd
        if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


def open_without_links(path: Path, flags: int) -> int:
    """Open an absolute path on which no component is a symbolic link, and return the descriptor.

    Raises:
        OSError: EXDEV for a link or ".." on the way or a link at the end, else what the system said.
    """
    text = str(path)
    if choose_opener() is open_beneath and text.startswith("/") and ".." not in path.parts:
        try:
            return _openat2(_ANYWHERE, text, flags, _RESOLVE_NO_SYMLINKS)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.EXDEV, "symbolic link", text) from None
            raise
    with closing(os.open("/", _PASSING)) as top:
        return open_by_walk(top, text.strip("/") or ".", flags)


def open_by_walk(root: int, relative: str, flags: int) -> int:
    """Open component by component, refusing every symbolic link on the way and at the end."""
    *parents, last = relative.split("/")
    fd = os.dup(root)
    try:
        for name in parents:
            parent, fd = fd, _open_component(fd, name, _PASSING)
            os.close(parent)
        return _open_component(fd, last, flags)
    finally:
        os.close(fd)


def _open_component(parent: int, name: str, flags: int) -> int:
    if name == "..":
        raise OSError(errno.EXDEV, "leads upwards", name)
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError:
        # Linux says "not a directory" for a link opened with O_DIRECTORY; a link must look like an escape.
        if link_target(name, parent):
            raise OSError(errno.EXDEV, "symbolic link", name) from None
        raise
