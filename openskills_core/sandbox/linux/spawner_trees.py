"""The spawner's part of the reduced tier: whole trees of confined processes, from their start to their end.

A part of the spawner: standard library only. Each program becomes a session of its own. Its descendants cannot leave
that, because the filter answers setsid and setpgid with a success that changes nothing; so one signal to the group
reaches every one of them, also those that are being forked. What were to leave it all the same becomes a child of the
spawner, a subreaper, as soon as its parents are dead, and is killed as a stray.

If the spawner is killed, its keeper does this in its place: without a process namespace the kernel ends no tree by
itself.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openskills_core.sandbox.linux.spawner_confining import FILTER, Spare
    from openskills_core.sandbox.linux.spawner_process import forked, is_alive, remove_calls
    from openskills_core.sandbox.linux.spawner_tree import Crowd, Register, Tree, kill_group
    from openskills_core.sandbox.linux.spawner_views import Kernel
else:
    from spawner_confining import FILTER, Spare
    from spawner_process import forked, is_alive, remove_calls
    from spawner_tree import Crowd, Register, Tree, kill_group

_DEATH_S, _TICK_S = 5.0, 0.005
_STREAMS = 3
_MAX_FILTER = 64 * 1024


class Trees:
    """Everything that this spawner has confined and that is not over yet."""

    def __init__(self, kernel: Kernel, scratch: str) -> None:
        self._kernel = kernel
        self._scratch = scratch
        self._trees: dict[int, Tree] = {}
        self._groups: dict[int, int] = {}
        self._register = Register()
        self._crowd = Crowd(kernel)
        self._life = self._keeper = 0
        self._spare: Spare | None = None

    def start(self, request: dict[str, Any], fds: list[int]) -> None:
        """Start a program that confines itself before it is executed. Failures are told on its status pipe."""
        if not self._keeper:
            self._start_keeper()
        spare = self._take_spare(os.pread(fds[FILTER], _MAX_FILTER, 0))
        tree = Tree(request["run_id"], self._register.take(), fds)
        self._bound(request, tree)
        self._trees[spare.pid] = tree
        self._groups[request["run"]] = spare.pid
        tree.has_begun(spare.pid)
        self._spare = None
        spare.tell({**request, "place": tree.place}, fds)
        self._spare = self._make_spare(spare.program)

    def _bound(self, request: dict[str, Any], tree: Tree) -> None:
        """Add to a request how many processes its user may have."""
        together = 1 + sum(other.user == tree.user for other in self._trees.values())
        bound = self._crowd.bound(tree.user, together, request["processes"])
        request["rlimits"].append((resource.RLIMIT_NPROC, bound))

    def _take_spare(self, program: bytes) -> Spare:
        if self._spare is not None and self._spare.program != program:
            self._spare.close()
            self._spare = None
        if self._spare is None:
            self._spare = self._make_spare(program)
        return self._spare

    def _make_spare(self, program: bytes) -> Spare:
        def begun(request: dict[str, Any]) -> None:
            self._register.note(request["place"], os.getpid(), request["run_id"])

        return Spare(self._kernel, program, begun)

    def abandon(self, run: int) -> None:
        """Kill a tree, if it is not over yet."""
        if run in self._groups:
            self._trees[self._groups[run]].kill()

    def reap(self, pid: int) -> bool:
        """Take leave of a dead child whose number is still its own; whether it was one of ours."""
        if pid == self._keeper:
            self._lose_keeper()
            return True
        if self._spare is not None and pid == self._spare.pid:
            self._spare = None
            os.waitpid(pid, 0)
            return True
        tree = self._trees.get(pid) or self._trees.get(os.getpgid(pid))
        if tree is None and not self._strayed(pid):
            return False
        if tree is not None and pid == tree.group:
            # While the first process is not reaped, no other group can have its number.
            tree.kill()
        _, status, used = os.wait4(pid, 0)
        if tree is not None and pid == tree.group:
            tree.has_ended(status)
        elif tree is not None:
            tree.spend(used)
        self._settle()
        return True

    def close(self) -> None:
        """Leave nothing running and nothing behind."""
        for tree in self._trees.values():
            tree.kill()
        deadline = time.monotonic() + _DEATH_S
        while self._trees and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                    if not self.reap(ended.si_pid):
                        os.waitpid(ended.si_pid, 0)
            time.sleep(_TICK_S)
        if self._spare is not None:
            self._spare.close()
            os.waitpid(self._spare.pid, 0)
        if self._keeper:
            os.close(self._life)
            os.waitpid(self._keeper, 0)

    def _start_keeper(self) -> None:
        reader, self._life = os.pipe2(os.O_CLOEXEC)
        self._keeper = forked(lambda: self._keep(reader))
        os.close(reader)

    def _lose_keeper(self) -> None:
        """Let nothing run that would outlive this process."""
        os.waitpid(self._keeper, 0)
        os.close(self._life)
        self._keeper = 0
        for tree in self._trees.values():
            tree.kill()

    def _settle(self) -> None:
        """Close the books on trees whose last process is dead, once no stray is left that may be one of theirs."""
        over = [tree for tree in self._trees.values() if tree.is_over()]
        if not over or self._kill_strays():
            return
        for tree in over:
            del self._trees[tree.group]
            self._groups = {run: group for run, group in self._groups.items() if group != tree.group}
            self._register.give_back(tree.place)
            tree.close()

    def _kill_strays(self) -> bool:
        strays = [pid for pid in _children() if self._strayed(pid)]
        for pid in strays:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return bool(strays)

    def _strayed(self, pid: int) -> bool:
        """Whether a child is in a session that is neither ours nor a tree's: it left its own."""
        try:
            session = os.getsid(pid)
        except ProcessLookupError:
            return False
        waiting = self._spare.pid if self._spare else 0
        return pid not in (self._keeper, waiting) and session != os.getsid(0) and session not in self._trees

    def _keep(self, reader: int) -> None:
        """Wait for the end of the spawner, and kill what it has left running."""
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(_STREAMS):
            os.dup2(null, stream)
        os.closerange(_STREAMS, reader)
        os.closerange(reader + 1, os.sysconf("SC_OPEN_MAX"))
        os.read(reader, 1)  # ends when nobody has the other end any more
        left = self._register.groups()
        for group, user in left.items():
            kill_group(group, user)
        deadline = time.monotonic() + _DEATH_S
        while any(map(is_alive, left)) and time.monotonic() < deadline:
            time.sleep(_TICK_S)
        remove_calls(self._scratch)
        with contextlib.suppress(OSError):
            os.rmdir(self._scratch)


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]
