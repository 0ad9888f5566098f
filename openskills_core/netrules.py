"""Which hosts of a network a script may reach: what the host's list says of a name, a port and an address.

| entry | grants |
|---|---|
| `example.com` | this host, ports 80 and 443 |
| `*.example.com` | every host beneath it, not the domain itself |
| `example.com:8443` | this host, that port alone |
| `*` | every host of the public internet |
| `192.0.2.7:8000`, `10.0.0.0/8`, `[2001:db8::1]:443` | an address or a range, private ones included |

A name has to be granted, and so has the address that it leads to: a public one always is, a private one only by an
entry of its own, or a name would be a way into the host's own network.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
WEB_PORTS = frozenset({80, 443})
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAX_NAME = 253
_LAST_PORT = 65535
_PORT = re.compile(r"(?P<host>.*):(?P<port>[0-9]{1,5})", re.DOTALL)
# Ways to write an IPv4 address as an IPv6 one; what counts is the address inside.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class BadHostError(ValueError):
    """A host, an address or an entry that cannot be read."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry: a name, "*." before it for what lies beneath, or a range of addresses; and its ports."""

    name: str
    network: Network | None
    ports: frozenset[int]

    def grants_name(self, name: str) -> bool:
        if self.network is not None:
            return False
        if self.name.startswith("*."):
            return name.endswith(self.name[1:])
        return self.name in ("*", name)


@dataclass(frozen=True, slots=True)
class NetRules:
    """The whole list of a host, read."""

    entries: tuple[_Entry, ...]

    @classmethod
    def parse(cls, entries: Iterable[str]) -> NetRules:
        """Read a list of entries.

        Raises:
            BadHostError: naming the first one that cannot be read.
        """
        return cls(tuple(_entry(text) for text in entries))

    def why_not_host(self, host: str, port: int) -> str:
        """Return why a host as a client names it may not be reached at a port, "" when it may.

        An address in place of a name has to be granted itself.
        """
        try:
            address = as_address(host)
            if address is not None:
                return "" if self._grants_address(address, port) else "the address is not granted"
            name = normal_name(host)
        except BadHostError as error:
            return str(error)
        matching = [entry for entry in self.entries if entry.grants_name(name)]
        if not matching:
            return "the host is not granted"
        return "" if any(port in entry.ports for entry in matching) else "the port is not granted"

    def why_not_address(self, address: Address, port: int) -> str:
        """Return why the address that a granted name leads to may not be reached, "" when it may."""
        address = unwrapped(address)
        if self._grants_address(address, port) or _is_public(address):
            return ""
        return "the name leads to an address that is not public"

    def _grants_address(self, address: Address, port: int) -> bool:
        address = unwrapped(address)
        return any(
            entry.network is not None and address in entry.network and port in entry.ports for entry in self.entries
        )


def normal_name(host: str) -> str:
    """Return a host name in lower case, as ASCII (IDNA), without a dot at its end.

    Raises:
        BadHostError: it is no host name, or an address in disguise such as `0x7f.1` or `2130706433`.
    """
    text = host.lower()
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            raise BadHostError("it is no host name") from None
    text = text.removesuffix(".")
    labels = text.split(".")
    if len(text) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadHostError("it is no host name")
    # No top-level domain is a number, but resolvers take such names for addresses.
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        raise BadHostError("it is an address written in an unusual way")
    return text


def as_address(host: str) -> Address | None:
    """Return the address that `host` is in its usual form, brackets allowed around an IPv6 one; None for a name.

    Raises:
        BadHostError: an IPv6 address with a zone.
    """
    text = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if "%" in text:
        raise BadHostError("an address with a zone is not granted")
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one that only wraps it (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def _is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _entry(text: str) -> _Entry:
    host, port = _split_port(text.strip())
    ports = WEB_PORTS if port is None else frozenset({port})
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return _Entry("", ipaddress.ip_network(bare, strict=False), ports)
    except ValueError:
        pass
    if host == "*":
        return _Entry("*", None, ports)
    try:
        name = normal_name(host.removeprefix("*."))
    except BadHostError:
        advice = "write a host such as example.com, *.example.com, example.com:8443, or an address"
        raise BadHostError(f"{text!r} is no host that a network can be granted for: {advice}") from None
    return _Entry(f"*.{name}" if host.startswith("*.") else name, None, ports)


def _split_port(text: str) -> tuple[str, int | None]:
    match = _PORT.fullmatch(text)
    # More than one colon without brackets is an IPv6 address.
    if match is None or (":" in match["host"] and not match["host"].endswith("]")):
        return text, None
    port = int(match["port"])
    if not 0 < port <= _LAST_PORT:
        raise BadHostError(f"{text!r} has no port that exists: write one from 1 to {_LAST_PORT}")
    return match["host"], port
