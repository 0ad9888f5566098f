"""The server name that a TLS client asks for, which the network sees too. Source: RFC 8446 §4.1.2, RFC 6066 §3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openskills_core.sandbox.proxy.reading import Reader

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0
_RECORD_HEADER, _HELLO_HEADER = 5, 4
_LONGEST_HELLO = 16_384


class NoHelloError(Exception):
    """The client does not begin with a whole ClientHello."""


def server_name(client: Reader) -> str:
    """Return the name in a client's ClientHello, "" when it names none. What was read stays to be read.

    Raises:
        NoHelloError: the client does not begin with one.
    """
    try:
        return _name(_hello(client))
    except IndexError:
        raise NoHelloError from None


def _hello(client: Reader) -> bytes:
    """Return the body of a ClientHello, which may come in several records."""
    body, at = bytearray(), 0
    while True:
        header = client.peek(at + _RECORD_HEADER)[at:]
        if len(header) < _RECORD_HEADER or header[0] != _HANDSHAKE:
            raise NoHelloError
        length = int.from_bytes(header[3:5], "big")
        body += client.peek(at + _RECORD_HEADER + length)[at + _RECORD_HEADER :]
        at += _RECORD_HEADER + length
        if body[:1] not in (b"", bytes([_CLIENT_HELLO])) or at > _LONGEST_HELLO or length == 0:
            raise NoHelloError
        wanted = _HELLO_HEADER + int.from_bytes(body[1:4], "big")
        if len(body) >= max(wanted, _HELLO_HEADER):
            return bytes(body[_HELLO_HEADER:wanted])
        if len(client.peek(at)) < at:
            raise NoHelloError


def _name(hello: bytes) -> str:
    at = 2 + 32  # version, random
    at += 1 + hello[at]  # session id
    at += 2 + int.from_bytes(hello[at : at + 2], "big")  # cipher suites
    at += 1 + hello[at]  # compression
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at + 4 <= end:
        kind, size = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == _SERVER_NAME:
            return _first_host(hello[at + 4 : at + 4 + size])
        at += 4 + size
    return ""


def _first_host(extension: bytes) -> str:
    if len(extension) < 5 or extension[2] != _HOST_NAME:  # noqa: PLR2004 - list length, kind, name length
        return ""
    return extension[5 : 5 + int.from_bytes(extension[3:5], "big")].decode("ascii", "replace")
