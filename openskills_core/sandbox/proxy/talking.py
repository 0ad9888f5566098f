"""One client of the proxy: HTTP in absolute form, CONNECT, or SOCKS5 with names, told apart by the first byte.

A connection serves one request. So each request is checked, and none can hide behind one that was. Sources: RFC 9112
for HTTP/1.1, RFC 9110 §9.3.6 for CONNECT, RFC 1928 for SOCKS5.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.netrules import BadHostError, as_address, normal_name
from openskills_core.sandbox.proxy.dialing import Asked, RefusedError, UnreachableError, dial
from openskills_core.sandbox.proxy.hello import NoHelloError, server_name
from openskills_core.sandbox.proxy.reading import Reader, SpeechError, Traffic, relay

if TYPE_CHECKING:
    import socket

    from openskills_core.netrules import NetRules
    from openskills_core.sandbox.proxy.dialing import Log

_HEADER_S = 30.0
_LONGEST_LINE, _MOST_HEADERS = 16_384, 200
_LONGEST_CHUNK_LINE = 1_024
_SOCKS, _DONE, _REFUSED, _NO_HOST, _NO_COMMAND, _NO_KIND = 5, 0, 2, 4, 7, 8
_BY_IPV4, _BY_NAME, _BY_IPV6 = 1, 3, 4
_TLS_PORT = 443
# Meant for the proxy alone, or about a connection that ends here.
_HOP_BY_HOP = frozenset(
    {b"connection", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"keep-alive", b"te"}
    | {b"trailer", b"upgrade"}
)


@dataclass(frozen=True, slots=True)
class _Request:
    """The head of one HTTP request, names of headers in lower case."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.headers if found == name]


def serve(connection: socket.socket, rules: NetRules, log: Log) -> None:
    """Serve one client to its end. What goes wrong ends this connection and nothing else."""
    connection.settimeout(_HEADER_S)
    client = Reader(connection)
    with contextlib.suppress(OSError):
        if client.peek(1) == bytes([_SOCKS]):
            _socks(client, rules, log)
        else:
            _http(client, rules, log)


def _http(client: Reader, rules: NetRules, log: Log) -> None:
    try:
        request = _request(client)
        if request.method == b"CONNECT":
            _connect(client, request, rules, log)
        else:
            _forward(client, request, rules, log)
    except SpeechError as error:
        _answer(client, b"400 Bad Request", str(error))
    except RefusedError as error:
        _answer(client, b"403 Forbidden", f"the sandbox's network refuses this: {error}")
    except UnreachableError as error:
        _answer(client, b"502 Bad Gateway", f"no connection: {error}")


def _answer(client: Reader, status: bytes, text: str) -> None:
    body = text.encode("ascii", "replace") + b"\n"
    head = b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    client.connection.sendall(head % (status, len(body)) + body)


def _request(client: Reader) -> _Request:
    words = client.line(_LONGEST_LINE).split(b" ")
    if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not words[0].isalpha():  # noqa: PLR2004 - method, target, version
        raise SpeechError("the first line is no request of HTTP/1.1")
    headers = []
    while line := client.line(_LONGEST_LINE):
        name, colon, value = line.partition(b":")
        # A blank before the colon, or a line that goes on, means different things to different servers.
        if not colon or not name or name != name.strip() or any(byte <= 32 for byte in name):  # noqa: PLR2004 - blank
            raise SpeechError("a header has no proper name")
        headers.append((name.lower(), value.strip(b" \t")))
        if len(headers) > _MOST_HEADERS:
            raise SpeechError("there are too many headers")
    return _Request(words[0], words[1], tuple(headers))


def _authority(text: bytes, default_port: int | None) -> tuple[str, int]:
    """Return host and port of `host:port`."""
    host, colon, port = text.decode("latin-1").rpartition(":")
    if not colon or "]" in port:
        host, port = text.decode("latin-1"), str(default_port or "")
    if not (port.isascii() and port.isdigit() and len(port) <= len("65535")) or not host:
        raise SpeechError("the target is no host and port")
    if any(letter in host for letter in "@/?#\\"):
        raise SpeechError("the target holds more than a host and a port")
    return host, int(port)


def _connect(client: Reader, request: _Request, rules: NetRules, log: Log) -> None:
    asked = Asked(*_authority(request.target, None), "connect")
    upstream, number = dial(asked, rules, log)
    with upstream:
        client.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _tunnel(client, upstream, asked, (log, number))


def _tunnel(client: Reader, upstream: socket.socket, asked: Asked, entry: tuple[Log, int]) -> None:
    log, number = entry
    traffic = Traffic()
    try:
        if asked.port == _TLS_PORT and not _asks_for_its_host(client, asked):
            log.decided(asked, "deny", "what is sent is no TLS, or asks for another server than was granted")
            return
        _unhurried(client, upstream)
        relay(client, upstream, traffic)
    finally:
        log.ended(number, traffic)


def _asks_for_its_host(client: Reader, asked: Asked) -> bool:
    """Whether a TLS client asks the server for the host that was checked, not for another one behind its address."""
    try:
        name = server_name(client)
        if as_address(asked.host) is not None:
            return name == ""
        return normal_name(name) == normal_name(asked.host)
    except (NoHelloError, BadHostError):
        return False


