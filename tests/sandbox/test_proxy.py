"""What the proxy of a granted network lets through, spoken to byte by byte."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core.netrules import NetRules
from openskills_core.sandbox.proxy import talking
from openskills_core.sandbox.proxy.dialing import Log
from openskills_core.sandbox.proxy.serving import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

POST = b"POST http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Upstream:
    """A server of the host's that records what reaches it, byte for byte, and answers each connection once."""

    port: int
    heard: list[bytes] = field(default_factory=list)


@dataclass
class Proxy:
    """A proxy in this process, and what it wrote down."""

    port: int
    log: int

    def say(self, *parts: bytes) -> bytes:
        """Say something in one connection, wait for the answers between the parts, and return all that came back."""
        answers = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            with contextlib.suppress(OSError):  # where the proxy has ended the connection already
                for part in parts:
                    connection.sendall(part)
                    time.sleep(0.1)
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while chunk := connection.recv(65536):
                    answers += chunk
        return answers

    def decisions(self) -> list[dict[str, Any]]:
        """Return what was decided, in order."""
        lines = os.pread(self.log, 1_000_000, 0).splitlines()
        return [entry for entry in map(json.loads, lines) if "outcome" in entry]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server on the loopback device."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Upstream(listener.getsockname()[1])

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                server.heard.append(b"")
                at = len(server.heard) - 1
                while b"\r\n\r\n" not in server.heard[at]:
                    chunk = connection.recv(65536)
                    if not chunk:
                        return
                    server.heard[at] += chunk
                time.sleep(0.2)
                connection.setblocking(False)  # noqa: FBT003 - the standard library's own signature
                with contextlib.suppress(BlockingIOError):
                    server.heard[at] += connection.recv(65536)
                connection.setblocking(True)  # noqa: FBT003 - likewise
                connection.sendall(OK)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def serving(*granted: str) -> Iterator[Proxy]:
    """Run a proxy for these entries."""
    listener, log = socket.create_server(("127.0.0.1", 0)), os.memfd_create("log")
    server = Server(listener, NetRules.parse(granted), Log(log))
    thread = threading.Thread(target=server._accept, daemon=True)
    thread.start()
    try:
        yield Proxy(listener.getsockname()[1], log)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        os.close(log)


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    """A proxy that may reach the server by its address, and by two names, one of which leads to it."""
    with serving(f"127.0.0.1:{upstream.port}", f"named.test:{upstream.port}", f"other.test:{upstream.port}") as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that lead to the loopback device, as an attacker's own name server could have it."""
    look_up = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host.endswith(".test") else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def get(target: str, host: str, *headers: str, body: bytes = b"", method: str = "GET") -> bytes:
    """Return a request."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_a_request_in_absolute_form_is_passed_on_in_origin_form(proxy: Proxy, upstream: Upstream) -> None:
    """What is meant for the proxy alone is left out, and the connection ends with the answer."""
    host = f"127.0.0.1:{upstream.port}"
    answer = proxy.say(get(f"http://{host}/a?b#c", host, "Proxy-Authorization: Basic x", "X-Kept: yes"))
    assert answer == OK
    (heard,) = upstream.heard
    assert heard.startswith(b"GET /a?b HTTP/1.1\r\n")
    assert b"x-kept: yes" in heard
    assert b"connection: close" in heard
    assert b"roxy-" not in heard
    assert [(entry["host"], entry["outcome"], entry["via"]) for entry in proxy.decisions()] == [
        ("127.0.0.1", "allow", "http")
    ]


def test_a_second_request_in_one_connection_reaches_nobody(proxy: Proxy, upstream: Upstream) -> None:
    """Each request is checked, because a connection carries only one."""
    host = f"127.0.0.1:{upstream.port}"
    first, second = get(f"http://{host}/first", host), get(f"http://{host}/second", "secret.internal")
    assert proxy.say(first + second) == OK
    assert b"second" not in b"".join(upstream.heard)


def test_a_second_request_behind_a_body_reaches_nobody(proxy: Proxy, upstream: Upstream) -> None:
    """A body ends where its length says."""
    host = f"127.0.0.1:{upstream.port}"
    request = get(f"http://{host}/", host, "Content-Length: 4", body=b"four", method="POST")
    proxy.say(request + get("/smuggled", host))
    assert upstream.heard[0].endswith(b"\r\n\r\nfour")


def test_a_chunked_body_is_passed_on_chunk_by_chunk(proxy: Proxy, upstream: Upstream) -> None:
    """Extensions and trailers are left out, and what follows the last chunk reaches nobody."""
    host = f"127.0.0.1:{upstream.port}"
    body = b"4;x=y\r\nfour\r\n0\r\nTrailer: x\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
    proxy.say(get(f"http://{host}/", host, "Transfer-Encoding: chunked", body=body, method="POST"))
    assert upstream.heard[0].endswith(b"\r\n\r\n4\r\nfour\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /no-host HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: other.test\r\n\r\n",
        b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: other.test\r\n\r\n",
        b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\n\r\n",
        b"GET http://user@127.0.0.1:PORT/ HTTP/1.1\r\nHost: user@127.0.0.1:PORT\r\n\r\n",
        b"GET ftp://127.0.0.1:PORT/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost : 127.0.0.1:PORT\r\n\r\n",
        b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nA: b\r\n continued\r\n\r\n",
        b"GET http://127.0.0.1:PORT/ HTTP/1.1\nHost: 127.0.0.1:PORT\n\n",
        b"GET http://127.0.0.1:PORT/ HTTP/3\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        POST + b"Content-Length: +1\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n",
        b"CONNECT user@127.0.0.1:PORT HTTP/1.1\r\n\r\n",
        b"A" * 20_000,
        b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"\0\0\0\0\r\n\r\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(proxy: Proxy, upstream: Upstream, request_: bytes) -> None:
    """Nothing of it reaches a server."""
    answer = proxy.say(request_.replace(b"PORT", b"%d" % upstream.port))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert upstream.heard == []


@pytest.mark.parametrize(
    "target", ["localhost:{port}", "evil.example:443", "127.0.0.1:1", "127.0.0.2:{port}", "[::1]:{port}"]
)
def test_a_tunnel_to_a_host_that_is_not_granted_is_refused(proxy: Proxy, upstream: Upstream, target: str) -> None:
    """The answer says so, the log says so, and nobody was called."""
    where = target.format(port=upstream.port)
    answer = proxy.say(f"CONNECT {where} HTTP/1.1\r\n\r\n".encode(), b"GET / HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"not granted" in answer
    assert upstream.heard == []
    assert [entry["outcome"] for entry in proxy.decisions()] == ["deny"]


def test_a_granted_name_that_leads_to_a_private_address_is_refused(upstream: Upstream) -> None:
    """Whoever owns a granted name could point it at the host's own network."""
    with serving(f"named.test:{upstream.port}") as proxy:
        for request in (
            get(f"http://named.test:{upstream.port}/", f"named.test:{upstream.port}"),
            f"CONNECT named.test:{upstream.port} HTTP/1.1\r\n\r\n".encode(),
        ):
            assert b"403 Forbidden" in proxy.say(request)
        assert {entry["reason"] for entry in proxy.decisions()} == {"the name leads to an address that is not public"}
    assert upstream.heard == []


