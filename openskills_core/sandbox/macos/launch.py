"""One sandbox on macOS from its start to the death of its last process, as its host sees it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import MIB, Ended, Job, SandboxInfo
from openskills_core.opening import DIRECTORY, closing
from openskills_core.removal import remove_tree
from openskills_core.sandbox.disk import DiskWatch
from openskills_core.sandbox.ending import Ending, ended
from openskills_core.sandbox.macos import libproc
from openskills_core.sandbox.macos.areas import Private, layout, refuse_writable
from openskills_core.sandbox.macos.command import SANDBOX_EXEC, command_line, rlimits
from openskills_core.sandbox.macos.processes import Herd
from openskills_core.sandbox.pump import Controls, OnOutput, Pipes, Pump

if TYPE_CHECKING:
    import threading

    from openskills_core.sandbox.macos.profile import Layout

UNCONFINED = "to run without any isolation, at your own risk, pass sandbox='unconfined'"
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_INFO = SandboxInfo(
    backend="seatbelt",
    tier="seatbelt",
    degraded=("process-namespace", "process-limit", "memory-limit", "system-calls"),
)
_LEFT = "processes-left"
_DEATH_S = 6.0
_AFTER_SIGNAL = 128
_FIXES = (
    (
        "sandbox_apply: Operation not permitted",
        "this program is inside a sandbox itself, and macOS nests none: leave it",
    ),
    ("unbound variable", "this version of macOS does not know a word of the profile: report it"),
)


@dataclass(slots=True)
class _Word:
    """What the supervisor says, one JSON object a line."""

    connection: socket.socket
    pid: int = 0
    begun: bool = False
    exit: int | None = None
    limit: str = ""
    left: int = 0
    error: str = ""
    final: bool = False
    closed: bool = False
    _buffer: bytes = b""

    def done(self) -> bool:
        """Take what there is to read; whether that was the end."""
        try:
            chunk = self.connection.recv(4096)
        except ConnectionError:
            chunk = b""
        self.closed = not chunk
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self.final = "begun" in message
            for name, value in message.items():
                setattr(self, name, value)
        return self.closed or self.final

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the supervisor has ended."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            while not self.closed:
                self.connection.settimeout(max(0.001, deadline - time.monotonic()))
                self.done()


class Launch:
    """One sandbox from its start to the death of its last process."""

    def __init__(self, job: Job, on_output: OnOutput | None) -> None:
        self._job = job
        self._on_output = on_output
        self._started = time.monotonic()
        self._mark = f"org.openskills.run.{secrets.token_hex(16)}"
        self._over = False

    def __enter__(self) -> Self:
        self._private = _make_private()
        try:
            seen = layout(self._job.mounts, self._private, self._mark)
            refuse_writable(_own_parts(self._private), seen)
            self._start(seen)
        except BaseException:
            _remove(self._private.folder)
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()
        self._pump.drain()
        self._connection.close()

    def wait(self, cancel: threading.Event | None) -> Ended:
        """Serve the program until its end."""
        controls = Controls(
            done_fd=self._connection.fileno(),
            done=self._word.done,
            timeout_ms=self._job.limits.timeout_ms,
            overuse=DiskWatch.of(self._job).overuse,
            cancel=cancel,
        )
        why = self._pump.run(controls)
        self._end()
        self._pump.drain()
        word = self._word
        if not (why or word.begun) and (word.final or not word.pid):
            said = self._pump.stderr.value().decode(errors="replace")
            raise _unavailable(word.error or "its helper process has ended", said)
        # From here on something of the job may have run, so whatever happened is told as its end.
        lost = "sandbox:lost" if word.error or word.exit is None else ""
        why = why or word.limit or self._reached(word.exit) or lost
        return ended(Ending(why, word.exit, self._started, self._info()), self._pump)

    def give_up(self) -> None:
        """Have the supervisor end the run; whoever waits for it sees that it did."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def _start(self, seen: Layout) -> None:
        stdin, stdout, stderr = (os.pipe() for _ in range(3))
        ours = Pipes(stdin[1], stdout[0], stderr[0])
        theirs = (stdin[0], stdout[1], stderr[1])
        self._connection, end = socket.socketpair()
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", str(_SUPERVISOR), str(end.fileno())],
                env={},
                cwd="/",
                stdin=theirs[0],
                stdout=theirs[1],
                stderr=theirs[2],
                pass_fds=(end.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            self._connection.close()
            for fd in (ours.stdin, ours.stdout, ours.stderr):
                os.close(fd)
            raise SandboxUnavailableError(f"the sandbox's helper process cannot be started: {error}") from error
        finally:
            end.close()
            for fd in theirs:
                os.close(fd)
        self._word = _Word(self._connection)
        self._pump = Pump(ours, self._job.stdin, self._job.limits.output_bytes, self._on_output)
        with contextlib.suppress(OSError):  # it has ended, which is seen as soon as it is waited for
            self._connection.sendall(json.dumps(self._request(seen)).encode() + b"\n")

    def _request(self, seen: Layout) -> dict[str, Any]:
        limits = self._job.limits
        home, temporary = str(self._private.home), str(self._private.temporary)
        return {
            "argv": command_line(self._job, seen),
            "env": {**self._job.env, "HOME": home, "TMPDIR": temporary},
            "cwd": str(self._job.cwd),
            "folder": str(self._private.folder),
            "mark": self._mark,
            "rlimits": rlimits(limits),
            "processes": limits.processes,
            "memory": limits.memory_mb * MIB,
            "cpu_ms": limits.cpu_ms,
        }

    def _reached(self, exit_code: int | None) -> str:
        """Return the limit that the system itself has ended the program for, or ""."""
        return "limit:cpu" if exit_code == _AFTER_SIGNAL + signal.SIGXCPU and self._job.limits.cpu_ms else ""

    def _info(self) -> SandboxInfo:
        return replace(_INFO, degraded=(*_INFO.degraded, _LEFT)) if self._word.left else _INFO

    def _end(self) -> None:
        """See to it that nothing of the run is left, whether its supervisor still can or not. Idempotent."""
        if self._over:
            return
        self._over = True
        self.give_up()
        self._word.wait_for_end(_DEATH_S)
        if self._popen.poll() is None and not self._word.closed:
            self._popen.kill()
        self._popen.wait()
        if not self._word.final:
            self._word.left = self._end_orphans()
            _remove(self._private.folder)

    def _end_orphans(self) -> int:
        """End what a supervisor that was killed has left behind; return how many still live."""
        if not self._word.pid:
            return 0
        return Herd(libproc.Libproc(), self._word.pid, self._mark).end(_DEATH_S)


def _make_private() -> Private:
    private = Private(Path(tempfile.mkdtemp(prefix="openskills-")).resolve())
    private.home.mkdir(mode=0o700)
    private.temporary.mkdir(mode=0o700)
    private.canary.write_text("this can be read\n", encoding="ascii")
    return private


def _own_parts(private: Private) -> tuple[Path, ...]:
    """Return what no script may have written: the helper, and the interpreter that runs it, by link and by target."""
    interpreter = Path(sys.executable)
    return private.folder, _SUPERVISOR.resolve(), interpreter.resolve(), interpreter.parent.resolve()


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError), closing(os.open(folder.parent, DIRECTORY)) as parent:
        remove_tree(folder.name, parent)


def _unavailable(problem: str, said: str) -> SandboxUnavailableError:
    text = f"{problem}: {said.strip()}" if said.strip() else problem
    advice = next((f"; {fix}" for needle, fix in _FIXES if needle in text), "")
    return SandboxUnavailableError(
        f"the sandbox could not be set up: {text}{advice}; {UNCONFINED}", culprit=str(SANDBOX_EXEC)
    )
