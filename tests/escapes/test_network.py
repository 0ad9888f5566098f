"""No way to any network: not to the host's loopback, its sockets, or the world."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.escapes.conftest import Attacker

DIAL = """
    import socket, sys
    family, kind, *address = sys.argv[1:]
    s = socket.socket(getattr(socket, family), getattr(socket, kind))
    s.settimeout(2)
    target = (address[0], int(address[1])) if len(address) == 2 else address[0].replace("@", chr(0))
    s.connect(target)
    s.send(b"knock")
    print("reached")
"""


@contextlib.contextmanager
def _listening(family: int, kind: int, address: object) -> Iterator[tuple[socket.socket, list[bytes]]]:
    """Yield a listening socket and the list of what reached it: evidence on the host's side."""
    heard: list[bytes] = []
    with socket.socket(family, kind) as listener:
        listener.bind(address)  # type: ignore[arg-type]  # each family's own
        if kind == socket.SOCK_STREAM:
            listener.listen()
        listener.settimeout(0.1)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    if kind == socket.SOCK_STREAM:
                        connection, _ = listener.accept()
                        with connection:
                            heard.append(connection.recv(16))
                    else:
                        heard.append(listener.recv(16))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listener, heard
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    ("family", "kind", "host"),
    [
        ("AF_INET", "SOCK_STREAM", "127.0.0.1"),
        ("AF_INET", "SOCK_DGRAM", "127.0.0.1"),
        ("AF_INET6", "SOCK_STREAM", "::1"),
    ],
)
def test_the_hosts_loopback_cannot_be_reached(attacker: Attacker, family: str, kind: str, host: str) -> None:
    """A service on the host's loopback hears nothing from inside and is reached from outside the sandbox."""
    with _listening(getattr(socket, family), getattr(socket, kind), (host, 0)) as (listener, heard):
        port = listener.getsockname()[1]
        assert "reached" in attacker.control(DIAL, family, kind, host, port).stdout
    assert heard == [b"knock"]
    with _listening(getattr(socket, family), getattr(socket, kind), (host, 0)) as (listener, heard):
        port = listener.getsockname()[1]
        attacker.strike(DIAL, family, kind, host, port)
    assert heard == []


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_hosts_unix_sockets_cannot_be_reached(attacker: Attacker, outside: Path, abstract: bool) -> None:
    """Neither a socket file, such as Docker's, nor an abstract one, such as D-Bus's, answers."""
    name = "@openskills-test" if abstract else str(outside / "docker.sock")
    for strike, expected in ((attacker.control, [b"knock"]), (attacker.strike, [])):
        with _listening(socket.AF_UNIX, socket.SOCK_STREAM, name.replace("@", "\0")) as (_, heard):
            strike(DIAL, "AF_UNIX", "SOCK_STREAM", name)
        assert heard == expected
        Path(name).unlink(missing_ok=True)


def test_a_shell_script_reaches_no_loopback_either(attacker: Attacker) -> None:
    """Bash's own /dev/tcp is stopped too."""
    script = "exec 3<>/dev/tcp/127.0.0.1/$1 && echo knock >&3 && echo reached\n"
    with _listening(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)) as (listener, heard):
        port = listener.getsockname()[1]
        assert "reached" in attacker.control(script, port, language="sh").stdout
        assert "reached" not in attacker.strike(script, port, language="sh").stdout
    assert heard == [b"knock\n"]


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "192.0.2.1"])
def test_other_networks_do_not_exist_inside(attacker: Attacker, address: str) -> None:
    """Cloud metadata and private networks are unreachable at once, not after a timeout."""
    result = attacker.strike(DIAL, "AF_INET", "SOCK_STREAM", address, 80)
    assert "Network is unreachable" in result.stderr
    assert result.duration_ms < 5_000


@pytest.mark.parametrize("family", ["AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_CAN"])
def test_socket_families_that_reach_the_kernel_or_a_hypervisor_are_refused(attacker: Attacker, family: str) -> None:
    """Only local, IPv4 and IPv6 sockets can be made."""
    script = "import socket, sys\nsocket.socket(getattr(socket, sys.argv[1]), socket.SOCK_RAW)\n"
    assert "PermissionError" in attacker.strike(script, family).stderr


def test_a_script_may_talk_to_a_server_of_its_own(attacker: Attacker) -> None:
    """Loopback works inside: skills start local servers and ask them."""
    script = """
        import http.server, threading, urllib.request
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").status)
    """
    assert attacker.strike(script).stdout.strip() == "200"


def test_a_server_inside_cannot_be_reached_from_the_host(attacker: Attacker) -> None:
    """What listens in the sandbox listens in a network of its own."""
    script = """
        import socket, sys, time
        s = socket.socket()
        s.bind(("127.0.0.1", int(sys.argv[1])))
        s.listen()
        print("listening", flush=True)
        time.sleep(1)
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    reached: list[bool] = []

    def dial(_stream: str, text: str) -> None:
        if "listening" not in text:
            return
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            reached.append(True)
        except OSError:
            reached.append(False)

    attacker.control(script, port, on_output=dial)
    attacker.strike(script, port, on_output=dial)
    assert reached == [True, False]
