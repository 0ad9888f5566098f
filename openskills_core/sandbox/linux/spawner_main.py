"""The spawner: a small single-threaded process that starts sandboxes for a host with threads and secrets.

Started as `python -I -S spawner_main.py SOCKET_FD HOST_PID SCRATCH_DIR` with an empty environment; imports the standard
library only. Requests come over a stream socket, the descriptors for the child with them. There are no answers: what
cannot be started is said on the child's own status pipe, so that no host thread waits for another's. When the host goes
away, however it goes, this process sees it, kills what is still held, and ends; every running sandbox ends with it
(`bwrap --die-with-parent`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openskills_core.sandbox.linux.spawner_process import acting_as, limit, remove_calls
    from openskills_core.sandbox.linux.spawner_trees import Trees
    from openskills_core.sandbox.linux.spawner_views import IdMaps, Kernel
else:
    # Started alone, as a file: importing the package would cost more than all the rest of the start.
    sys.path.append(os.path.dirname(__file__))
    from spawner_process import acting_as, limit, remove_calls
    from spawner_views import IdMaps, Kernel

# Targets of the descriptors handed to a child. Received descriptors must never lie here, so the slots are kept busy.
CHILD_FDS = (0, 1, 2, 3, 4, 5)
_MOST_FDS = 8
# bubblewrap's status pipe. It also carries our word when bubblewrap could not even be started.
_STATUS = 3
_FIRST_FREE_FD = 10
_HEADER = struct.Struct("!I")
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36


class _Held:
    """A sandbox from its start to its end: whose it is, and how to tell its host what is wrong.

    While it is held it is not bound to die with us, therefore it is killed before we end.
    """

    def __init__(self, user: int, status: int) -> None:
        self.user = user
        self.bwrap = 0
        self.proxy = 0
        self._status = status

    def kill(self) -> None:
        """Kill the first process inside, and with it every other one, bubblewrap, and the proxy."""
        self.end_proxy(signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(self.bwrap, signal.SIGSTOP)  # so that it starts no further one meanwhile
            with open(f"/proc/{self.bwrap}/task/{self.bwrap}/children", encoding="ascii") as file:
                children = file.read().split()
            for pid in (*map(int, children), self.bwrap):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def complain(self, error: Exception) -> None:
        """Say on bubblewrap's status pipe what it cannot say itself."""
        problem = {"error": str(getattr(error, "strerror", None) or error)}
        with contextlib.suppress(OSError):
            os.write(self._status, json.dumps(problem).encode() + b"\n")

    def end_proxy(self, number: int = signal.SIGTERM) -> None:
        """Have the proxy end, after a few last words."""
        if self.proxy:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.proxy, number)

    def close(self) -> None:
        """Forget it."""
        self.end_proxy()
        os.close(self._status)


