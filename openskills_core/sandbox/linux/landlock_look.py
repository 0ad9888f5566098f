"""Looks around from inside the reduced tier: tries what should fail, and what is known not to.

Started as `python -I -S -c THIS_TEXT OUTSIDE HOST_PID`; imports the standard library only. Prints one JSON object:
"tried" has the name of the error that each attempt met, "" where it passed, and "seen" what was looked at.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_CLONE_NEWUSER = 0x1000_0000
_PTRACE_ATTACH = 16
_STATUS_FIELDS = ("Uid", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "Seccomp")


def _library(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*map(ctypes.c_ulong, arguments)) < 0:
        raise OSError(ctypes.get_errno(), name)


def _attempts(outside: Path, host: int) -> dict[str, Callable[[], object]]:
    return {
        "read": (outside / "secret").read_bytes,
        "list": lambda: list(outside.iterdir()),
        "write": (outside / "open" / "new").touch,
        "work": Path("made").touch,
        "internet": lambda: socket.socket(socket.AF_INET).close(),
        "unix": lambda: socket.socket(socket.AF_UNIX).close(),
        "datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
        "signal": lambda: os.kill(host, 0),
        "variables": Path(f"/proc/{host}/environ").read_bytes,
        "trace": lambda: _library("ptrace", _PTRACE_ATTACH, host, 0, 0),
        "namespace": lambda: _library("unshare", _CLONE_NEWUSER),
        "exists": (outside / "secret").stat,
        "times": lambda: os.utime(outside / "mode", (1, 1)),
        "mode": lambda: (outside / "mode").chmod(0o640),
        "processes": Path(f"/proc/{host}/cmdline").read_bytes,
        "interfaces": Path("/proc/net/dev").read_bytes,
        "users": Path("/etc/passwd").read_bytes,
    }


def _tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "failed")
    return ""


def _seen() -> dict[str, Any]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    session = os.getsid(0)
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(os.getsid(0) != session)
    return {
        **{name: fields.get(name, "").split("\t")[0] for name in _STATUS_FIELDS},
        "left_session": os.waitpid(child, 0)[1] != 0,
        "home": len(list(Path(os.environ["HOME"]).iterdir())),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "descriptors": len(list(Path("/proc/self/fd").iterdir())) - 1,
        "hostname": os.uname().nodename,
    }


def _main() -> None:
    tried = {name: _tried(attempt) for name, attempt in _attempts(Path(sys.argv[1]), int(sys.argv[2])).items()}
    print(json.dumps({"tried": tried, "seen": _seen()}))  # noqa: T201 - our answer


if __name__ == "__main__":
    _main()
