"""From what a client asks for to a connection: the rules first, then the address, and then that very address."""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from openskills_core.netrules import as_address

if TYPE_CHECKING:
    from openskills_core.netrules import NetRules
    from openskills_core.sandbox.proxy.reading import Traffic

_CONNECT_S = 15.0
_MOST_ENTRIES = 1_000


class RefusedError(Exception):
    """The rules say no. Its text says why."""


class UnreachableError(Exception):
    """The rules say yes, but there is no connection to be had."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a client wants to go, and by which protocol: "http", "connect" or "socks"."""

    host: str
    port: int
    via: str


class Log:
    """One JSON line for each decision and one for each end of a connection, in a file that the host reads later."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._count = 0

    def decided(self, asked: Asked, outcome: str, reason: str = "", address: str = "") -> int:
        """Write down a decision and return its number. Beyond a thousand they are only counted."""
        return self._write({**asdict(asked), "outcome": outcome, "reason": reason, "address": address})

    def ended(self, number: int, traffic: Traffic) -> None:
        """Write down how much went over a connection."""
        self._write({"ended": number, "sent": traffic.sent, "received": traffic.received})

    def _write(self, entry: dict[str, object]) -> int:
        with self._lock:
            self._count += 1
            if self._count <= 2 * _MOST_ENTRIES:
                os.write(self._fd, json.dumps({"number": self._count, **entry}).encode() + b"\n")
            return self._count


def dial(asked: Asked, rules: NetRules, log: Log) -> tuple[socket.socket, int]:
    """Return a connection to where the client wants to go, and the number of the decision.

    A name is looked up once, and the address that was checked is the one that is connected to: a second look could
    answer differently.

    Raises:
        RefusedError: the rules say no.
        UnreachableError: nothing answers there.
    """
    why = rules.why_not_host(asked.host, asked.port)
    if why:
        log.decided(asked, "deny", why)
        raise RefusedError(why)
    reasons = []
    for address in _addresses(asked, log):
        checked = as_address(address)
        literal = as_address(asked.host) is not None
        why = "" if literal or checked is None else rules.why_not_address(checked, asked.port)
        if why:
            reasons.append(why)
            continue
        try:
            connection = socket.create_connection((address, asked.port), timeout=_CONNECT_S)
        except OSError as error:
            reasons.append(str(error.strerror or error))
            continue
        return connection, log.decided(asked, "allow", address=address)
    refused = bool(reasons) and all("not public" in reason for reason in reasons)
    reason = reasons[0] if reasons else "the name has no address"
    log.decided(asked, "deny" if refused else "fail", reason)
    raise (RefusedError if refused else UnreachableError)(reason)


def _addresses(asked: Asked, log: Log) -> list[str]:
    literal = as_address(asked.host)
    if literal is not None:
        return [str(literal)]
    try:
        found = socket.getaddrinfo(asked.host.rstrip("."), asked.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.decided(asked, "fail", f"the name cannot be looked up: {getattr(error, 'strerror', None) or error}")
        raise UnreachableError("the name cannot be looked up") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
