"""Reading what a client says, byte for byte within bounds, and passing bytes on."""

from __future__ import annotations

import contextlib
import select
import socket
from dataclasses import dataclass

_CHUNK = 65_536
_IDLE_S = 300.0


class SpeechError(Exception):
    """The client said something that is no request of a protocol spoken here."""


class Reader:
    """Bytes of a socket, with those that were read ahead kept for whoever comes next."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._ahead = bytearray()

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end, and leave them to be read."""
        while len(self._ahead) < size and self._fill():
            pass
        return bytes(self._ahead[:size])

    def exactly(self, size: int) -> bytes:
        """Return the next `size` bytes.

        Raises:
            SpeechError: the client ended before.
        """
        if len(self.peek(size)) < size:
            raise SpeechError("the request ends in its middle")
        taken = bytes(self._ahead[:size])
        del self._ahead[:size]
        return taken

    def line(self, limit: int) -> bytes:
        """Return the next line without its CR LF.

        Raises:
            SpeechError: it is longer than `limit`, has no end, or ends in a bare line feed, which servers read in
                more than one way.
        """
        while (end := self._ahead.find(b"\n")) < 0:
            if len(self._ahead) > limit or not self._fill():
                raise SpeechError("a line has no end")
        line = self.exactly(end + 1)
        if end > limit or not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise SpeechError("a line is too long or does not end in CR LF")
        return line[:-2]

    def some(self) -> bytes:
        """Return the bytes that are there, waiting for the first; b"" at the end."""
        if not self._ahead:
            self._fill()
        taken = bytes(self._ahead)
        self._ahead.clear()
        return taken

    def _fill(self) -> bool:
        chunk = self.connection.recv(_CHUNK)
        self._ahead += chunk
        return bool(chunk)


@dataclass(slots=True)
class Traffic:
    """Bytes of one connection: `sent` by the script, `received` by it."""

    sent: int = 0
    received: int = 0


def relay(client: Reader, upstream: socket.socket, traffic: Traffic, *, both_ways: bool = True) -> None:
    """Pass bytes on until both sides have ended, or nothing moved for minutes.

    With `both_ways` False only the answer is passed on: what the client says beyond its one request is left unread.
    """
    ahead = client.some() if both_ways and client._ahead else b""  # noqa: SLF001 - what was read ahead comes first
    if ahead:
        upstream.sendall(ahead)
        traffic.sent += len(ahead)
    inward = {upstream: client.connection}
    outward = {client.connection: upstream} if both_ways else {}
    open_ways = {**inward, **outward}
    while upstream in open_ways:
        readable, _, _ = select.select(list(open_ways), [], [], _IDLE_S)
        if not readable:
            return
        for source in readable:
            chunk = source.recv(_CHUNK)
            target = open_ways[source]
            if not chunk:
                del open_ways[source]
                with contextlib.suppress(OSError):
                    target.shutdown(socket.SHUT_WR)
                continue
            target.sendall(chunk)
            if source is upstream:
                traffic.received += len(chunk)
            else:
                traffic.sent += len(chunk)
