"""The supervisor as it is, on a table of processes read from /proc, so that Linux can run it.

A process is marked when its environment holds the mark, which the stand-in for sandbox-exec puts there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

MACOS = Path(__file__).parents[3] / "openskills_core" / "sandbox" / "macos"
MARK = "OPENSKILLS_MARK"
_TICKS_PER_MS = os.sysconf("SC_CLK_TCK") / 1000

if TYPE_CHECKING or __package__:
    from openskills_core.sandbox.macos.processes import Process, Usage
    from openskills_core.sandbox.macos.supervisor import main
else:
    sys.path.append(str(MACOS))
    from processes import Process, Usage
    from supervisor import main


class ProcTable:
    """The processes of this user, as /proc tells them."""

    def processes(self) -> list[Process]:
        """Return those that live."""
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        told = ((pid, _stat(pid)) for pid in pids)
        return [Process(pid, int(words[1]), int(words[2])) for pid, words in told if words and words[0] not in "ZX"]

    def marked(self, pid: int, mark: str) -> bool:
        """Whether a process was started with the mark in its environment."""
        return f"{MARK}={mark}".encode() in _read(f"/proc/{pid}/environ").split(b"\0")

    def usage(self, pid: int) -> Usage:
        """Return what a process holds and has used."""
        words = _stat(pid)
        if not words:
            return Usage(0, 0.0)
        times, pages = sum(map(int, words[11:15])), int(words[21])
        return Usage(pages * os.sysconf("SC_PAGE_SIZE"), times / _TICKS_PER_MS)


def _stat(pid: int) -> list[str]:
    """Return the words of proc_pid_stat(5) from the state on, none for a process that is gone."""
    return _read(f"/proc/{pid}/stat").decode(errors="replace").rpartition(") ")[2].split()


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    main(ProcTable)
