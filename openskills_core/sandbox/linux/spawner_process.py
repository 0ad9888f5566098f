"""What the spawner does to processes, and to what they leave. A part of the spawner: standard library only."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CALLS = "calls"


@contextlib.contextmanager
def acting_as(user: int) -> Iterator[None]:
    """Be another user, without capabilities, while a process is started; 0 changes nothing.

    The new process keeps nothing of root: its saved user id becomes its effective one when it is executed, see
    execve(2). This one keeps the saved id, by which it comes back.
    """
    if not user:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(user, user, 0)
    os.setresuid(user, user, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def become(user: int) -> None:
    """Be another user for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def limit(pid: int, kind: int, value: int) -> None:
    """Set one rlimit of a process, soft and hard; what is lower already stays."""
    _, hard = resource.prlimit(pid, kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.prlimit(pid, kind, (bound, bound))


def forked(work: Callable[[], None]) -> int:
    """Return a fork of this process that does `work` and ends."""
    pid = os.fork()
    if pid:
        return pid
    exit_status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        work()
        exit_status = 0
    finally:
        os._exit(exit_status)


def is_alive(group: int) -> bool:
    """Whether a process group has a process that is not dead: a dead one may wait long for somebody to reap it."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return any(_lives(int(name), group) for name in os.listdir("/proc") if name.isdigit())


def _lives(pid: int, group: int) -> bool:
    try:
        if os.getpgid(pid) != group:
            return False
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def remove_calls(scratch: str) -> None:
    """Remove the private directories of calls that their host could not remove any more."""
    if not os.path.isdir(os.path.join(scratch, _CALLS)):
        return
    package = os.path.abspath(os.path.join(os.path.dirname(__file__), *[".."] * 3))
    if package not in sys.path:
        sys.path.append(package)
    from openskills_core.removal import remove_tree

    with contextlib.suppress(OSError):
        parent = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            remove_tree(_CALLS, parent)
        finally:
            os.close(parent)
