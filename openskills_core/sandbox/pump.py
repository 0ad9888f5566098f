"""Feeds a running process, keeps what it prints within bounds, and notices when it must end. Used by every sandbox."""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

OnOutput = Callable[[str, str], None]
_TICK_S = 0.05
_CHUNK = 65_536
_DRAIN_S = 1.0


class Capture:
    """Keeps the head and the tail of a stream, `limit` bytes in all, and counts the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        self._total += len(chunk)
        room = self._limit // 2 - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk
        if len(self._tail) > 2 * self._tail_room + _CHUNK:
            del self._tail[: -self._tail_room]

    @property
    def truncated(self) -> bool:
        """Whether bytes were left out."""
        return self._total > self._limit

    def value(self) -> bytes:
        """Return what was kept, with a line that says how much is missing where something is."""
        if not self.truncated:
            return bytes(self._head + self._tail)
        gap = f"\n[... {self._total - self._limit} bytes left out ...]\n".encode()
        return bytes(self._head) + gap + bytes(self._tail[-self._tail_room :])

    @property
    def _tail_room(self) -> int:
        return self._limit - self._limit // 2


@dataclass(frozen=True, slots=True)
class Pipes:
    """The host's ends of a child's standard streams."""

    stdin: int
    stdout: int
    stderr: int


@dataclass(slots=True)
class Controls:
    """When to stop. `done` is asked when `done_fd` has something to read; `overuse` names a reached limit or ""."""

    done_fd: int
    done: Callable[[], bool]
    timeout_ms: int
    overuse: Callable[[], str] = lambda: ""
    cancel: threading.Event | None = None
    on_output: OnOutput | None = None
    started: float = field(default_factory=time.monotonic)

    def verdict(self) -> str:
        """Return why the process must end now: "cancelled", "timeout", "limit:…", or "" for not yet."""
        if self.cancel is not None and self.cancel.is_set():
            return "cancelled"
        if (time.monotonic() - self.started) * 1000 >= self.timeout_ms:
            return "timeout"
        return self.overuse()

    def wait_s(self) -> float:
        """Return how long to wait for the next event, seconds."""
        left = self.timeout_ms / 1000 - (time.monotonic() - self.started)
        return max(0.0, min(_TICK_S, left))


class Pump:
    """Moves bytes between the host and one child. Owns the pipes and closes them."""

    def __init__(self, pipes: Pipes, stdin: bytes, output_bytes: int, on_output: OnOutput | None = None) -> None:
        self.stdout = Capture(output_bytes)
        self.stderr = Capture(output_bytes)
        self._pending = memoryview(stdin)
        self._pipes = pipes
        self._selector = selectors.DefaultSelector()
        self._sinks = {
            pipes.stdout: _Sink("stdout", self.stdout, on_output),
            pipes.stderr: _Sink("stderr", self.stderr, on_output),
        }
        for fd in self._sinks:
            os.set_blocking(fd, False)
            self._selector.register(fd, selectors.EVENT_READ)
        os.set_blocking(pipes.stdin, False)
        self._selector.register(pipes.stdin, selectors.EVENT_WRITE)

    def run(self, controls: Controls) -> str:
        """Serve the child until it ends by itself (returns "") or must be ended (returns why)."""
        self._selector.register(controls.done_fd, selectors.EVENT_READ)
        next_check = time.monotonic() + _TICK_S
        try:
            while True:
                for key, _ in self._selector.select(controls.wait_s()):
                    if key.fd == controls.done_fd:
                        if controls.done():
                            return ""
                    else:
                        self._move(key.fd)
                if time.monotonic() >= next_check:
                    if why := controls.verdict():
                        return why
                    next_check = time.monotonic() + _TICK_S
        finally:
            self._selector.unregister(controls.done_fd)

    def drain(self) -> None:
        """Read what is still in the pipes of a dead tree, for a bounded time, and close them. Idempotent."""
        self._drop(self._pipes.stdin)
        until = time.monotonic() + _DRAIN_S
        while self._selector.get_map() and time.monotonic() < until:
            events = self._selector.select(0.02)
            for key, _ in events:
                self._move(key.fd)
            if not events:
                break
        for fd in tuple(self._sinks):
            self._drop(fd)
        self._selector.close()

    def _move(self, fd: int) -> None:
        if fd == self._pipes.stdin:
            self._feed()
        else:
            self._collect(fd)

    def _feed(self) -> None:
        try:
            written = os.write(self._pipes.stdin, self._pending[:_CHUNK]) if self._pending else 0
        except BlockingIOError:
            return
        except OSError:  # the child closed its standard input: the rest is not wanted
            self._pending = memoryview(b"")
            written = 0
        self._pending = self._pending[written:]
        if not self._pending:
            self._drop(self._pipes.stdin)

    def _collect(self, fd: int) -> None:
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        self._sinks[fd].take(chunk)
        if not chunk:
            self._drop(fd)

    def _drop(self, fd: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)
            os.close(fd)


class _Sink:
    """Where one stream's bytes go: into its capture, and as text to a listener."""

    def __init__(self, name: str, capture: Capture, on_output: OnOutput | None) -> None:
        self._name = name
        self._capture = capture
        self._on_output = on_output
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self, chunk: bytes) -> None:
        self._capture.add(chunk)
        if self._on_output is not None and (text := self._decoder.decode(chunk, final=not chunk)):
            self._on_output(self._name, text)
