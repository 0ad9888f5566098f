"""Throw-away user ids, so that a host running as root never runs a script as root."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

from openskills_core.errors import LimitExceededError, SandboxUnavailableError

# systemd's registry of user ids leaves 1879048192 to 2147483647 to nobody.
_BASE = 1_900_000_000
_BLOCKS = 100_000
_BLOCK_SIZE = 256
_NOBODY = 65534


class RunUsers:
    """A block of ids of this host process, one per concurrent run. Thread-safe.

    Two runs with one id could count against each other's process limit, so a process takes a block at random, and so
    does a process that was forked off since.
    """

    def __init__(self) -> None:
        self._renewing = threading.Lock()
        self._mine = _Block()

    @property
    def ids(self) -> range:
        """All ids of this process; empty where root has no other user's ids to give."""
        return self._block().ids

    def take(self) -> int:
        """Return an id that no other run of this process has.

        Raises:
            SandboxUnavailableError: there are none.
            LimitExceededError: all of them are in use.
        """
        return self._block().take()

    def give_back(self, run_id: int) -> None:
        """Return an id whose last process is dead."""
        self._block().give_back(run_id)

    def _block(self) -> _Block:
        # No lock on the usual way: one that a thread holds during a fork is held for ever in the child.
        if self._mine.owner != os.getpid():
            with self._renewing:
                if self._mine.owner != os.getpid():
                    self._mine = _Block()
        return self._mine


class _Block:
    """The ids of one process, and which of them are free."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.ids = _ids()
        self._free = list(reversed(self.ids))
        self._lock = threading.Lock()

    def take(self) -> int:
        if not self.ids:
            raise _no_ids()
        with self._lock:
            if not self._free:
                raise LimitExceededError(f"{len(self.ids)} scripts run at once already; wait for one to end")
            return self._free.pop()

    def give_back(self, run_id: int) -> None:
        # An id that was taken before a fork belongs to the other process.
        if run_id in self.ids:
            with self._lock:
                self._free.append(run_id)


def is_throw_away(uid: int) -> bool:
    """Whether an id is one of those that no account has and that scripts of a root host run as."""
    return uid in _all_ids()


def lasting_id(directory: os.stat_result) -> int:
    """Return the throw-away id that a directory may belong to: always the same one, and rarely that of another.

    Raises:
        SandboxUnavailableError: there are none.
    """
    ids = _all_ids()
    if not ids:
        raise _no_ids()
    return ids[hash((directory.st_dev, directory.st_ino)) % len(ids)]


def _no_ids() -> SandboxUnavailableError:
    return SandboxUnavailableError(
        "root here has no other user ids to give to scripts, which must not run as root: run as an ordinary user, or "
        "give this container a range of ids (in /etc/subuid and /etc/subgid)",
        culprit="/proc/self/uid_map",
    )


def _ids() -> range:
    everything = _all_ids()
    # No secret depends on the choice; it only spreads hosts apart.
    start = random.randrange(max(len(everything) // _BLOCK_SIZE, 1)) * _BLOCK_SIZE  # noqa: S311 - not for cryptography
    return everything[start : start + _BLOCK_SIZE]


def _all_ids() -> range:
    highest = _highest_mapped_id()
    if highest >= _BASE + _BLOCKS * _BLOCK_SIZE:
        return range(_BASE, _BASE + _BLOCKS * _BLOCK_SIZE)
    # Root inside a container with few ids: the topmost ones, nobody (65534) left out.
    top = min(highest - 2, _NOBODY)
    return range(max(top - min(_BLOCK_SIZE, highest // 4), 1), top)


def _highest_mapped_id() -> int:
    lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    return max(int(first) + int(count) for first, _, count in map(str.split, lines))
