"""How a process of the reduced tier confines itself, between its fork and the program that it becomes.

A part of the spawner: standard library only. Everything that is given up here stays given up, for the program and for
whatever it starts. What is the same for all programs is given up ahead of time, by a spare process that then waits to
be told which one it is: that saves a quarter of what a call takes longer than without a sandbox.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import struct
from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from openskills_core.sandbox.linux.spawner_process import become, forked, limit
    from openskills_core.sandbox.linux.spawner_views import Kernel
else:
    from spawner_process import become, forked, limit

_STREAMS = 3
STATUS, _FOLDER, _RULESET, FILTER, SPENT, _REQUEST = range(_STREAMS, 9)
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_SYS_LANDLOCK_RESTRICT_SELF = 446
_LINUX_CAPABILITY_VERSION_3 = 0x2008_0522
_NOT_STARTED = 127


class Spare:
    """A process that waits to become a program. `begun` is called in it, with its request, when it is told which."""

    def __init__(self, kernel: Kernel, program: bytes, begun: Callable[[dict[str, Any]], None]) -> None:
        self.program = program
        self._kernel = kernel
        self._begun = begun
        self._parent = os.getpid()
        self._fds: list[int] = []
        self._connection, self._theirs = socket.socketpair()
        self.pid = forked(self._wait)
        self._theirs.close()

    def tell(self, request: dict[str, Any], fds: list[int]) -> None:
        """Have it become what is requested. Failures of its own it tells on the status pipe among `fds`.

        Raises:
            OSError: it is gone.
        """
        with self._connection:
            text = os.memfd_create("request", os.MFD_CLOEXEC)
            try:
                os.write(text, json.dumps(request).encode())
                socket.send_fds(self._connection, [b"x"], [*fds, text])
            finally:
                os.close(text)

    def close(self) -> None:
        """End it. It is not waited for."""
        self._connection.close()

    def _wait(self) -> None:
        """Prepare, and wait to be told what to become. Never returns."""
        connection = self._theirs.fileno()
        os.closerange(_STREAMS, connection)
        os.closerange(connection + 1, os.sysconf("SC_OPEN_MAX"))
        try:
            problem = self._problem_of_preparing()
            self._fds = _received(self._theirs)
            if self._fds:
                self._become(json.loads(_content(self._fds[_REQUEST])), problem)
        except BaseException as error:  # noqa: BLE001 - whatever it is, its host must hear of it
            self._complain(error)
        finally:
            os._exit(_NOT_STARTED)

    def _problem_of_preparing(self) -> OSError | None:
        """Give up what no program keeps. What goes wrong is told to the host that asks for a program, if one does."""
        try:
            self._stay_with_the_spawner()
            os.setsid()
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            self._prctl(_PR_SET_NO_NEW_PRIVS, 1)
            self._install_filter()
        except OSError as error:
            return error
        return None

    def _become(self, request: dict[str, Any], problem: OSError | None) -> None:
        """Be the program, unless there was a problem; only a failure returns."""
        if problem is not None:
            raise problem
        self._begun(request)
        for target in range(_STREAMS):
            os.dup2(self._fds[target], target)
        os.fchdir(self._fds[_FOLDER])
        if request["run_id"]:
            become(request["run_id"])
            _check_reach(request["reach"])
            self._stay_with_the_spawner()
        self._drop_capabilities()
        number, ruleset = ctypes.c_long(_SYS_LANDLOCK_RESTRICT_SELF), self._fds[_RULESET]
        self._kernel.call("syscall", number, ruleset, ctypes.c_uint(0))
        for kind, value in request["rlimits"]:
            limit(0, kind, value)
        os.execve(request["argv"][0], request["argv"], request["env"])  # noqa: S606 - what this is for

    def _complain(self, error: BaseException) -> None:
        if len(self._fds) > STATUS:
            reason = getattr(error, "strerror", None) or str(error)
            where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
            os.write(self._fds[STATUS], json.dumps({"error": f"{where}{reason}"}).encode() + b"\n")

    def _stay_with_the_spawner(self) -> None:
        """Die with it. The kernel forgets that with every change of user."""
        self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(_NOT_STARTED)

    def _drop_capabilities(self) -> None:
        """Give up what root, or a service manager, may have handed to this process; see capset(2)."""
        header = struct.pack("=Ii", _LINUX_CAPABILITY_VERSION_3, 0)
        self._kernel.call("capset", header, bytes(24))

    def _install_filter(self) -> None:
        """Take no system call but those that the filter lets pass; see seccomp(2), linux/filter.h."""
        instructions = ctypes.create_string_buffer(self.program, len(self.program))
        described = struct.pack("@HP", len(self.program) // 8, ctypes.addressof(instructions))
        self._prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described)

    def _prctl(self, option: int, value: int, pointer: bytes | None = None) -> None:
        zero = ctypes.c_ulong(0)
        self._kernel.call("prctl", option, ctypes.c_ulong(value), pointer or zero, zero, zero)


def _received(connection: socket.socket) -> list[int]:
    """Return the descriptors of a request, none at the end of the connection. A program inherits none of them."""
    room = socket.CMSG_SPACE((_REQUEST + 1) * array("i").itemsize)
    _, control, _, _ = connection.recvmsg(1, room, socket.MSG_CMSG_CLOEXEC)
    fds = array("i")
    for _, _, data in control:
        fds.frombytes(data)
    return list(fds)


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _check_reach(needed: list[list[Any]]) -> None:
    """Find out whether this user can have what it is going to need, (path, access mode) each."""
    for path, mode in needed:
        if not os.access(path, mode):
            raise PermissionError(f"closed: {path}")
