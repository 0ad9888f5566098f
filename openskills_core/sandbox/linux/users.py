"""Throw-away user ids, so that a host running as root never runs a script as root."""

from __future__ import annotations

import random
import threading
from pathlib import Path

from openskills_core.errors import LimitExceededError

# systemd's registry of user ids leaves 1879048192 to 2147483647 to nobody.
_BASE = 1_900_000_000
_BLOCKS = 100_000
_BLOCK_SIZE = 256


class RunUsers:
    """A block of ids of this host process, one per concurrent run. Thread-safe.

    Two runs with one id could count against each other's process limit, so a process takes a block at random.
    """

    def __init__(self) -> None:
        self.ids = _block()
        self._free = list(reversed(self.ids))
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return an id that no other run of this process has.

        Raises:
            LimitExceededError: all of them are in use.
        """
        with self._lock:
            if not self._free:
                raise LimitExceededError(f"{len(self.ids)} scripts run at once already; wait for one to end")
            return self._free.pop()

    def give_back(self, run_id: int) -> None:
        """Return an id whose last process is dead."""
        with self._lock:
            self._free.append(run_id)


def _block() -> range:
    highest = _highest_mapped_id()
    # No secret depends on the choice; it only spreads hosts apart.
    start = _BASE + random.randrange(_BLOCKS) * _BLOCK_SIZE  # noqa: S311 - not for cryptography
    if start + _BLOCK_SIZE <= highest:
        return range(start, start + _BLOCK_SIZE)
    # Root inside a container with few ids: the topmost ones, nobody (65534) left out.
    top = highest - 2
    return range(max(top - min(_BLOCK_SIZE, highest // 4), 1), top)


def _highest_mapped_id() -> int:
    lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    return max(int(first) + int(count) for first, _, count in map(str.split, lines))
