"""What a file looks like from outside, to tell whether it is still the one that was read."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

# Device, inode, size, and nanoseconds since the epoch of the last change of the content and of the last change of
# anything, as 64-bit integers of the machine. Bytes, because ten thousand tuples would be work for the collector of
# cyclic garbage. Nobody but root can give a changed file its old time of change back.
Stamp: TypeAlias = bytes
STAMP_BYTES = 40

_FORMAT = struct.Struct("=QQqqq")
_IDENTITY_BYTES = 16
_MASK = 2**63 - 1
# A change may not show while the file system's clock stands still: for a tick of the kernel, or for two seconds where
# times are whole seconds (FAT).
_TICK_NS = 100_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000


def stamp_at(path: str) -> Stamp | None:
    """Return the stamp of what a path leads to, None where that is nothing or cannot be looked at."""
    return stamps_at((path,))[0]


def stamps_at(paths: Iterable[str]) -> list[Stamp | None]:
    """Return the stamps of many paths."""
    stat, pack, stamps = os.stat, _FORMAT.pack, list[Stamp | None]()
    for path in paths:
        # These lines run for every skill at every question.
        try:
            found = stat(path)
            stamp = pack(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        except (OSError, ValueError):  # a NUL in a path is a ValueError
            stamps.append(None)
        except struct.error:
            stamps.append(_odd_stamp(found))
        else:
            stamps.append(stamp)
    return stamps


def _odd_stamp(status: os.stat_result) -> Stamp:
    """Return the stamp of a file with a time in a century that 64 bits do not reach."""
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _FORMAT.pack(*(number & _MASK for number in numbers))


def identity_of(stamp: Stamp) -> bytes:
    """Return the device and inode in a stamp."""
    return stamp[:_IDENTITY_BYTES]


def is_settled(stamp: Stamp, looked_ns: int) -> bool:
    """Whether any change after `looked_ns`, by the clock since the epoch, is bound to give another stamp."""
    *_, modified, changed = _FORMAT.unpack(stamp)
    tick = _TICK_NS if modified % _SECOND_NS else _COARSE_TICK_NS
    # A time of modification in the future was set by hand, and the next change replaces it.
    return bool(looked_ns - changed > tick and abs(looked_ns - modified) > tick)
