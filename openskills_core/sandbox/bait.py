"""What canaries reach for: files, listeners and processes of the host, planted for one check, then taken away."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "openskills-canary"
_SECRET_MODE, _PASSABLE = 0o644, 0o711
_LONGEST_SOCKET_PATH = 100
_LISTENED_BYTES, _LISTENING_S = 256, 0.5


@dataclass(frozen=True, slots=True)
class Bait:
    """One set of planted things. `token` is in each of them, and nowhere else on this machine."""

    token: str
    workspace: Path
    skill: Path
    secret: Path
    private: Path
    outside: Path
    listeners: dict[str, socket.socket]
    victim: subprocess.Popen[bytes]
    witness: subprocess.Popen[bytes]

    def heard(self, name: str) -> bool:
        """Whether somebody said the token to a listener."""
        with contextlib.suppress(BlockingIOError, KeyError):
            while True:
                connection, _ = self.listeners[name].accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(_LISTENING_S)
                    if self.token.encode() in connection.recv(_LISTENED_BYTES):
                        return True
        return False

    def address(self, name: str) -> str:
        """Where a listener is to be found, as `attacks.reach` takes it, "" where there is none of that kind."""
        if name not in self.listeners:
            return ""
        found = self.listeners[name].getsockname()
        if isinstance(found, tuple):
            return str(found[1])
        return os.fsdecode(found).replace("\0", "@")


@contextlib.contextmanager
def planted() -> Iterator[Bait]:
    """Plant everything and take it away again, processes that were left behind by a canary included.

    Raises:
        OSError: something cannot be planted, such as a file in a full directory.
    """
    token = secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        scratch = _scratch(stack)
        for name in ("workspace", "skill", "other", "outside"):
            (scratch / name).mkdir()
        # Whatever a canary leaves running looks for this file.
        stack.callback((scratch / "workspace" / "stop").touch)
        for path in (scratch / "skill" / "SKILL.md", scratch / "other" / "notes.md", scratch / "outside" / "mode"):
            path.write_text(token, encoding="ascii")
        yield Bait(
            token=token,
            workspace=scratch / "workspace",
            skill=scratch / "skill",
            secret=_secret_at_home(stack, scratch / "outside", token),
            private=scratch / "other" / "notes.md",
            outside=scratch / "outside",
            listeners=_listeners(stack, scratch, token),
            victim=_process(stack, token),
            witness=_process(stack, token),
        )


def _scratch(stack: contextlib.ExitStack) -> Path:
    """Make a directory that another user can pass through, with a path short enough for a socket's address."""
    usual = Path(tempfile.gettempdir()).resolve()
    parent = usual if len(os.fsencode(usual)) < _LONGEST_SOCKET_PATH - 2 * len(MARK) else Path("/tmp").resolve()  # noqa: S108 - mkdtemp's name is random
    scratch = Path(tempfile.mkdtemp(prefix=f"{MARK}-", dir=parent))
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    scratch.chmod(_PASSABLE)
    return scratch


def _secret_at_home(stack: contextlib.ExitStack, otherwise: Path, token: str) -> Path:
    """Put a file where credentials lie: into the home directory, if there is one that can be written."""
    try:
        fd, name = tempfile.mkstemp(prefix=f".{MARK}-", dir=Path.home().resolve())
    except (OSError, RuntimeError):
        fd, name = tempfile.mkstemp(dir=otherwise)
    stack.callback(Path(name).unlink, missing_ok=True)
    with open(fd, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(token)
    # Only the sandbox, and no file mode, is to be what keeps a script from it.
    Path(name).chmod(_SECRET_MODE)
    return Path(name)


def _listeners(stack: contextlib.ExitStack, scratch: Path, token: str) -> dict[str, socket.socket]:
    path = scratch / "outside" / "socket"
    addresses: dict[str, tuple[int, object]] = {
        "tcp": (socket.AF_INET, ("127.0.0.1", 0)),
        "path": (socket.AF_UNIX, str(path)),
    }
    if sys.platform == "linux":
        addresses["abstract"] = socket.AF_UNIX, f"\0{MARK}-{token}"
    found = {}
    for name, (family, address) in addresses.items():
        found[name] = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        found[name].bind(address)  # type: ignore[arg-type]  # each family's own
        found[name].listen()
        found[name].settimeout(0)
    path.chmod(0o777)
    return found


def _process(stack: contextlib.ExitStack, token: str) -> subprocess.Popen[bytes]:
    """Start a process with the token on its command line and in its environment. It ends when we do."""
    command = ["/bin/sh", "-c", "read line", f"{MARK}-{token}"]
    popen = subprocess.Popen(command, stdin=subprocess.PIPE, env={"CANARY": token}, cwd="/")  # noqa: S603 - a fixed program
    stack.callback(_end, popen)
    return popen


def _end(popen: subprocess.Popen[bytes]) -> None:
    popen.kill()
    popen.communicate()
