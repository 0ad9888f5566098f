"""The words that start a job inside its sandbox, and the limits that it is given."""

from __future__ import annotations

from pathlib import Path

from openskills_core.models import MIB, Job, Limits
from openskills_core.sandbox.macos.profile import Layout, parameters, profile
from openskills_core.sandbox.macos.supervisor import GATE

# By its absolute path: whatever PATH may hold, this one only the system can have put there.
SANDBOX_EXEC = Path("/usr/bin/sandbox-exec")
_SHELL = "/bin/sh"


def command_line(job: Job, seen: Layout) -> list[str]:
    """Return the words that start a job inside its sandbox, held until its supervisor lets it go."""
    confined = [str(SANDBOX_EXEC), *parameters(seen), "-p", profile(seen), "--"]
    return [*confined, _SHELL, "-c", GATE, _SHELL, seen.canary, *job.argv]


def rlimits(limits: Limits) -> dict[str, int]:
    """Return the rlimits of a run's first process by name; everything it starts inherits them.

    Not among them: address space, of which every process of macOS has hundreds of gigabytes, and the number of
    processes, which the supervisor knows how to count.
    """
    wanted = {
        "RLIMIT_FSIZE": limits.file_mb * MIB,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
    }
    if limits.cpu_ms is not None:
        wanted["RLIMIT_CPU"] = limits.cpu_ms // 1000 + 1
    return wanted
