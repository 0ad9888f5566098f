"""Limits of one sandboxed process tree: rlimits on its first process, and a watch on what rlimits cannot add up."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openskills_core.models import MIB
from openskills_core.sandbox.linux.argv import PRIVATE_TMP
from openskills_core.sandbox.linux.etc import HOME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from openskills_core.models import Job, Limits

# Address space is no memory: interpreters reserve gigabytes and touch little. This bound only stops absurd mappings.
_MIN_ADDRESS_SPACE = 8 * 1024 * MIB
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_WORKSPACE_EVERY_S = 0.5
_WORKSPACE_MAX_FILES = 100_000
_MEMORY_SYSTEMS = (PRIVATE_TMP, HOME, "/dev/shm")  # noqa: S108 - the ones inside the sandbox
_INODE = 1024
_NAME_WIDTH = 26
_NAMES = {
    resource.RLIMIT_CPU: "Max cpu time",
    resource.RLIMIT_FSIZE: "Max file size",
    resource.RLIMIT_DATA: "Max data size",
    resource.RLIMIT_CORE: "Max core file size",
    resource.RLIMIT_NPROC: "Max processes",
    resource.RLIMIT_NOFILE: "Max open files",
    resource.RLIMIT_MEMLOCK: "Max locked memory",
    resource.RLIMIT_AS: "Max address space",
    resource.RLIMIT_MSGQUEUE: "Max msgqueue size",
}


def rlimits(limits: Limits) -> dict[int, int]:
    """Return the rlimits of a sandbox's first process; everything it starts inherits them.

    The process count is per user and user namespace (Linux 5.14), and the sandbox has one of its own. One is added
    for the sandbox's own first process.
    """
    memory = limits.memory_mb * MIB
    wanted = {
        resource.RLIMIT_NPROC: limits.processes + 1,
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_AS: max(8 * memory, _MIN_ADDRESS_SPACE),
        resource.RLIMIT_FSIZE: limits.file_mb * MIB,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if limits.cpu_ms is not None:
        # Per process, for those that leave no trace in their parent's times; the watch adds up the others.
        wanted[resource.RLIMIT_CPU] = limits.cpu_ms // 1000 + 1
    return wanted


def are_set(pid: int, wanted: Mapping[int, int]) -> bool:
    """Whether a process has these rlimits, or lower ones, soft and hard; see proc_pid_limits(5)."""
    lines = _read(f"/proc/{pid}/limits").splitlines()[1:]
    found = {line[:_NAME_WIDTH].rstrip(): line[_NAME_WIDTH:].split()[:2] for line in lines}
    return all(_is_within(found.get(_NAMES[kind], ()), bound) for kind, bound in wanted.items())


def _is_within(values: Sequence[str], bound: int) -> bool:
    return len(values) > 1 and all(value.isdigit() and int(value) <= bound for value in values)


@dataclass(slots=True)
class Watch:
    """Adds up what a whole tree uses. `overuse` is called every few hundredths of a second while the tree runs."""

    root_pid: int
    limits: Limits
    workspaces: tuple[Path, ...]
    memory_systems: tuple[int, ...]
    _workspace_due: float = field(default_factory=lambda: time.monotonic() + _WORKSPACE_EVERY_S)

    @classmethod
    @contextlib.contextmanager
    def of(cls, root_pid: int, job: Job) -> Iterator[Watch]:
        """Yield the watch of a held process; what it keeps open for that is closed afterwards."""
        written = tuple(mount.path for mount in job.mounts if mount.mode == "write")
        with contextlib.ExitStack() as opened:
            systems = []
            for folder in _MEMORY_SYSTEMS:
                with contextlib.suppress(FileNotFoundError):
                    systems.append(os.open(f"/proc/{root_pid}/root{folder}", os.O_PATH | os.O_CLOEXEC))
                    opened.callback(os.close, systems[-1])
            yield cls(root_pid, job.limits, written, tuple(systems))

    def overuse(self) -> str:
        """Return the limit that the tree has reached, such as "limit:memory", or ""."""
        pids = self.pids()
        if self.limits.cpu_ms is not None and self.spent_ms(pids) > self.limits.cpu_ms:
            return "limit:cpu"
        if self._memory_reached(pids):
            return "limit:memory"
        if self._workspace_reached(pids):
            return "limit:workspace"
        return ""

    def pids(self) -> list[int]:
        """Return the processes of the tree."""
        return list(_tree(self.root_pid))

    def spent_ms(self, pids: list[int]) -> float:
        """Return the processor time of these processes, and of those that they have waited for."""
        return sum(map(_cpu_ms, pids))

    def _memory_reached(self, pids: list[int]) -> bool:
        # Files in memory are memory, and so is what the kernel keeps for each of them, however empty.
        bound = self.limits.memory_mb * MIB - sum(map(_held_in_memory, self.memory_systems))
        # Resident sizes count shared pages once per process; the exact sum is only worth its cost near the bound.
        return sum(map(_resident, pids)) > bound and sum(map(_proportional, pids)) > bound

    def _workspace_reached(self, pids: list[int]) -> bool:
        if time.monotonic() < self._workspace_due:
            return False
        started = time.monotonic()
        bound = self.limits.workspace_mb * MIB - sum(map(_unlinked, pids))
        reached = any(_exceeds(workspace, bound) for workspace in self.workspaces)
        # A large tree is looked at less often, so that watching costs at most a tenth of one core.
        self._workspace_due = time.monotonic() + max(_WORKSPACE_EVERY_S, 10 * (time.monotonic() - started))
        return reached


def _tree(root_pid: int) -> Iterator[int]:
    """Yield the process and its descendants. Orphans belong to it too: it is the first of its pid namespace."""
    yield root_pid
    try:
        for task in os.listdir(f"/proc/{root_pid}/task"):
            for child in _read(f"/proc/{root_pid}/task/{task}/children").split():
                yield from _tree(int(child))
    except OSError:
        return


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _cpu_ms(pid: int) -> float:
    """Return processor time of a process and of the children it has waited for."""
    _, _, rest = _read(f"/proc/{pid}/stat").rpartition(")")
    times = rest.split()[11:15]
    return sum(map(int, times)) * 1000 / _TICKS_PER_SECOND


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    # The file-backed part of "shared" is program text; what counts is anonymous and shmem, close to resident.
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def _proportional(pid: int) -> int:
    """Return a process's share of anonymous and shared memory, program text left out."""
    kilobytes = 0
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
            kilobytes += int(line.split()[1])
    return kilobytes * 1024 if kilobytes else _resident(pid)


def _held_in_memory(system: int) -> int:
    status = os.fstatvfs(system)
    return (status.f_blocks - status.f_bfree) * status.f_frsize + (status.f_files - status.f_ffree) * _INODE


def _unlinked(pid: int) -> int:
    """Return the bytes on disk of files that a process keeps open though they have no name any more."""
    total = 0
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                status = os.stat(f"/proc/{pid}/fd/{name}")
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    total += status.st_blocks * 512
    return total


def _exceeds(folder: Path, bound: int) -> bool:
    """Whether the files beneath `folder` take more than `bound` bytes on disk, are absurdly many, or hide."""
    total = files = 0
    pending = [os.fspath(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    files += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError as error:
            # A path too long to look at, and a directory made unreadable by the only user who could have.
            if error.errno == errno.ENAMETOOLONG or (error.errno == errno.EACCES and _is_ours(error.filename)):
                return True
        if total > bound or files > _WORKSPACE_MAX_FILES:
            return True
    return False


def _is_ours(path: str) -> bool:
    try:
        return os.lstat(path).st_uid == os.geteuid()
    except OSError:
        return False
