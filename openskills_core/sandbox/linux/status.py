"""What is told of a sandbox while it lives: one JSON object a line on a pipe that its host reads."""

from __future__ import annotations

import json
import os
import select
import time
from dataclasses import dataclass


@dataclass(slots=True)
class Status:
    """What bubblewrap, or the spawner in its place, reports on the status pipe, one JSON object a line."""

    fd: int
    child_pid: int = 0
    exit_code: int | None = None
    error: str = ""
    closed: bool = False
    _buffer: bytes = b""

    def read(self) -> None:
        """Take the next bytes; blocks until there are some."""
        chunk = os.read(self.fd, 4096)
        self.closed = not chunk
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self.error = message.get("error", self.error)
            self.child_pid = message.get("child-pid", self.child_pid)
            self.exit_code = message.get("exit-code", self.exit_code)

    def done(self) -> bool:
        """Take what there is to read; whether that was the end."""
        self.read()
        return self.closed or self.exit_code is not None or bool(self.error)

    def wait_for_end(self, seconds: float) -> None:
        """Wait until bubblewrap has ended."""
        deadline = time.monotonic() + seconds
        while not self.closed and readable(self.fd, deadline - time.monotonic()):
            self.read()

    def has_failed(self) -> bool:
        """Whether bubblewrap has given up, or the spawner could not do its part; does not wait."""
        if readable(self.fd, 0):
            self.read()
        return self.closed or bool(self.error)


def readable(fd: int, seconds: float) -> bool:
    """Whether there is something to read, or its end, within some seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))  # below 0 would mean for ever