def _unhurried(client: Reader, upstream: socket.socket) -> None:
    """From here on only the relay's own patience counts."""
    client.connection.settimeout(None)
    upstream.settimeout(None)


def _forward(client: Reader, request: _Request, rules: NetRules, log: Log) -> None:
    authority, path = _absolute(request.target)
    host, port = _authority(authority, 80)
    named = request.values(b"host")
    if len(named) != 1 or _authority(named[0], 80) != (host, port):
        raise SpeechError("the Host header names another host than the request")
    length = _body_length(request)
    asked = Asked(host, port, "http")
    upstream, number = dial(asked, rules, log)
    traffic = Traffic()
    try:
        with upstream:
            _unhurried(client, upstream)
            upstream.sendall(_head(request, path))
            _send_body(client, upstream, length, traffic)
            relay(client, upstream, traffic, both_ways=False)
    finally:
        log.ended(number, traffic)


def _absolute(target: bytes) -> tuple[bytes, bytes]:
    """Return authority and path of an absolute target."""
    scheme, separator, rest = target.partition(b"://")
    if scheme.lower() != b"http" or not separator:
        raise SpeechError("the target has to be http://host/path; for https use CONNECT")
    end = next((at for at, byte in enumerate(rest) if byte in b"/?"), len(rest))
    authority, path = rest[:end], rest[end:].partition(b"#")[0]
    return authority, path if path.startswith(b"/") else b"/" + path


def _body_length(request: _Request) -> int | None:
    """Return how long the body is, None for a chunked one. One request must not be read as two."""
    coding, lengths = request.values(b"transfer-encoding"), request.values(b"content-length")
    if not coding and not lengths:
        return 0
    if coding and (lengths or len(coding) > 1 or coding[0].lower() != b"chunked"):
        raise SpeechError("the length of the body can be read in more than one way")
    if coding:
        return None
    if len(set(lengths)) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:  # noqa: PLR2004 - an exabyte
        raise SpeechError("the length of the body can be read in more than one way")
    return int(lengths[0])


def _head(request: _Request, path: bytes) -> bytes:
    named = {name.strip().lower() for value in request.values(b"connection") for name in value.split(b",")}
    kept = [(name, value) for name, value in request.headers if name not in _HOP_BY_HOP | (named - {b"host"})]
    lines = [b"%b %b HTTP/1.1" % (request.method, path), *(b"%b: %b" % header for header in kept)]
    return b"\r\n".join([*lines, b"connection: close", b"", b""])


def _send_body(client: Reader, upstream: socket.socket, length: int | None, traffic: Traffic) -> None:
    if length is not None:
        _send_exactly(client, upstream, length, traffic)
        return
    while True:
        line = client.line(_LONGEST_CHUNK_LINE)
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > 15 or any(byte not in b"0123456789abcdefABCDEF" for byte in digits):  # noqa: PLR2004 - a petabyte
            raise SpeechError("a chunk has no length")
        size = int(digits, 16)
        upstream.sendall(b"%x\r\n" % size)
        if size == 0:
            break
        _send_exactly(client, upstream, size + 2, traffic)
    while client.line(_LONGEST_LINE):
        pass  # trailers are left out
    upstream.sendall(b"\r\n")


def _send_exactly(client: Reader, upstream: socket.socket, length: int, traffic: Traffic) -> None:
    while length > 0:
        part = client.exactly(min(length, 32_768))
        upstream.sendall(part)
        traffic.sent += len(part)
        length -= len(part)


def _socks(client: Reader, rules: NetRules, log: Log) -> None:
    with contextlib.suppress(SpeechError):
        methods = client.exactly(client.exactly(2)[1])
        if 0 not in methods:
            client.connection.sendall(bytes([_SOCKS, 0xFF]))
            return
        client.connection.sendall(bytes([_SOCKS, 0]))
        _, command, _, kind = client.exactly(4)
        host = _socks_host(client, kind)
        port = int.from_bytes(client.exactly(2), "big")
        if command != 1 or not host:
            _socks_answer(client, _NO_COMMAND if host else _NO_KIND)
            return
        asked = Asked(host, port, "socks")
        try:
            upstream, number = dial(asked, rules, log)
        except RefusedError:
            _socks_answer(client, _REFUSED)
            return
        except UnreachableError:
            _socks_answer(client, _NO_HOST)
            return
        with upstream:
            _socks_answer(client, _DONE)
            _tunnel(client, upstream, asked, (log, number))


def _socks_host(client: Reader, kind: int) -> str:
    if kind == _BY_NAME:
        return client.exactly(client.exactly(1)[0]).decode("latin-1")
    if kind == _BY_IPV4:
        return str(ipaddress.IPv4Address(client.exactly(4)))
    if kind == _BY_IPV6:
        return str(ipaddress.IPv6Address(client.exactly(16)))
    return ""


def _socks_answer(client: Reader, code: int) -> None:
    client.connection.sendall(bytes([_SOCKS, code, 0, _BY_IPV4, 0, 0, 0, 0, 0, 0]))
