"""What really holds in the reduced tier, and what does not: both are tried from inside."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Ended, Job, Limits, Mechanism, Mount, SandboxReport
from openskills_core.sandbox.linux import landlock_rules
from openskills_core.sandbox.linux.report import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_LOOK_AROUND = Path(__file__).with_name("landlock_look.py")
_OTHER_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")
_LIMITS = Limits(timeout_ms=20_000, processes=16, open_files=64, file_mb=8)
# What a script can do although it should not. Each is tried, and told where it passed.
_TRIED_HOLES = {
    "exists": "a script can find out whether a path of the host exists, its size, times, owner and where a link leads",
    "processes": "a script sees the processes of this machine and their command lines",
    "mode": "a script can change the modes of files that belong to the host's own user, wherever they are",
    "times": "a script can change the times of files that belong to the host's own user, wherever they are",
    "signal": "a script can signal, and so end, processes of the host's own user; a kernel from 6.12 stops that",
    "interfaces": "a script can read the addresses and connections of the host's network, though it cannot use it",
    "users": "a script can read the names of the host's users and groups",
}
_HOLES = (
    "memory and processes are watched every 50 ms, so a burst may pass the limits for that long",
    "scripts that run as one user at the same time can use up each other's number of processes",
    "there is no private /tmp: it is closed, and temporary files go where TMPDIR says",
    "nothing inside a writable directory can be protected; a workspace that holds a repository or skills is refused",
    "a script may use all the processor time of its limits",
    "kernel memory, such as pipe buffers, is bounded only by the number of processes and open files",
)
_UNSTOPPED_CANARIES = {
    "processes": "list the host's processes",
    "mode": "change the mode of a file outside",
    "signal": "kill a host process",
}
_SHARED_COUNT = "fork beyond its limit"


def report(run: Callable[[Job], Ended]) -> SandboxReport:
    """Return what a program confined by `run` could and could not do; where it cannot be had, `fix` says what to do."""
    offered = machine()
    try:
        found = _looked_around(run)
    except SandboxUnavailableError as error:
        return SandboxReport("landlock", "none", available=False, fix=str(error), machine=offered)
    tried, seen = found["tried"], found["seen"]
    mechanisms = tuple(_mechanisms(tried, seen))
    missing = [mechanism.name for mechanism in mechanisms if not mechanism.holds]
    ways = [name for name in _TRIED_HOLES if tried[name] == ""]
    fix = f"run no skill that you do not trust: these mechanisms do not hold: {', '.join(missing)}" if missing else ""
    return SandboxReport(
        backend="landlock",
        tier="none" if missing else "reduced",
        available=True,
        mechanisms=mechanisms,
        holes=(*(_TRIED_HOLES[name] for name in ways), *_named(seen), *_HOLES),
        fix=fix,
        machine=offered,
        leaves_open=(*(_UNSTOPPED_CANARIES[name] for name in ways if name in _UNSTOPPED_CANARIES), _SHARED_COUNT),
    )


def _named(seen: Mapping[str, Any]) -> Iterator[str]:
    if seen["hostname"] == platform.node():
        yield "a script can read the name of this machine"


def _looked_around(run: Callable[[Job], Ended]) -> dict[str, Any]:
    """Look around from a workspace of its own, beside which there is something to reach for.

    Raises:
        SandboxUnavailableError: the sandbox cannot be had, or no interpreter that can be started in it.
    """
    scratch = Path(tempfile.mkdtemp(prefix="openskills-report-"))
    try:
        scratch.chmod(0o755)
        for name in ("secret", "mode"):
            (scratch / name).write_text("x", encoding="ascii")
            (scratch / name).chmod(0o644)
        (scratch / "workspace").mkdir()
        (scratch / "open").mkdir()
        (scratch / "open").chmod(0o777)
        return _first_that_starts(run, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _first_that_starts(run: Callable[[Job], Ended], outside: Path) -> dict[str, Any]:
    """Try our own interpreter first. As root that may be one that no other user can start."""
    problem = None
    for program, *needs in _interpreters():
        try:
            ending = run(_job(program, needs, outside))
        except SandboxUnavailableError as error:
            problem = problem or error
            continue
        if ending.status != "success":
            said = ending.stderr.decode(errors="replace").strip() or ending.reason
            raise SandboxUnavailableError(f"looking around from inside failed: {said}", culprit=str(program))
        answer: dict[str, Any] = json.loads(ending.stdout)
        return answer
    raise problem or SandboxUnavailableError("there is no Python to look around with")


def _interpreters() -> Iterator[tuple[Path, ...]]:
    own = Path(os.path.realpath(sys.executable))
    yield own, Path(os.path.realpath(sys.base_prefix))
    for path in map(Path, _OTHER_PYTHONS):
        if path.exists():
            yield (path,)


def _job(program: Path, needs: list[Path], outside: Path) -> Job:
    text = _LOOK_AROUND.read_text(encoding="utf-8")
    workspace = outside / "workspace"
    return Job(
        argv=(str(program), "-I", "-S", "-c", text, str(outside), str(os.getpid())),
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        cwd=workspace,
        mounts=(Mount(workspace, "write"), *map(Mount, needs)),
        limits=_LIMITS,
    )


def _mechanisms(tried: Mapping[str, str], seen: Mapping[str, Any]) -> Iterator[Mechanism]:
    version = f"Landlock version {landlock_rules.version()}"
    yield _refused("no reading outside", tried, "read", "list", detail=version)
    yield _refused("no writing outside", tried, "write", detail=version)
    yield Mechanism("own workspace", tried["work"] == "", "writable", tried["work"])
    yield _refused("no network", tried, "internet", detail="no socket can be made")
    yield _refused("no UNIX sockets", tried, "unix", "datagrams", detail="only pairs that stay connected")
    yield _refused("no reading of other processes", tried, "variables", "trace", detail="ptrace, environ")
    if landlock_rules.version() >= landlock_rules.FIRST_WITH_SIGNALS:
        yield _refused("no signals to other processes", tried, "signal", detail=version)
    yield _refused("no namespaces", tried, "namespace", detail="unshare")
    none = all(seen[name].strip("0") == "" for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
    yield Mechanism("no capabilities", none, f"CapEff {seen['CapEff']}")
    yield Mechanism("no new privileges", seen["NoNewPrivs"] == "1", f"NoNewPrivs {seen['NoNewPrivs']}")
    yield Mechanism("system-call filter", seen["Seccomp"] == "2", f"Seccomp {seen['Seccomp']}")
    yield Mechanism("never root", seen["Uid"] != "0", f"user id {seen['Uid']}")
    yield Mechanism("one process group", not seen["left_session"], "setsid changes nothing")
    yield Mechanism("no inherited files", seen["descriptors"] == len("012"), f"{seen['descriptors']} open files")
    yield Mechanism("private HOME", seen["home"] == 0, f"{seen['home']} entries in HOME")
    wanted = _LIMITS.open_files
    yield Mechanism("limits", seen["files"] == wanted, f"open files: {seen['files']} of {wanted} asked for")


def _refused(name: str, tried: Mapping[str, str], *attempts: str, detail: str) -> Mechanism:
    errors = [tried[attempt] for attempt in attempts]
    return Mechanism(name, all(errors), detail, errors[0])
