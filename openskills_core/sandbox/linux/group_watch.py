"""A watch on a tree without a process namespace: its processes are those of one group, which none of them can leave."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from openskills_core.sandbox.linux.limits import Watch

_DOUBLE = struct.Struct("=d")


@dataclass(slots=True, kw_only=True)
class GroupWatch(Watch):
    """Adds up what a process group uses.

    `orphans` is a file in which the spawner notes the processor time, in seconds, of processes that only it waited for.
    """

    orphans: int

    def overuse(self) -> str:
        """Return the limit that the group has reached, "limit:processes" among them, or ""."""
        if sum(map(_tasks, self.pids())) > self.limits.processes:
            return "limit:processes"
        return Watch.overuse(self)

    def pids(self) -> list[int]:
        """Return the processes of the group, orphans included."""
        everyone = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - twenty times a second
        return [pid for pid in everyone if _group(pid) == self.root_pid]

    def spent_ms(self, pids: list[int]) -> float:
        """Return the processor time of these processes and of those that are over."""
        noted = os.pread(self.orphans, _DOUBLE.size, 0)
        return Watch.spent_ms(self, pids) + (_DOUBLE.unpack(noted)[0] * 1000 if noted else 0)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _tasks(pid: int) -> int:
    """Return how many threads a process has; see proc_pid_task(5)."""
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2  # noqa: PTH116 - twenty times a second
    except FileNotFoundError:
        return 0
