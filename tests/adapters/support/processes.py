"""Looking for processes that should be gone."""

from __future__ import annotations

import time
from pathlib import Path


def running(word: str) -> list[str]:
    """Return the command lines of all processes that hold `word`."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended while we looked
        if word in words:
            found.append(" ".join(words))
    return found


def wait_until_running(word: str, seconds: float = 20) -> None:
    """Return once a process that holds `word` runs; fail the test when none does in time."""
    deadline = time.monotonic() + seconds
    while not running(word):
        assert time.monotonic() < deadline, f"no process with {word} was started"
        time.sleep(0.02)
