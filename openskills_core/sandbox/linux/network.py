"""The host's side of a granted network: having the proxy started, and reading what it decided."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Self

from openskills_core.sandbox.linux.find import unavailable
from openskills_core.sandbox.linux.spawner_network import PORT
from openskills_core.sandbox.linux.status import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openskills_core.sandbox.linux.spawner import Spawner

_PATIENCE_S, _LAST_WORDS_S, _TICK_S = 10.0, 2.0, 0.05
_MAX_LOG = 4 * 1024 * 1024


def proxy_variables() -> dict[str, str]:
    """Return the variables by which programs find the proxy.

    ALL_PROXY names it by HTTP too: Python's clients refuse to start with a SOCKS address when their extra is missing.
    """
    proxy = f"http://127.0.0.1:{PORT}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    spelled = {spelling: proxy for name in names for spelling in (name, name.lower())}
    return {**spelled, "NO_PROXY": "", "no_proxy": "", "NODE_USE_ENV_PROXY": "1"}


class Door:
    """The one way out of one sandbox, from its opening to the proxy's last word."""

    def __init__(self) -> None:
        self._log = os.memfd_create("network", os.MFD_CLOEXEC)
        self._alive, self._theirs = os.pipe2(os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for fd in (self._log, self._alive, self._theirs):
            if fd >= 0:
                os.close(fd)

    def open(self, spawner: Spawner, run: int, pid: int, hosts: Sequence[str]) -> None:
        """Have the proxy started for the held process `pid`."""
        spawner.network(run, pid, hosts, (self._log, self._theirs))
        os.close(self._theirs)
        self._theirs = -1

    def await_proxy(self, has_failed: Callable[[], bool]) -> None:
        """Wait until the proxy serves.

        Raises:
            SandboxUnavailableError: it does not; nothing of the job has run.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while not readable(self._alive, _TICK_S):
            if has_failed():
                return
            if time.monotonic() > deadline:
                raise unavailable("the network's proxy did not start in time")
        if not os.read(self._alive, 1) and not has_failed():
            raise unavailable("the network's proxy did not start")

    def decisions(self) -> tuple[dict[str, Any], ...]:
        """Return what the proxy decided, in order, bytes of ended connections included. Waits for its last word."""
        readable(self._alive, _LAST_WORDS_S)
        lines = os.pread(self._log, _MAX_LOG, 0).splitlines()
        entries = [entry for entry in map(_parsed, lines) if entry]
        totals = {entry["ended"]: entry for entry in entries if "ended" in entry}
        return tuple(_joined(entry, totals.get(entry["number"])) for entry in entries if "ended" not in entry)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:  # cut where the proxy was killed
        return {}
    return entry if isinstance(entry, dict) and "number" in entry else {}


def _joined(entry: dict[str, Any], total: dict[str, Any] | None) -> dict[str, Any]:
    said = {name: value for name, value in entry.items() if name != "number" and value != ""}
    if entry["outcome"] != "allow":
        return said
    # A connection that was still open at the end has no totals; None says so, 0 would be a claim.
    return {**said, "sent": total and total["sent"], "received": total and total["received"]}
