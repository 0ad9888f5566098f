"""What a file looks like from outside, to tell whether it is still the one that was read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

# Device, inode, size, nanoseconds since the epoch of the last change of content and of the last change of anything.
# Nobody but root can give a changed file its old time of change back.
Stamp: TypeAlias = tuple[int, int, int, int, int]

# A change may not show while the file system's clock stands still: for a tick of the kernel, or for two seconds where
# times are whole seconds (FAT).
_TICK_NS = 100_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp in a status."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def stamp_at(path: str) -> Stamp | None:
    """Return the stamp of what a path leads to, None where that is nothing or cannot be looked at."""
    try:
        return stamp_of(os.stat(path))
    except (OSError, ValueError):  # a NUL in a path is a ValueError
        return None


def stamps_at(paths: Iterable[str]) -> list[Stamp | None]:
    """Return the stamps of many paths."""
    stat, stamps = os.stat, list[Stamp | None]()
    for path in paths:
        try:
            found = stat(path)
        except (OSError, ValueError):
            stamps.append(None)
            continue
        # Not `stamp_of`: this line runs for every skill at every question.
        stamps.append((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    return stamps


def is_settled(stamp: Stamp, looked_ns: int) -> bool:
    """Whether any change after `looked_ns`, by the clock since the epoch, is bound to give another stamp."""
    modified, changed = stamp[3:]
    tick = _TICK_NS if modified % _SECOND_NS else _COARSE_TICK_NS
    # A time of modification in the future was set by hand, and the next change replaces it.
    return looked_ns - changed > tick and abs(looked_ns - modified) > tick
