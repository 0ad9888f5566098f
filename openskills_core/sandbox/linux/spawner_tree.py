"""What the spawner knows of one tree of confined processes, and of all of them together.

A part of the spawner: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import resource

    from openskills_core.sandbox.linux.spawner_confining import SPENT, STATUS
    from openskills_core.sandbox.linux.spawner_process import acting_as
    from openskills_core.sandbox.linux.spawner_views import Kernel
else:
    from spawner_confining import SPENT, STATUS
    from spawner_process import acting_as

_GROUP_AND_USER = struct.Struct("=iI")
_MOST_TREES = 4096
_COUNT_EVERY_S, _REMEMBERED_S = 1.0, 60.0


class Register:
    """The groups that are alive, with their users, in memory that the spawner shares with its keeper."""

    def __init__(self) -> None:
        self._table = mmap.mmap(-1, _MOST_TREES * _GROUP_AND_USER.size)
        self._free = list(reversed(range(_MOST_TREES)))

    def take(self) -> int:
        """Return a free place."""
        if not self._free:
            raise OSError(f"{_MOST_TREES} programs run at once already")
        return self._free.pop()

    def note(self, place: int, group: int, user: int) -> None:
        """Write down a group, or 0 for none."""
        _GROUP_AND_USER.pack_into(self._table, place * _GROUP_AND_USER.size, group, user)

    def give_back(self, place: int) -> None:
        """Strike a group out."""
        self.note(place, 0, 0)
        self._free.append(place)

    def groups(self) -> dict[int, int]:
        """Return group and user of all."""
        return {group: user for group, user in _GROUP_AND_USER.iter_unpack(self._table) if group}


class Tree:
    """One program and everything it started. `group` is its process id, session and process group."""

    def __init__(self, user: int, place: int, fds: list[int]) -> None:
        self.group = 0
        self.user = user
        self.place = place
        self._exit_code: int | None = None
        self._status = os.dup(fds[STATUS])
        self._spent = os.dup(fds[SPENT])
        self._spent_s = 0.0

    def has_begun(self, group: int) -> None:
        """Note what its first process is."""
        self.group = group
        self._tell({"child-pid": group})

    def spend(self, used: resource.struct_rusage) -> None:
        """Note the processor time of an orphan, which no process of the tree has waited for."""
        self._spent_s += used.ru_utime + used.ru_stime
        os.pwrite(self._spent, struct.pack("=d", self._spent_s), 0)

    def kill(self) -> None:
        """Kill all of it at once, if that has not been done."""
        if self._exit_code is None and not kill_group(self.group, self.user):
            os.kill(self.group, signal.SIGKILL)  # its first process is still on its way to a group of its own

    def has_ended(self, status: int) -> None:
        """Note how its first process has ended."""
        code = os.waitstatus_to_exitcode(status)
        self._exit_code = code if code >= 0 else 128 - code

    def is_over(self) -> bool:
        """Whether its last process is dead and reaped. There is no group yet while the first one is being started."""
        return self._exit_code is not None and not _exists(self.group)

    def close(self) -> None:
        """Tell how it ended, which is also the sign that nothing of it is alive, and forget it."""
        if self._exit_code is not None:
            self._tell({"exit-code": self._exit_code})
        os.close(self._status)
        os.close(self._spent)

    def _tell(self, what: dict[str, object]) -> None:
        with contextlib.suppress(OSError):
            os.write(self._status, json.dumps(what).encode() + b"\n")


class Crowd:
    """How many processes a user may have altogether, so that one tree has as many as it is meant to.

    The kernel counts per user. Trees that run at once share that count, so each is left the room of all that have
    lately run together; how many a single one has is then watched from outside.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._most: dict[int, tuple[int, float]] = {}
        self._others = 0
        self._counted = 0.0

    def bound(self, user: int, together: int, processes: int) -> int:
        """Return the limit for a tree of `processes`, the last of some of one user that run `together`."""
        now = time.monotonic()
        most, seen = self._most.get(user, (0, now))
        if together >= most or now > seen + _REMEMBERED_S:
            most, seen = together, now
        self._most[user] = (most, seen)
        return self._tasks_of_others(user) + most * processes

    def _tasks_of_others(self, user: int) -> int:
        """Return what the host's own user runs besides; a throw-away user runs nothing else."""
        if user:
            return 0
        if time.monotonic() > self._counted + _COUNT_EVERY_S:
            # Whom we may signal are our user's; that is many times faster than asking for each one's owner.
            # The process that becomes the tree is among them, in the place of the next one to wait.
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
            self._others = sum(_tasks(pid) for pid in pids if self._kernel.succeeds("kill", pid, 0))
            self._counted = time.monotonic()
        return self._others


def kill_group(group: int, user: int) -> bool:
    """Kill a process group; whether there is one."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return False
    except PermissionError:  # root without the capability
        with acting_as(user):
            os.killpg(group, signal.SIGKILL)
    return True


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tasks(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2
    except FileNotFoundError:
        return 0
