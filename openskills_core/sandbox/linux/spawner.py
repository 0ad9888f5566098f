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
from typing import TYPE_CHECKING, Any

from openskills_core.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HEADER = struct.Struct("!I")
_MAIN = Path(__file__).with_name("spawner_main.py")


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """A program to start. `fds` become 0, 1, 2 … in the child; `view_at` are argv positions to id-map to `run_id`."""

    run: int
    argv: Sequence[str]
    env: Mapping[str, str]
    fds: Sequence[int]
    run_id: int = 0
    view_at: Sequence[int] = ()


class Spawner:
    """A handle on the helper process. Thread-safe; starts it at the first spawn and again if it was killed.

    `scratch` is a directory that lives as long as the helper process and is removed by it, even if the host is killed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = itertools.count(1)
        self._process: _Process | None = None

    def scratch(self) -> Path:
        """Return the scratch directory, starting the helper process if it is not running."""
        with self._lock:
            return self._running().scratch

    def next_run(self) -> int:
        """Return a number that names one run in requests."""
        return next(self._runs)

    def spawn(self, request: SpawnRequest) -> int:
        """Start a process and return its pid.

        Raises:
            SandboxUnavailableError: the helper process, or the program, cannot be started.
        """
        message = {
            "op": "spawn",
            "run": request.run,
            "argv": list(request.argv),
            "env": dict(request.env),
            "run_id": request.run_id,
            "view_at": list(request.view_at),
        }
        with self._lock:
            answer = self._running().ask(message, request.fds)
        if "error" in answer:
            raise SandboxUnavailableError(f"the sandbox could not be started: {answer['error']}")
        pid: int = answer["pid"]
        return pid

    def release(self, run: int) -> None:
        """Tell the helper process that a run is over, so that it drops what it kept for it."""
        with self._lock, contextlib.suppress(OSError):
            if self._process is not None:
                self._process.tell({"op": "release", "run": run})

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
        self.scratch = Path(tempfile.mkdtemp(prefix="openskills-"))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._popen = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", str(_MAIN), str(theirs.fileno()), str(self.scratch)],
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

    def ask(self, message: Mapping[str, object], fds: Sequence[int]) -> dict[str, Any]:
        """Send one request and return its answer."""
        try:
            self._send(message, fds)
            with self._socket.makefile("rb") as lines:
                line = lines.readline()
        except OSError as error:
            raise SandboxUnavailableError(f"the sandbox's helper process is gone: {error}; try again") from error
        if not line:
            raise SandboxUnavailableError("the sandbox's helper process ended unexpectedly; try again")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tell(self, message: Mapping[str, object]) -> None:
        """Send one message that has no answer."""
        self._send(message, ())

    def close(self) -> None:
        self._end()

    def _send(self, message: Mapping[str, object], fds: Sequence[int]) -> None:
        payload = json.dumps(message).encode()
        header = _HEADER.pack(len(payload))
        if fds:
            socket.send_fds(self._socket, [header], list(fds))
        else:
            self._socket.sendall(header)
        self._socket.sendall(payload)


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
