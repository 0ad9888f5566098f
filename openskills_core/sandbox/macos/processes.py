"""Which processes belong to one run, what they use together, and how all of them are ended.

macOS has no namespace of processes, and a process can leave its parent, its group and its session. What it cannot leave
is its sandbox: children inherit it and nobody can take another. Each run's profile allows one service name that no
other profile knows, and the kernel tells anybody whether a process may look a name up; that is the mark.

Imported by the supervisor as a lone file, so: the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

_PAUSE_S = 0.002


class Process(NamedTuple):
    """One live process: its id, its parent's, and its process group's."""

    pid: int
    parent: int
    group: int


class Usage(NamedTuple):
    """What one process holds and has used: memory in bytes, processor time in milliseconds."""

    memory: int
    cpu_ms: float


class Bounds(NamedTuple):
    """What a run may use: live processes, memory in bytes, processor time in milliseconds or None for any."""

    processes: int
    memory: int
    cpu_ms: float | None


class Table(Protocol):
    """The system's list of processes."""

    def processes(self) -> list[Process]:
        """Return the user's live processes, without those that ended and wait for their parent.

        Raises:
            OSError: the list cannot be had.
        """
        ...

    def marked(self, pid: int, mark: str) -> bool:
        """Whether a process runs in the sandbox whose profile allows the service `mark`; False for one that is gone."""
        ...

    def usage(self, pid: int) -> Usage:
        """Return what a process uses, nothing for one that is gone."""
        ...


def tree(processes: Iterable[Process], root: int) -> set[int]:
    """Return the ids of `root`, of its process group, and of every descendant of those."""
    children: dict[int, list[int]] = {}
    pending = []
    for process in processes:
        children.setdefault(process.parent, []).append(process.pid)
        if root in (process.pid, process.group):
            pending.append(process.pid)
    found: set[int] = set()
    while pending:
        pid = pending.pop()
        if pid not in found:
            found.add(pid)
            pending += children.get(pid, ())
    return found


def overuse(usages: Iterable[Usage], bounds: Bounds) -> str:
    """Return the limit that processes have reached together, such as "limit:memory", or ""."""
    taken = tuple(usages)
    if len(taken) > bounds.processes:
        return "limit:processes"
    if sum(usage.memory for usage in taken) > bounds.memory:
        return "limit:memory"
    if bounds.cpu_ms is not None and sum(usage.cpu_ms for usage in taken) > bounds.cpu_ms:
        return "limit:cpu"
    return ""


class Herd:
    """The processes of one run, told from all others of the user by descent, by group and by their mark."""

    def __init__(self, table: Table, root: int, mark: str) -> None:
        self._table = table
        self._root = root
        self._mark = mark
        # Asked about once: a sandbox is entered at a process's start or never.
        self._strangers: set[int] = set()

    def members(self) -> set[int]:
        """Return the ids of those that live. Never this process, its parent, or the system's first one."""
        return self._among(self._table.processes())

    def overuse(self, bounds: Bounds) -> str:
        """Return the limit that all of them together have reached, or ""."""
        return overuse(map(self._table.usage, self.members()), bounds)

    def end(self, seconds: float) -> int:
        """Kill them, and whatever they start meanwhile, for at most some seconds; return how many still live."""
        deadline = time.monotonic() + seconds
        left = 1  # until it is seen that there is none
        while left and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                left = self._kill(self._table.processes())
            time.sleep(_PAUSE_S if left else 0)
        return left

    def _kill(self, listed: list[Process]) -> int:
        members = self._among(listed)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # All of a group at once, before one can start another. While it has a member its number is nobody else's.
            if any(process.group == self._root for process in listed if process.pid in members):
                os.killpg(self._root, signal.SIGKILL)
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        return len(members)

    def _among(self, listed: list[Process]) -> set[int]:
        own = tree(listed, self._root)
        for pid in {process.pid for process in listed} - own - self._strangers:
            if self._table.marked(pid, self._mark):
                own.add(pid)
            else:
                self._strangers.add(pid)
        return own - {0, 1, os.getpid(), os.getppid()}
