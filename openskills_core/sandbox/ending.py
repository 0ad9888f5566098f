"""From why a process stopped to an `Ended`. One place decides what counts as timeout, killed or failed."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.models import Ended, SandboxInfo, Status

if TYPE_CHECKING:
    from openskills_core.sandbox.pump import Pump

_AFTER_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class Ending:
    """`why` is what the pump said ("" when the process ended by itself), `exit_code` 128+n after signal n."""

    why: str
    exit_code: int | None
    started: float
    sandbox: SandboxInfo


def ended(ending: Ending, pump: Pump) -> Ended:
    """Return the `Ended` of a process whose pump has been drained."""
    status, exit_code, reason = _verdict(ending)
    return Ended(
        status=status,
        exit_code=exit_code,
        reason=reason,
        stdout=pump.stdout.value(),
        stderr=pump.stderr.value(),
        stdout_truncated=pump.stdout.truncated,
        stderr_truncated=pump.stderr.truncated,
        duration_ms=(time.monotonic() - ending.started) * 1000,
        sandbox=ending.sandbox,
    )


def _verdict(ending: Ending) -> tuple[Status, int | None, str]:
    if ending.why == "timeout":
        return "timeout", None, "limit:timeout"
    if ending.why == "cancelled":
        return "cancelled", None, ""
    if ending.why:
        return "killed", None, ending.why
    if ending.exit_code == 0:
        return "success", 0, ""
    if name := _signal_name(ending.exit_code or 0):
        return "killed", ending.exit_code, f"signal:{name}"
    return "failed", ending.exit_code, ""


def _signal_name(exit_code: int) -> str:
    """Return the signal that an exit status of 128+n stands for by the shell's convention, or ""."""
    try:
        return signal.Signals(exit_code - _AFTER_SIGNAL).name
    except ValueError:
        return ""
