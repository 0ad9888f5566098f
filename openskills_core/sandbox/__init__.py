"""Sandboxes: one Protocol, one file or folder an alternative, chosen by name. None ever sees a skill, only a Job."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Protocol, cast, runtime_checkable

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Ended, Job, SandboxReport
from openskills_core.sandbox.pump import OnOutput

__all__ = ["COMMANDS_OFF", "OnOutput", "Sandbox", "SandboxChoice", "choose", "runs_commands"]

_BACKENDS = {
    "bubblewrap": "openskills_core.sandbox.linux.bwrap:BubblewrapSandbox",
    "landlock": "openskills_core.sandbox.linux.landlock:LandlockSandbox",
    "unconfined": "openskills_core.sandbox.unconfined:UnconfinedSandbox",
    "seatbelt": "openskills_core.sandbox.macos.seatbelt:SeatbeltSandbox",
}


COMMANDS_OFF = (
    "commands are off in the reduced sandbox: run a script of a skill instead, or use a full one, sandbox='bubblewrap'"
)


@runtime_checkable
class Sandbox(Protocol):
    """The seam between the runtime and whatever isolates a process.

    One that is not strong enough for commands that a model makes up has `runs_commands = False`.
    """

    name: str

    def run(self, job: Job, *, cancel: threading.Event | None = None, on_output: OnOutput | None = None) -> Ended:
        """Run one job to its end. Thread-safe.

        However the job ends is data. When this returns or raises, no process of the job is alive.

        Raises:
            SandboxUnavailableError: the isolation cannot be had; nothing of the job ran.
        """
        ...

    def probe(self) -> SandboxReport:
        """Measure which mechanisms hold here. Never raises for a missing one."""
        ...

    def close(self) -> None:
        """End everything this sandbox started. Idempotent."""
        ...


class SandboxChoice:
    """A runtime's sandbox. "auto" is settled when something is to run, so that listing skills works anywhere."""

    def __init__(self, wanted: str | Sandbox) -> None:
        self._wanted = wanted
        self._lock = threading.Lock()
        self._chosen = None if wanted == "auto" else choose(wanted)

    def __call__(self) -> Sandbox:
        """Return the sandbox, the same one every time.

        Raises:
            SandboxUnavailableError: there is none here.
        """
        with self._lock:
            if self._chosen is None:
                self._chosen = choose(self._wanted)
            return self._chosen

    @property
    def runs_commands(self) -> bool:
        """Whether commands may run, and not only scripts of skills; "auto" takes no sandbox where they may not."""
        return self._chosen is None or runs_commands(self._chosen)

    def report(self) -> SandboxReport:
        """Measure what holds here; where there is no sandbox at all, the report says so and how to get one."""
        try:
            return self().probe()
        except SandboxUnavailableError as error:
            return SandboxReport(backend="", tier="none", available=False, fix=str(error))

    def close(self) -> None:
        """End everything the sandbox started. One that the host made is the host's to close."""
        with self._lock:
            if self._chosen is not None and self._chosen is not self._wanted:
                self._chosen.close()


def runs_commands(sandbox: Sandbox) -> bool:
    """Whether a sandbox runs commands that a model makes up."""
    return bool(getattr(sandbox, "runs_commands", True))


def choose(wanted: str | Sandbox) -> Sandbox:
    """Return the sandbox for `wanted`: "auto" is the strongest of this platform and never a weaker one.

    Raises:
        SandboxUnavailableError: there is no such sandbox here; the text lists those there are.
    """
    if not isinstance(wanted, str):
        return wanted
    name = _automatic() if wanted == "auto" else wanted
    if name not in _BACKENDS:
        known = ", ".join(repr(known) for known in ("auto", *_BACKENDS))
        raise SandboxUnavailableError(
            f"there is no sandbox {wanted!r} in this version; use one of {known}", culprit=wanted
        )
    module, _, attribute = _BACKENDS[name].partition(":")
    return cast("Sandbox", getattr(importlib.import_module(module), attribute)())


def _automatic() -> str:
    if sys.platform == "linux":
        return "bubblewrap"
    if sys.platform == "darwin":
        return "seatbelt"
    raise SandboxUnavailableError(
        f"there is no sandbox for scripts on {sys.platform} in this version: run on Linux or macOS, "
        "or pass sandbox='unconfined' to run scripts without any isolation, at your own risk",
        culprit=sys.platform,
    )
