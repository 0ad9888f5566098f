"""The proxy process from its birth to its end: a fork of the spawner that gives up everything it does not need."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import threading
from typing import TYPE_CHECKING

from openskills_core.sandbox.proxy.talking import serve

if TYPE_CHECKING:
    from openskills_core.netrules import NetRules
    from openskills_core.sandbox.proxy.dialing import Log

_MOST_CLIENTS = 64
_LAST_WORDS_S = 0.3
_LIMITS = {
    resource.RLIMIT_NOFILE: 4 * _MOST_CLIENTS,
    resource.RLIMIT_AS: 1024 * 1024 * 1024,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 4 * 1024 * 1024,
}


def confine() -> None:
    """Lower this process's own limits, so that hostile bytes cannot make it take the machine."""
    for kind, bound in _LIMITS.items():
        _, hard = resource.getrlimit(kind)
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)  # noqa: PLW2901 - its own lower bound
        resource.setrlimit(kind, (bound, bound))


class Server:
    """Accepts the connections of one sandbox until it is told to end."""

    def __init__(self, listener: socket.socket, rules: NetRules, log: Log) -> None:
        self._listener = listener
        self._rules = rules
        self._log = log
        self._room = threading.BoundedSemaphore(_MOST_CLIENTS)
        self._clients: set[threading.Thread] = set()

    def run(self) -> None:
        """Serve until SIGTERM; then give what is going on a moment to come to its end."""
        stop_read, stop_write = os.pipe()
        signal.signal(signal.SIGTERM, lambda *_: os.write(stop_write, b"x"))
        threading.Thread(target=self._accept, daemon=True).start()
        while True:
            with contextlib.suppress(InterruptedError):
                os.read(stop_read, 1)
                break
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for client in tuple(self._clients):
            client.join(_LAST_WORDS_S)

    def _accept(self) -> None:
        while True:
            self._room.acquire()
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._clients.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                serve(connection, self._rules, self._log)
        finally:
            self._clients.discard(threading.current_thread())
            self._room.release()
