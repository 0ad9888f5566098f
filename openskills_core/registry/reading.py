"""Opening what a stranger may have put there: never waiting for a FIFO, never taking a device for a file."""

from __future__ import annotations

import errno
import os
import stat

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_start(path: str, limit: int, *, follow: bool = True) -> bytes:
    """Return the first `limit` bytes of a regular file.

    Raises:
        OSError: there is none; ELOOP when the last component is a symbolic link and links are not followed.
    """
    fd = os.open(path, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return _read(fd, min(limit, status.st_size + 1), limit)
    finally:
        os.close(fd)


def _read(fd: int, expected: int, limit: int) -> bytes:
    data = os.read(fd, expected)
    # A regular file gives less than it was asked for at its end only; one more byte means that it grew meanwhile.
    while expected <= len(data) < limit:
        more = os.read(fd, limit - len(data))
        if not more:
            break
        data, expected = data + more, len(data) + len(more)
    return data


def reason(error: OSError) -> str:
    """Return why something could not be opened, in a few words."""
    return (error.strerror or str(error)).lower()
