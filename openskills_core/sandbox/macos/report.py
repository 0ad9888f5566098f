"""What really holds on this macOS: a script tries what it must not be able to do, inside a sandbox and without one.

A thing counts as stopped only if it was stopped inside and worked outside.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Ended, Job, Limits, Mechanism, Mount, SandboxReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openskills_core.sandbox.macos.processes import Table

_LIMITS = Limits(timeout_ms=10_000, open_files=64)
# Given a directory that is not shown, the port of a listener, and the process id of the host.
_LOOK_AROUND = """
try() { name=$1; shift; if "$@" 2>/dev/null; then echo "$name=done"; else echo "$name=refused"; fi; }
look() { read -r line <"$1"; }
make() { echo made >"$1"; }
reach() { (exec 9<>"/dev/tcp/127.0.0.1/$1"); }
try read look "$1/secret"
try write make "$1/made"
try connect reach "$2"
try signal kill -0 "$3"
try work make ./made
echo "files=$(ulimit -n)"
echo "home=$(ls -A "$HOME" | wc -l | tr -d ' ')"
set -m
sleep 8 </dev/null >/dev/null 2>&1 &
echo "daemon=$!"
"""
_STOPPED = {
    "read": "files of the host cannot be read",
    "write": "files of the host cannot be written",
    "connect": "no network",
    "signal": "no signals to the host",
}
_HOLES = (
    "processes have no namespace: how many there are and what they use is looked up ten times a second",
    "system calls are not filtered",
    "depending on the version of macOS, a script may read the environment that the user's programs were started with",
    "scripts that run at the same time can meet through named semaphores",
    "the machine's name, model and accounts can be read",
    "a workspace that is kept from a script is closed to it, not shown empty",
)


def report(run: Callable[[Job], Ended], table: Callable[[], Table]) -> SandboxReport:
    """Return what a sandbox started by `run` stopped; where it cannot be had, `fix` says what to do."""
    try:
        mechanisms = _measured(run, table)
    except SandboxUnavailableError as error:
        return SandboxReport(backend="seatbelt", tier="none", available=False, fix=str(error))
    missing = [mechanism.name for mechanism in mechanisms if not mechanism.holds]
    return SandboxReport(
        backend="seatbelt",
        tier="none" if missing else "seatbelt",
        available=True,
        mechanisms=mechanisms,
        holes=_HOLES,
        fix=f"these mechanisms do not hold inside the sandbox: {', '.join(missing)}" if missing else "",
    )


def mechanisms_of(inside: Mapping[str, str], outside: Mapping[str, str]) -> Iterator[Mechanism]:
    """Yield what was shown, from the lines that the script wrote in the sandbox and without one."""
    for key, name in _STOPPED.items():
        found, control = inside.get(key, "nothing"), outside.get(key, "nothing")
        held = (found, control) == ("refused", "done")
        yield Mechanism(name, held, f"{found} inside, {control} outside")
    yield Mechanism("a workspace to write to", inside.get("work") == "done", inside.get("work", "nothing"))
    yield Mechanism("private HOME", inside.get("home") == "0", f"{inside.get('home')} entries in HOME")
    files = inside.get("files", "nothing")
    yield Mechanism(
        "limits", files == str(_LIMITS.open_files), f"open files: {files} of {_LIMITS.open_files} asked for"
    )
    survived = (inside.get("survived", "nothing"), outside.get("survived", "nothing"))
    detail = "process left behind lives: {} inside, {} outside".format(*survived)
    yield Mechanism("nothing outlives its call", survived == ("no", "yes"), detail)


def _measured(run: Callable[[Job], Ended], table: Callable[[], Table]) -> tuple[Mechanism, ...]:
    with tempfile.TemporaryDirectory(prefix="openskills-") as made, socket.create_server(("127.0.0.1", 0)) as listener:
        folder = Path(made).resolve()
        workspace, hidden = folder / "workspace", folder / "outside"
        for directory in (workspace, hidden):
            directory.mkdir()
        (hidden / "secret").write_text("secret\n", encoding="ascii")
        words = ("/bin/bash", "-c", _LOOK_AROUND, "look", str(hidden), str(listener.getsockname()[1]), str(os.getpid()))
        inside = _lines(run(_job(words, workspace)).stdout, table)
        if (hidden / "made").exists():
            inside["write"] = "done"  # whatever it said
        control = subprocess.run(words, cwd=workspace, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603 - our own text
        return tuple(mechanisms_of(inside, _lines(control.stdout, table)))


def _job(words: tuple[str, ...], workspace: Path) -> Job:
    mounts = (Mount(workspace, "write"),)
    return Job(argv=words, env={"PATH": "/usr/bin:/bin"}, cwd=workspace, mounts=mounts, limits=_LIMITS)


def _lines(stdout: bytes, table: Callable[[], Table]) -> dict[str, str]:
    lines = dict(line.split("=", 1) for line in stdout.decode(errors="replace").splitlines() if "=" in line)
    daemon = lines.get("daemon", "")
    if not daemon.isdigit():
        return lines
    lives = int(daemon) in {process.pid for process in table().processes()}
    if lives:
        os.kill(int(daemon), signal.SIGKILL)
    return {**lines, "survived": "yes" if lives else "no"}