class Spawner:
    """Serves one host until its socket ends."""

    def __init__(self, connection: socket.socket, host: int, scratch: str) -> None:
        self._connection = connection
        self._host = host
        self._scratch = scratch
        self._kernel = Kernel()
        self._idmaps: IdMaps | None = None
        self._trees: Trees | None = None
        self._held: dict[int, _Held] = {}
        self._runs: dict[int, int] = {}

    def serve(self) -> None:
        """Start what is asked for and reap children until the host goes away."""
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        # The socket alone would not do: a child that the host forked holds it open too.
        poll.register(self._host, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == wake_read:
                    os.read(wake_read, 4096)
                    self._reap()
                elif fd == self._host or not self._serve_one():
                    return

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                pid = ended.si_pid
                if self._trees is not None and self._trees.reap(pid):
                    continue
                os.waitpid(pid, 0)
                if pid in self._runs:
                    self._held.pop(self._runs.pop(pid)).close()

    def _serve_one(self) -> bool:
        header, fds = self._receive()
        if not header:
            return False
        request = json.loads(self._read(_HEADER.unpack(header)[0]))
        if request["op"] == "hold":
            self._hold(request, fds)
        elif request["op"] == "limit":
            self._limit(request)
        elif request["op"] == "confine":
            self._confine(request, fds)
        elif request["op"] == "network":
            self._give_network(request, fds)
        else:
            self._abandon(request["run"])
        return True

    def _hold(self, request: dict[str, Any], fds: list[int]) -> None:
        """Start a sandbox; bubblewrap holds its first process until the host lets it go."""
        held = _Held(request["run_id"], os.dup(fds[_STATUS]))
        try:
            pid = self._spawn(request, fds)
            self._runs[pid], self._held[request["run"]] = request["run"], held
            held.bwrap = pid
        except (OSError, ValueError) as error:  # ValueError: a word that no program can be given
            held.complain(error)
            held.close()
        finally:
            for fd in fds:
                os.close(fd)

    def _confine(self, request: dict[str, Any], fds: list[int]) -> None:
        """Start a program of the reduced tier."""
        if not TYPE_CHECKING:
            from spawner_trees import Trees

        try:
            if self._trees is None:
                self._trees = Trees(self._kernel, self._scratch)
            self._trees.start(request, fds)
        except OSError as error:  # no process to be had
            os.write(fds[_STATUS], json.dumps({"error": str(error)}).encode() + b"\n")
        finally:
            for fd in fds:
                os.close(fd)

    def _limit(self, request: dict[str, Any]) -> None:
        """Limit the first process, which is held: everything that it becomes and starts inherits the limits."""
        held = self._held.get(request["run"])
        if held is None:
            return  # ended meanwhile, as the host will have seen
        try:
            # Only its own user may limit a process; root needs a capability that containers do not have.
            with acting_as(held.user):
                for kind, value in request["rlimits"]:
                    limit(request["pid"], kind, value)
        except OSError as error:
            held.complain(error)

    def _give_network(self, request: dict[str, Any], fds: list[int]) -> None:
        """Open the one way out of a held sandbox: to the proxy, which knows the granted hosts."""
        if TYPE_CHECKING:
            from openskills_core.sandbox.linux.spawner_network import Door, open_door
        else:
            from spawner_network import Door, open_door

        held = self._held.get(request["run"])
        try:
            if held is not None:
                held.proxy = open_door(self._kernel, Door(request["pid"], held.user, request["hosts"], *fds))
        except OSError as error:
            assert held is not None  # noqa: S101 - or there was nothing that could fail
            held.complain(error)
        finally:
            for fd in fds:
                os.close(fd)

    def _receive(self) -> tuple[bytes, list[int]]:
        # Not socket.recv_fds, which drops its flags: without this one every child would inherit the descriptors of
        # every run, its own control pipes among them.
        room = socket.CMSG_SPACE(_MOST_FDS * array("i").itemsize)
        header, control, _, _ = self._connection.recvmsg(_HEADER.size, room, socket.MSG_CMSG_CLOEXEC)
        fds = array("i")
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        return header, list(fds)

    def _read(self, size: int) -> bytes:
        chunks = bytearray()
        while len(chunks) < size:
            chunk = self._connection.recv(size - len(chunks))
            if not chunk:
                break
            chunks += chunk
        return bytes(chunks)

    def _abandon(self, run: int) -> None:
        """End a sandbox whose host has no more use for it, wherever it stands."""
        if run in self._held:
            self._held[run].kill()
        elif self._trees is not None:
            self._trees.abandon(run)

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> int:
        argv = self._with_views(request)
        actions = [(os.POSIX_SPAWN_DUP2, fd, target) for fd, target in zip(fds, CHILD_FDS, strict=True)]
        with acting_as(request["run_id"]):
            return os.posix_spawn(
                argv[0],
                argv,
                request["env"],
                file_actions=actions,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT),
            )

    def _with_views(self, request: dict[str, Any]) -> list[str]:
        """Return the command line, each path at `view_at` replaced by an id-mapped view of it."""
        argv: list[str] = request["argv"]
        if not request["run_id"]:
            return argv
        if self._idmaps is None:
            self._idmaps = IdMaps(self._kernel, self._scratch)
        for position in request["view_at"]:
            argv[position] = self._view(argv[position], request["run_id"])
        argv[0] = self._program(argv[0], request["run_id"])
        return argv

    def _program(self, path: str, run_id: int) -> str:
        """Return a path by which another user can start bubblewrap, which may lie in a private home.

        It needs a library of its own two directories up, so what is shown is the directory that holds both.
        """
        if path.startswith("/usr/"):
            return path
        folder, *inner = path.rsplit("/", 3)
        return "/".join((self._view(folder, run_id), *inner))

    def _view(self, source: str, run_id: int) -> str:
        assert self._idmaps is not None  # noqa: S101 - made by the only caller
        try:
            return self._idmaps.view(source, run_id)
        except OSError as error:
            raise OSError(error.errno, f"no id-mapped view of {source}: {error.strerror}") from error

    def close(self) -> None:
        """Leave nothing running, and nothing behind on the host's file system."""
        import shutil  # needed once, at the end

        for held in self._held.values():
            held.kill()
        if self._trees is not None:
            self._trees.close()
        if self._idmaps is not None:
            self._idmaps.close()
        remove_calls(self._scratch)
        # Piece by piece: what else may have got in there, a mount perhaps, is not ours to empty.
        shutil.rmtree(os.path.join(self._scratch, "etc"), ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(self._scratch)


def _take_connection(inherited: int) -> socket.socket:
    """Return the host's socket, moved up; every slot below stays busy, so that no received descriptor lands there."""
    connection = socket.socket(fileno=fcntl.fcntl(inherited, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD))
    # Whatever else came along, the inherited end of this very socket included, must not reach a child.
    os.closerange(_FIRST_FREE_FD, connection.fileno())
    os.closerange(connection.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for slot in range(3, _FIRST_FREE_FD):
        if slot != null:
            os.dup2(null, slot, inheritable=False)
    return connection


def main() -> None:
    """Run the spawner on the socket and scratch directory of the command line."""
    connection, host, scratch = _take_connection(int(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
    watched = os.pidfd_open(host)
    if os.getppid() != host:
        return  # the host is gone already, and the number may be another process's
    # Ctrl-C in the host's terminal is the host's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spawner = Spawner(connection, watched, scratch)
    kernel = Kernel()
    kernel.call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    kernel.call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        spawner.serve()
    finally:
        spawner.close()


if __name__ == "__main__":
    main()