def test_a_name_and_its_private_address_may_be_granted_together(proxy: Proxy, upstream: Upstream) -> None:
    """Then a server of the host's own network is reached by its name."""
    where = f"named.test:{upstream.port}"
    assert proxy.say(get(f"http://{where}/", where)) == OK


def test_a_name_is_looked_up_once(proxy: Proxy, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was checked is the one that is connected to."""
    asked = []
    look_up = socket.getaddrinfo

    def rebinding(host: str, *rest: Any, **options: Any) -> Any:
        asked.append(host)
        return look_up("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    where = f"named.test:{upstream.port}"
    assert proxy.say(get(f"http://{where}/", where)) == OK
    assert [host for host in asked if host == "named.test"] == ["named.test"]


def test_a_tunnel_carries_bytes_both_ways_and_counts_them(proxy: Proxy, upstream: Upstream) -> None:
    """Totals are written down when it ends."""
    request = b"GET / HTTP/1.1\r\n\r\n"
    answer = proxy.say(f"CONNECT 127.0.0.1:{upstream.port} HTTP/1.1\r\n\r\n".encode(), request)
    assert answer == b"HTTP/1.1 200 Connection established\r\n\r\n" + OK
    deadline = time.monotonic() + 5
    while b"ended" not in os.pread(proxy.log, 100_000, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    totals = json.loads(os.pread(proxy.log, 100_000, 0).splitlines()[-1])
    assert (totals["ended"], totals["sent"], totals["received"]) == (1, len(request), len(OK))


def socks(host: bytes, port: int, kind: int = 3, command: int = 1) -> bytes:
    """Return a SOCKS5 request."""
    return bytes([5, command, 0, kind]) + (bytes([len(host)]) if kind == 3 else b"") + host + port.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (lambda port: socks(b"named.test", port), 0),
        (lambda port: socks(bytes([127, 0, 0, 1]), port, kind=1), 0),
        (lambda port: socks(bytes([127, 0, 0, 2]), port, kind=1), 2),
        (lambda port: socks(bytes(15) + b"\1", port, kind=4), 2),
        (lambda port: socks(b"evil.test", port), 2),
        (lambda port: socks(b"named.test", port + 1), 2),
        (lambda port: socks(b"named.test", port, command=2), 7),
        (lambda port: socks(b"named.test", port, kind=9), 8),
    ],
)
def test_socks_clients_follow_the_same_rules(proxy: Proxy, upstream: Upstream, request_: Any, code: int) -> None:
    """By name, by address, and only to connect."""
    answer = proxy.say(b"\5\1\0", request_(upstream.port), b"GET / HTTP/1.1\r\n\r\n" if code == 0 else b"")
    assert answer[:2] == b"\5\0"
    assert answer[2:4] == bytes([5, code])
    assert answer.endswith(OK) == (code == 0)
    assert bool(upstream.heard) == (code == 0)


def test_a_socks_client_without_the_open_method_is_sent_away(proxy: Proxy) -> None:
    """There are no passwords here."""
    assert proxy.say(b"\5\1\2") == b"\5\xff"


def client_hello(name: bytes, *, records: int = 1) -> bytes:
    """Return a ClientHello that asks for `name`, cut into so many records."""
    entry = b"\0" + len(name).to_bytes(2, "big") + name
    extension = b"\0\0" + (len(entry) + 2).to_bytes(2, "big") + len(entry).to_bytes(2, "big") + entry if name else b""
    other = b"\0\x0a\0\2\0\0"
    extensions = other + extension
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + len(extensions).to_bytes(2, "big") + extensions
    hello = b"\1" + len(body).to_bytes(3, "big") + body
    size = -(-len(hello) // records)
    pieces = [hello[at : at + size] for at in range(0, len(hello), size)]
    return b"".join(b"\x16\3\1" + len(piece).to_bytes(2, "big") + piece for piece in pieces)


@pytest.mark.parametrize(
    ("hello", "passes"),
    [
        (client_hello(b"named.test"), True),
        (client_hello(b"NAMED.test"), True),
        (client_hello(b"named.test", records=5), True),
        (client_hello(b"other.test"), False),
        (client_hello(b"secret.internal"), False),
        (client_hello(b""), False),
        (b"GET / HTTP/1.1\r\nHost: secret.internal\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH_9\r\n", False),
        (b"\x16\3\1\0\0", False),
        (b"\x16\3\1\xff\xff\1\xff\xff\xff", False),
        (b"", False),
    ],
)
def test_on_the_tls_port_a_client_asks_for_the_host_it_was_granted(
    proxy: Proxy, upstream: Upstream, hello: bytes, *, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel to one name is no way to another server behind the same address."""
    monkeypatch.setattr(talking, "_TLS_PORT", upstream.port)
    proxy.say(f"CONNECT named.test:{upstream.port} HTTP/1.1\r\n\r\n".encode(), hello + b"\r\n\r\n")
    assert (b"".join(upstream.heard) != b"") == passes
    assert [entry["outcome"] for entry in proxy.decisions()] == (["allow"] if passes else ["allow", "deny"])


def test_more_clients_than_there_is_room_for_wait(proxy: Proxy, upstream: Upstream) -> None:
    """Connections that say nothing do not keep others out for good, and cost a bounded number of threads."""
    idle = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(70)]
    time.sleep(0.3)
    assert threading.active_count() < 80
    for connection in idle:
        connection.close()
    host = f"127.0.0.1:{upstream.port}"
    assert proxy.say(get(f"http://{host}/", host)) == OK
