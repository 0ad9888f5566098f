"""The spawner's part of a granted network: a listener inside the sandbox, and the proxy outside that serves it.

A part of the spawner: standard library only. Nothing of the host's network is visible inside. The one way out is a
socket on the sandbox's own loopback device, opened there while its first process is held; whoever accepts on it is out
here.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import sys
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.sandbox.linux.spawner_views import Kernel
if TYPE_CHECKING or __package__:
    from openskills_core.sandbox.linux.spawner_process import become, forked
else:
    from spawner_process import become, forked

PORT = 3128
_BACKLOG = 128
_NS_GET_USERNS = 0xB701
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_STANDARD_STREAMS = 3


@dataclass(frozen=True, slots=True)
class Door:
    """What the proxy of one run needs: the held process, its user, the granted hosts, and two descriptors.

    `log` takes its decisions. On `ready` it writes a byte when it serves; the end of that pipe is its own end.
    """

    pid: int
    user: int
    hosts: Sequence[str]
    log: int
    ready: int


def open_door(kernel: Kernel, door: Door) -> int:
    """Return the process id of a proxy that serves the sandbox.

    Raises:
        OSError: the sandbox's network cannot be entered.
    """
    listener = _listener_inside(kernel, door)
    try:
        return forked(lambda: _be_the_proxy(kernel, door, listener))
    finally:
        os.close(listener)


def _listener_inside(kernel: Kernel, door: Door) -> int:
    """Return a listening socket of the sandbox's network. A passing child opens it: who enters cannot come back."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            child = forked(lambda: _listen(kernel, door, theirs))
        room = socket.CMSG_SPACE(array("i").itemsize)
        said, control, _, _ = ours.recvmsg(1024, room, socket.MSG_CMSG_CLOEXEC)
        os.waitpid(child, 0)
    if not control:
        raise OSError(f"the sandbox's network cannot be entered: {said.decode(errors='replace')}")
    fds = array("i")
    fds.frombytes(control[0][2][: fds.itemsize])
    return fds[0]


def _listen(kernel: Kernel, door: Door, answer: socket.socket) -> None:
    try:
        network = os.open(f"/proc/{door.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        owner = fcntl.ioctl(network, _NS_GET_USERNS)
        if door.user:
            become(door.user)
        for namespace, kind in ((owner, _CLONE_NEWUSER), (network, _CLONE_NEWNET)):
            kernel.call("setns", namespace, kind)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", PORT))
            listener.listen(_BACKLOG)
            socket.send_fds(answer, [b"x"], [listener.fileno()])
    except OSError as error:
        answer.send(str(error).encode())


def _be_the_proxy(kernel: Kernel, door: Door, listener: int) -> None:
    kernel.call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _keep_only(listener, door.log, door.ready)
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[".."] * 3)))
    from openskills_core.netrules import NetRules
    from openskills_core.sandbox.proxy.dialing import Log
    from openskills_core.sandbox.proxy.serving import Server, confine

    # Loaded at its first use, which is too late: the next user may not be able to read the interpreter's directory.
    "name".encode("idna")

    server = Server(socket.socket(fileno=listener), NetRules.parse(door.hosts), Log(door.log))
    if door.user:
        become(door.user)
    confine()
    kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    kernel.call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    # After a change of user the kernel forgets the first one.
    kernel.call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with contextlib.suppress(OSError):
        os.write(door.ready, b"x")
    server.run()


def _keep_only(*kept: int) -> None:
    """Close every other descriptor: those of other runs, and the host's socket, are none of the proxy's."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(_STANDARD_STREAMS):
        os.dup2(null, stream)
    first = _STANDARD_STREAMS
    for fd in sorted(kept):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
