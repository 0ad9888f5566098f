"""The seatbelt tier on macOS: `sandbox-exec` with a profile of its own for each call, a supervisor, and limits."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.sandbox.macos import command, libproc
from openskills_core.sandbox.macos.launch import UNCONFINED, Launch
from openskills_core.sandbox.macos.report import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.models import Ended, Job, SandboxReport
    from openskills_core.sandbox.pump import OnOutput


class SeatbeltSandbox:
    """Runs each job in a sandbox of its own. Thread-safe. Nothing is started before the first job."""

    name = "seatbelt"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Launch] = set()

    def run(self, job: Job, *, cancel: threading.Event | None = None, on_output: OnOutput | None = None) -> Ended:
        """Run a job and return how it ended; no process of its sandbox is alive by then.

        Raises:
            SandboxUnavailableError: the sandbox cannot be had; nothing of the job ran.
        """
        if job.network:
            raise SandboxUnavailableError(
                "there is no network in the sandbox of macOS, because nothing there could tell hosts apart yet: "
                "leave HostPolicy.network empty, or run on Linux",
                culprit="network",
            )
        _check_system()
        with Launch(job, on_output) as launch, self._known(launch):
            return launch.wait(cancel)

    def probe(self) -> SandboxReport:
        """Start a sandbox and report what it stopped."""
        return report(self.run, libproc.Libproc)

    def close(self) -> None:
        """End every sandbox that still runs."""
        with self._lock:
            for launch in self._running:
                launch.give_up()

    @contextlib.contextmanager
    def _known(self, launch: Launch) -> Iterator[None]:
        with self._lock:
            self._running.add(launch)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(launch)


def _check_system() -> None:
    """Refuse where the sandbox cannot be had, before anything is started."""
    program = command.SANDBOX_EXEC
    if not program.exists():
        raise SandboxUnavailableError(
            f"there is no {program} here, which every macOS has: on other systems use sandbox='auto'; {UNCONFINED}",
            culprit=str(program),
        )
    if sys.platform == "darwin" and os.geteuid() == 0:
        raise SandboxUnavailableError(
            "on macOS scripts are not run for root, because they would be root: run as an ordinary user", culprit="root"
        )
