"""No isolation at all, for hosts that are a sandbox themselves. Every result and record says so: tier "none"."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Ended, Job, Mechanism, SandboxInfo, SandboxReport
from openskills_core.sandbox.ending import Ending, ended
from openskills_core.sandbox.pump import Controls, OnOutput, Pipes, Pump

if TYPE_CHECKING:
    import threading

_INFO = SandboxInfo(
    backend="unconfined",
    tier="none",
    degraded=("filesystem", "network", "processes", "system-calls", "limits"),
)
_HOLES = ("everything the host's user may do, a script may do", "only timeout and output limits are enforced")


class UnconfinedSandbox:
    """Runs a job as an ordinary child in a process group of its own."""

    name = "unconfined"

    def run(self, job: Job, *, cancel: threading.Event | None = None, on_output: OnOutput | None = None) -> Ended:
        """Run a job with nothing but a timeout and capped output. Descendants that leave the group survive."""
        started = time.monotonic()
        with (
            tempfile.TemporaryDirectory(prefix="openskills-", ignore_cleanup_errors=True) as home,
            _start(job, home) as popen,
        ):
            pump = Pump(_take_pipes(popen), job.stdin, job.limits.output_bytes, on_output)
            why = _serve(popen, pump, job, cancel)
            pump.drain()
        code = popen.returncode
        ending = Ending(why=why, exit_code=code if code >= 0 else 128 - code, started=started, sandbox=_INFO)
        return ended(ending, pump)

    def probe(self) -> SandboxReport:
        """Report that nothing is isolated."""
        mechanisms = tuple(Mechanism(name, holds=False) for name in _INFO.degraded)
        return SandboxReport(backend=self.name, tier="none", available=True, mechanisms=mechanisms, holes=_HOLES)

    def close(self) -> None:
        """Do nothing: no process outlives its call."""


def _start(job: Job, home: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - running it unconfined is what the host asked for
            job.argv,
            env={**job.env, "HOME": home, "TMPDIR": home},
            cwd=job.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxUnavailableError(f"the program could not be started: {error}", culprit=job.argv[0]) from error


def _serve(popen: subprocess.Popen[bytes], pump: Pump, job: Job, cancel: threading.Event | None) -> str:
    process = os.pidfd_open(popen.pid)
    try:
        controls = Controls(
            done_fd=process,
            done=lambda: True,
            timeout_ms=job.limits.timeout_ms,
            cancel=cancel,
        )
        return pump.run(controls)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        os.close(process)
        popen.wait()


def _take_pipes(popen: subprocess.Popen[bytes]) -> Pipes:
    """Return the descriptors of the three pipes and leave none to Popen, which would close them a second time."""
    streams = (popen.stdin, popen.stdout, popen.stderr)
    fds = [os.dup(stream.fileno()) for stream in streams if stream is not None]
    for stream in streams:
        if stream is not None:
            stream.close()
    return Pipes(*fds)
