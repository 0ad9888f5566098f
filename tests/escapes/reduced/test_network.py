"""The reduced tier and networks: no socket that leads anywhere can be made, whichever way it is asked for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from openskills_core import HostPolicy, SandboxUnavailableError
from tests.escapes.test_network import DIAL, _listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openskills_core import OpenSkillRuntime
    from tests.escapes.conftest import Attacker


@pytest.mark.parametrize(
    ("family", "kind", "host"),
    [
        ("AF_INET", "SOCK_STREAM", "127.0.0.1"),
        ("AF_INET", "SOCK_DGRAM", "127.0.0.1"),
        ("AF_INET6", "SOCK_STREAM", "::1"),
        ("AF_INET6", "SOCK_STREAM", "::ffff:127.0.0.1"),
    ],
)
def test_the_hosts_loopback_cannot_be_reached(attacker: Attacker, family: str, kind: str, host: str) -> None:
    """A service on the host's loopback hears nothing from inside and is reached from outside the sandbox."""
    bound = ("", 0) if "ffff" in host else (host, 0)
    for strike, expected in ((attacker.control, [b"knock"]), (attacker.strike, [])):
        with _listening(getattr(socket, family), getattr(socket, kind), bound) as (listener, heard):
            result = strike(DIAL, family, kind, host, listener.getsockname()[1])
        assert heard == expected
    assert "PermissionError: [Errno 1]" in result.stderr


WALK_AROUND = {
    "another protocol": "s = socket.socket(proto=262)\ns.connect(target)\ns.send(b'knock')",
    "data in the first packet": "s = socket.socket()\ns.sendto(b'knock', 0x20000000, target)",
}


@pytest.mark.parametrize("way", WALK_AROUND)
def test_ways_around_landlocks_own_rules_are_closed(attacker: Attacker, way: str) -> None:
    """Multipath TCP and TCP Fast Open, which Landlock does not take for connecting."""
    script = f"import socket, sys\ntarget = ('127.0.0.1', int(sys.argv[1]))\n{WALK_AROUND[way]}\n"
    for strike, expected in ((attacker.control, [b"knock"]), (attacker.strike, [])):
        with _listening(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)) as (listener, heard):
            strike(script, listener.getsockname()[1])
        assert heard == expected


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_hosts_unix_sockets_cannot_be_reached(attacker: Attacker, outside: Path, abstract: bool) -> None:
    """Neither a socket file, such as Docker's, nor an abstract one, such as D-Bus's, answers."""
    name = "@openskills-reduced" if abstract else str(outside / "docker.sock")
    for strike, expected in ((attacker.control, [b"knock"]), (attacker.strike, [])):
        with _listening(socket.AF_UNIX, socket.SOCK_STREAM, name.replace("@", "\0")) as (_, heard):
            strike(DIAL, "AF_UNIX", "SOCK_STREAM", name)
        assert heard == expected
        (outside / "docker.sock").unlink(missing_ok=True)


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_one_end_of_a_pair_cannot_be_turned_to_somebody_else(attacker: Attacker, outside: Path, abstract: bool) -> None:
    """A pair of datagram sockets needs no socket(2), and yet sends to any name, such as that of the system's log."""
    script = """
        import socket, sys
        one, _ = socket.socketpair(socket.AF_UNIX, getattr(socket, sys.argv[1]))
        for way in (one.sendto, lambda data, name: (one.connect(name), one.send(data))):
            try:
                way(b"knock", sys.argv[2].replace("@", chr(0)))
                break
            except OSError as error:
                print(error)
    """
    name = "@openskills-log" if abstract else str(outside / "log")
    for strike, expected in ((attacker.control, [b"knock"]), (attacker.strike, [])):
        with _listening(socket.AF_UNIX, socket.SOCK_DGRAM, name.replace("@", "\0")) as (_, heard):
            (outside / "log").chmod(0o666) if not abstract else None
            strike(script, "SOCK_DGRAM", name)
            if strike == attacker.strike:
                strike(script, "SOCK_STREAM", name)
                strike(script, "SOCK_SEQPACKET", name)
        assert heard == expected
        (outside / "log").unlink(missing_ok=True)


@pytest.mark.parametrize("family", ["AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_CAN", "AF_INET", "AF_UNIX"])
def test_no_socket_of_any_family_can_be_made(attacker: Attacker, family: str) -> None:
    """Not even one's own loopback: it is the host's."""
    script = "import socket, sys\nsocket.socket(getattr(socket, sys.argv[1]), socket.SOCK_RAW)\n"
    assert "PermissionError: [Errno 1]" in attacker.strike(script, family).stderr


def test_a_shell_script_reaches_no_loopback_either(attacker: Attacker) -> None:
    """Bash's own /dev/tcp is stopped too."""
    script = "exec 3<>/dev/tcp/127.0.0.1/$1 && echo knock >&3 && echo reached\n"
    with _listening(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)) as (listener, heard):
        port = listener.getsockname()[1]
        assert "reached" in attacker.control(script, port, language="sh").stdout
        assert "reached" not in attacker.strike(script, port, language="sh").stdout
    assert heard == [b"knock\n"]


def test_a_granted_network_is_refused(
    make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime]
) -> None:
    """Without a network namespace there is nothing that could keep a script to the granted hosts."""
    make_skill("fetcher", main_py="print('ran')")
    runtime = make_reduced(policy=HostPolicy(network=["example.com"]))
    with pytest.raises(SandboxUnavailableError, match=r"HostPolicy\.network .* sandbox='bubblewrap'"):
        runtime.execute_skill("fetcher")
    assert runtime.audit.records()[-1]["status"] == "refused"


def test_hole_the_hosts_addresses_and_connections_can_be_read(attacker: Attacker) -> None:
    """As the report says: /proc/net is the host's own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = f":{listener.getsockname()[1]:04X}"
        assert port in attacker.strike("print(open('/proc/net/tcp').read())\n").stdout
