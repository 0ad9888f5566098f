"""Runs one program in its sandbox, watches it, and leaves nothing of it behind, even if its host is killed.

Started as `python -I -S supervisor.py SOCKET_FD` with an empty environment and the program's standard streams; imports
the standard library only, is single-threaded, and so may fork. One JSON line on the socket says what to run. Two lines
come back: the process's id, and at the end what became of it. When the socket ends, so does the run.

A few lines of sh stand between `sandbox-exec` and the program. Inside the sandbox, they try to read a file that they
must not, say that they could not, and wait. They are let go once the kernel has said, when asked from out here, that
they are in the sandbox of this very run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from openskills_core.sandbox.macos.libproc import Libproc
    from openskills_core.sandbox.macos.processes import Bounds, Herd
else:
    # Started alone, as a file: importing the package would cost more than all the rest of the start.
    sys.path.append(__file__.rpartition("/")[0])
    from libproc import Libproc
    from processes import Bounds, Herd

if TYPE_CHECKING:
    from collections.abc import Callable

    from openskills_core.sandbox.macos.processes import Table

_SAY_FD, _HEAR_FD, _FIRST_FREE_FD = 3, 4, 10
_TICK_S, _DEATH_S = 0.1, 4.0
_FAILED = b"!"
_CANARY_READ = 97
# Given the canary and the program's words. The variables are the shell's own; a program gets none of them.
GATE = f"""if {{ read -r x <"$1"; }} 2>/dev/null; then exit {_CANARY_READ}; fi
shift
echo >&{_SAY_FD}
read -r x <&{_HEAR_FD} || exit 1
exec {_SAY_FD}>&- {_HEAR_FD}<&-
unset x PWD OLDPWD SHLVL
exec "$@"
"""


class Supervisor:
    """One run from its start to the end of its last process."""

    def __init__(self, connection: socket.socket, request: dict[str, Any]) -> None:
        self._connection = connection
        self._request = request
        self._bounds = Bounds(request["processes"], request["memory"], request["cpu_ms"])
        self._pid = 0
        self._status: int | None = None
        self._word: dict[str, Any] = {"begun": False, "exit": None, "limit": "", "left": 0, "error": ""}

    def serve(self, table: Callable[[], Table]) -> None:
        """Run the program, and say at the end what became of it."""
        try:
            self._table = table()
            woken = _wake_on_child()
            said, heard = self._start()
            if self._is_held(said):
                os.write(heard, b"\n")
                self._word["begun"] = True
                self._watch(woken)
        except (OSError, ValueError) as error:  # ValueError: a word that no program can be given
            self._word["error"] = str(error)
        finally:
            self._finish()

    def _start(self) -> tuple[int, int]:
        """Start the program and return where it says that it is ready, and where it hears that it may go on."""
        limits = self._limits()
        said, say = _pipe()
        hear, heard = _pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _become(self._request, limits, say, hear)
        os.close(say)
        os.close(hear)
        _let_go_of_streams()
        self._tell({"pid": self._pid})
        return said, heard

    def _limits(self) -> dict[str, int]:
        # The system counts a user's processes, not a run's: those that there are already come on top.
        running = len(self._table.processes())
        return {**self._request["rlimits"], "RLIMIT_NPROC": running + self._bounds.processes}

    def _is_held(self, said: int) -> bool:
        """Wait until the sandbox is there; whether it is the one that was asked for."""
        ready = self._wait(said, None)
        if self._connection.fileno() in ready:
            return False
        word = os.read(said, 4096)
        if word.startswith(_FAILED):
            raise OSError(word.removeprefix(_FAILED).decode(errors="replace"))
        if word and not self._table.marked(self._pid, self._request["mark"]):
            raise OSError("the kernel does not know the program to be in the sandbox of this run")
        return bool(word)

    def _watch(self, woken: int) -> None:
        """Wait for the program's end, for a reached limit, or for the host to have enough of it."""
        herd = self._herd()
        while True:
            ready = self._wait(woken, _TICK_S)
            if self._connection.fileno() in ready:
                return
            if woken in ready:
                os.read(woken, 4096)
                if self._has_ended():
                    self._word["exit"] = _exit_code(self._status or 0)
                    return
            if limit := herd.overuse(self._bounds):
                self._word["limit"] = limit
                return

    def _wait(self, fd: int, seconds: float | None) -> list[int]:
        """Return which of a descriptor and the connection to the host have something to read, or their end."""
        return select.select([fd, self._connection.fileno()], [], [], seconds)[0]

    def _finish(self) -> None:
        if self._pid:
            self._word["left"] = self._herd().end(_DEATH_S)
            if self._status is None and not self._word["left"]:
                _, self._status = os.waitpid(self._pid, 0)
            if not (self._word["begun"] or self._word["error"]):
                self._word["error"] = _reason(_exit_code(self._status or 0))
        _remove(self._request["folder"])
        self._tell(self._word)

    def _herd(self) -> Herd:
        return Herd(self._table, self._pid, self._request["mark"])

    def _has_ended(self) -> bool:
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        self._status = status if pid else None
        return bool(pid)

    def _tell(self, word: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody may be there any more
            self._connection.sendall(json.dumps(word).encode() + b"\n")


def _become(request: dict[str, Any], limits: dict[str, int], say: int, hear: int) -> None:
    """Turn this forked process into the program; never returns."""
    try:
        os.setsid()
        # Python ignores the first two, and an ignored signal stays so in the next program.
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(say, _SAY_FD)
        os.dup2(hear, _HEAR_FD)
        for name, value in limits.items():
            _limit(getattr(resource, name), value)
        os.chdir(request["cwd"])
        os.execve(request["argv"][0], request["argv"], request["env"])  # noqa: S606 - starting it is the purpose
    except BaseException as error:  # noqa: BLE001 - whatever it was, this copy of the supervisor must not go on
        os.write(say, _FAILED + str(error).encode(errors="replace"))
    finally:
        os._exit(1)


def _pipe() -> tuple[int, int]:
    """Return a pipe whose ends lie above every number that the program is given."""
    read, write = os.pipe()
    return _moved_up(read), _moved_up(write)


def _moved_up(fd: int) -> int:
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
    os.close(fd)
    return moved


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))


def _wake_on_child() -> int:
    """Return a descriptor that has something to read when a child has changed its state."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return woken


def _let_go_of_streams() -> None:
    """Keep no end of the program's pipes, or its host would never see them close."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _reason(code: int) -> str:
    if code == _CANARY_READ:
        return "a file could be read that is outside of it"
    return f"sandbox-exec ended with status {code}"


def _remove(folder: str) -> None:
    """Remove the run's private directory, however its program left it."""
    # The package's own module. Loading it costs a few milliseconds, and nobody waits for the program any more.
    sys.path.append(__file__.rsplit("/", 4)[0])
    from openskills_core.removal import remove_tree

    parent, name = os.path.split(folder)
    with contextlib.suppress(OSError):
        fd = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            remove_tree(name, fd)
        finally:
            os.close(fd)


def main(table: Callable[[], Table] = Libproc) -> None:
    """Run the supervisor on the socket of the command line."""
    connection = socket.socket(fileno=_moved_up(int(sys.argv[1])))
    # Ctrl-C in the host's terminal is the host's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with connection.makefile("rb") as lines:
        line = lines.readline()
    if line:  # else the host is gone already
        Supervisor(connection, json.loads(line)).serve(table)


if __name__ == "__main__":
    main()
