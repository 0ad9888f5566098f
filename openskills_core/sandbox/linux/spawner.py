"""The host's side of the spawner: starts it when first needed, asks it for processes, and ends it.

No fork happens in the host: threads, open descriptors and secrets of a web server stay out of it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HEADER = struct.Struct("!I")
_MAIN = Path(__file__).with_name("spawner_main.py")


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """A program to start. `fds` become 0, 1, 2 … in the child; `view_at` are argv positions to id-map to `run_id`.

    `run` names the run in later requests.
    """

    run: int
    argv: Sequence[str]
    env: Mapping[str, str]
    fds: Sequence[int]
    run_id: int = 0
    view_at: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class ConfineRequest:
    """A program that is to confine itself as it starts.

    `fds` are standard input, output and error, the status pipe, the current directory, the Landlock ruleset, the
    system-call filter, and a file that takes the processor time of orphans. `processes` is how many there may be beside
    the user's others. `reach` are (path, access mode) that the user `run_id` has to have.
    """

    run: int
    argv: Sequence[str]
    env: Mapping[str, str]
    fds: Sequence[int]
    rlimits: Mapping[int, int]
    processes: int
    run_id: int = 0
    reach: Sequence[tuple[str, int]] = ()


class Spawner:
    """A handle on the helper process. Thread-safe; starts it at the first spawn and again if it was killed.

    `scratch` is a directory that lives as long as the helper process and is removed by it, even if the host is killed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = itertools.count(1)
        self._process: _Process | None = None

    def next_run(self) -> int:
        """Return a number that names one run in requests."""
        return next(self._runs)

    def scratch(self) -> Path:
        """Return the scratch directory, starting the helper process if it is not running."""
        with self._lock:
            return self._running().scratch

    def spawn(self, request: SpawnRequest) -> None:
        """Have a process started. What comes of it is told on descriptor 3 of `request.fds`, bubblewrap's status pipe.

        Raises:
            SandboxUnavailableError: the helper process cannot be started or is gone.
        """
        message = {
            "op": "hold",
            "run": request.run,
            "argv": list(request.argv),
            "env": dict(request.env),
            "run_id": request.run_id,
            "view_at": list(request.view_at),
        }
        with self._lock:
            self._running().send(message, request.fds)

    def confine(self, request: ConfineRequest) -> None:
        """Have a program started that is confined by Landlock and a filter; all else is told on its status pipe.

        Raises:
            SandboxUnavailableError: the helper process cannot be started or is gone.
        """
        message = {
            "op": "confine",
            "run": request.run,
            "argv": list(request.argv),
            "env": dict(request.env),
            "rlimits": list(request.rlimits.items()),
            "processes": request.processes,
            "run_id": request.run_id,
            "reach": list(request.reach),
        }
        with self._lock:
            self._running().send(message, request.fds)

    def limit(self, run: int, pid: int, rlimits: Mapping[int, int]) -> None:
        """Have the first process `pid` of a run limited. Nobody answers, but a failure is told on the status pipe.

        Raises:
            SandboxUnavailableError: the helper process is gone, and the sandbox with it.
        """
        message = {"op": "limit", "run": run, "pid": pid, "rlimits": list(rlimits.items())}
        with self._lock:
            self._running().send(message)

    def network(self, run: int, pid: int, hosts: Sequence[str], fds: tuple[int, int]) -> None:
        """Have a proxy serve the first process `pid` of a run; `fds` take its decisions and its sign of life.

        Nobody answers, but a failure is told on the status pipe.

        Raises:
            SandboxUnavailableError: the helper process is gone, and the sandbox with it.
        """
        with self._lock:
            self._running().send({"op": "network", "run": run, "pid": pid, "hosts": list(hosts)}, fds)

    def abandon(self, run: int) -> None:
        """Have a run ended that is not needed any more. Where the helper process is gone, the run is too."""
        with self._lock, contextlib.suppress(SandboxUnavailableError):
            if self._process is not None:
                self._process.send({"op": "abandon", "run": run})

    def close(self) -> None:
        """End the helper process and with it every sandbox it started."""
        with self._lock:
            if self._process is not None:
                self._process.close()
                self._process = None

    def _running(self) -> _Process:
        if self._process is not None and not self._process.usable():
            self._process.close()
            self._process = None
        if self._process is None:
            self._process = _Process()
        return self._process


class _Process:
    """One life of the helper process."""

    def __init__(self) -> None:
        # A child of a forking host must not talk on its parent's socket: it starts a helper of its own.
        self._owner = os.getpid()
        self.scratch = _make_scratch()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._popen = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", str(_MAIN), str(theirs.fileno()), str(os.getpid()), str(self.scratch)],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self._socket = ours
        self._end = weakref.finalize(self, _end, ours, self._popen, self._owner)

    def usable(self) -> bool:
        return self._owner == os.getpid() and self._popen.poll() is None

    def send(self, message: Mapping[str, object], fds: Sequence[int] = ()) -> None:
        """Send one request, whole, before any other thread's."""
        payload = json.dumps(message).encode()
        whole = memoryview(_HEADER.pack(len(payload)) + payload)
        try:
            sent = socket.send_fds(self._socket, [whole], list(fds)) if fds else 0
            self._socket.sendall(whole[sent:])
        except OSError as error:
            raise SandboxUnavailableError(f"the sandbox's helper process is gone: {error}; try again") from error

    def close(self) -> None:
        self._end()


def _make_scratch() -> Path:
    """Return a new directory. As root it is one that throw-away users can pass through, though not list."""
    if os.geteuid() != 0:
        return Path(tempfile.mkdtemp(prefix="openskills-"))
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp's name is random
        if all(folder.stat().st_mode & 0o001 for folder in (parent, *parent.parents)):
            scratch = Path(tempfile.mkdtemp(prefix="openskills-", dir=parent))
            scratch.chmod(0o711)
            return scratch
    raise SandboxUnavailableError("no temporary directory that other users can enter: set TMPDIR to one, such as /tmp")


def _end(connection: socket.socket, popen: subprocess.Popen[bytes], owner: int) -> None:
    connection.close()
    if owner != os.getpid():
        popen.returncode = 0  # not ours to wait for
        return
    try:
        popen.wait(timeout=5)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
