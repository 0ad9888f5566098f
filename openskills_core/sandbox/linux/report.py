"""What really holds: a sandbox is started and looks around from the inside; what the kernel offers is tried outside."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Ended, Job, Limits, Mechanism, Mount, SandboxReport
from openskills_core.sandbox.linux.find import find_bwrap, unavailable
from openskills_core.sandbox.linux.fixes import advice, advice_on
from openskills_core.sandbox.linux.limits import rlimits
from openskills_core.sandbox.linux.users import RunUsers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PROBES = Path(__file__).with_name("probes.py")
_PATIENCE_S = 20.0
_NOBODY = 65534
_LIMITS = Limits(timeout_ms=10_000, processes=16, open_files=64, file_mb=8)
_LIMIT_LINES = {
    "processes": resource.RLIMIT_NPROC,
    "data size": resource.RLIMIT_DATA,
    "file size": resource.RLIMIT_FSIZE,
    "open files": resource.RLIMIT_NOFILE,
}
_LOOK_AROUND = """
for name in pid net ipc uts mnt user cgroup; do echo "ns:$name=$(readlink /proc/self/ns/$name)"; done
while IFS=: read -r key value; do
  case $key in Uid|CapEff|CapBnd|NoNewPrivs|Seccomp) set -- $value; echo "$key=$1" ;; esac
done < /proc/self/status
if (: > /canary) 2>/dev/null; then echo root=writable; else echo root=read-only; fi
if (: > ./made) 2>/dev/null; then echo workspace=writable; else echo workspace=read-only; fi
echo "beside=$(ls -A .. | wc -l)"
echo "interfaces=$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | tr '\\n' ' ')"
echo "first=$(cat /proc/1/comm)"
echo "home=$(ls -A "$HOME" | wc -l)"
while read -r line; do echo "limit:$line="; done < /proc/self/limits
"""
_HOLES = (
    "a script may use all the processor time of its limits",
    "memory is watched every 50 ms, so a burst may pass the limit for that long",
    "kernel memory, such as socket buffers, is bounded only by the number of processes and open files",
    "scripts of one call see each other's files in the workspace",
)


def report(run: Callable[[Job], Ended]) -> SandboxReport:
    """Return what a sandbox started by `run` saw of itself; where it cannot be had, `fix` says what to do."""
    offered = machine()
    try:
        ending, made = _looked_around(run)
    except SandboxUnavailableError as error:
        return SandboxReport(
            "bubblewrap", "none", available=False, fix=_explained(str(error), offered), machine=offered
        )
    seen = dict(line.split("=", 1) for line in ending.stdout.decode(errors="replace").splitlines() if "=" in line)
    mechanisms = (*_mechanisms(seen), _workspace(seen, made))
    missing = ", ".join(mechanism.name for mechanism in mechanisms if not mechanism.holds)
    return SandboxReport(
        backend="bubblewrap",
        tier="none" if missing else "full",
        available=True,
        mechanisms=mechanisms,
        holes=_HOLES,
        fix=f"run no skill that you do not trust: these mechanisms do not hold: {missing}" if missing else "",
        machine=offered,
    )


def machine() -> tuple[Mechanism, ...]:
    """Return what the kernel here lets a process do, tried in a small program of its own, and which bubblewrap serves.

    As root it is tried as the throw-away user that a sandbox would be started as.
    """
    command = [sys.executable, "-I", "-S", str(_PROBES), str(_trying_user())]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=_PATIENCE_S, env={}, cwd="/")  # noqa: S603 - our own program
        tried: list[dict[str, Any]] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return (Mechanism("kernel", holds=False, detail=f"it could not be tried: {error}"), _bubblewrap())
    return (*(Mechanism(**one) for one in tried), _bubblewrap())


def _trying_user() -> int:
    if os.geteuid() != 0:
        return 0
    ids = RunUsers().ids
    return ids[0] if ids else _NOBODY


def _bubblewrap() -> Mechanism:
    try:
        found = find_bwrap()
        said = subprocess.run([found, "--version"], capture_output=True, timeout=_PATIENCE_S, check=False, env={})  # noqa: S603 - the one that is used
        version = said.stdout.decode(errors="replace").split()
    except (SandboxUnavailableError, OSError, subprocess.SubprocessError) as error:
        return Mechanism("bubblewrap", holds=False, detail=str(error).partition(":")[0])
    return Mechanism("bubblewrap", holds=bool(version), detail=" ".join((str(found), *version[1:])))


def _explained(problem: str, offered: tuple[Mechanism, ...]) -> str:
    """Begin with what the machine was measured to refuse, where the message does not say it."""
    found = advice_on(offered)
    return f"{found}; {problem}" if found and not advice(problem) else problem


def _looked_around(run: Callable[[Job], Ended]) -> tuple[Ended, os.stat_result | None]:
    """Look around from a workspace of its own; return what was seen, and the file that was left there.

    Raises:
        SandboxUnavailableError: there is none, or it could not even look around.
    """
    scratch = Path(tempfile.mkdtemp(prefix="openskills-report-"))
    try:
        (scratch / "beside").touch()
        workspace = scratch / "workspace"
        workspace.mkdir()
        ending = run(_job(workspace))
        if ending.status != "success":
            raise unavailable(ending.stderr.decode(errors="replace") or ending.reason)
        with contextlib.suppress(FileNotFoundError):
            return ending, (workspace / "made").stat()
        return ending, None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _job(workspace: Path) -> Job:
    argv = ("/bin/sh", "-c", _LOOK_AROUND)
    mounts = (Mount(workspace.resolve(), "write"),)
    return Job(argv=argv, env={"PATH": "/usr/bin:/bin"}, cwd=workspace.resolve(), mounts=mounts, limits=_LIMITS)


def _mechanisms(seen: dict[str, str]) -> Iterator[Mechanism]:
    for name in ("pid", "net", "ipc", "uts", "mnt", "cgroup"):
        inside = seen.get(f"ns:{name}", "")
        yield Mechanism(f"{name} namespace", bool(inside) and inside != _own_namespace(name), inside)
    yield _user(seen)
    yield Mechanism("no capabilities", _zero(seen, "CapEff") and _zero(seen, "CapBnd"), f"CapEff {seen.get('CapEff')}")
    yield Mechanism("no new privileges", seen.get("NoNewPrivs") == "1", f"NoNewPrivs {seen.get('NoNewPrivs')}")
    yield Mechanism("system-call filter", seen.get("Seccomp") == "2", f"Seccomp {seen.get('Seccomp')}")
    yield Mechanism("read-only root", seen.get("root") == "read-only", f"/ is {seen.get('root')}")
    yield Mechanism("no network", seen.get("interfaces", "").split() == ["lo"], f"interfaces: {seen.get('interfaces')}")
    yield Mechanism("no host processes", seen.get("first") == "bwrap", f"first process: {seen.get('first')}")
    yield Mechanism("private HOME", seen.get("home") == "0", f"{seen.get('home')} entries in HOME")
    yield from _limits([key for key in seen if key.startswith("limit:")])


def _limits(lines: list[str]) -> Iterator[Mechanism]:
    """Compare lines of proc_pid_limits(5), soft limit before hard one, with what was asked for."""
    for name, kind in _LIMIT_LINES.items():
        start, bound = f"limit:Max {name}", rlimits(_LIMITS)[kind]
        found = next((line.removeprefix(start).split()[:2] for line in lines if line.startswith(start)), [])
        holds = len(found) == 2 and all(value.isdigit() and int(value) <= bound for value in found)  # noqa: PLR2004 - soft and hard
        yield Mechanism(f"limit of {name}", holds, f"{' and '.join(found)}; {bound} asked for")


def _workspace(seen: dict[str, str], made: os.stat_result | None) -> Mechanism:
    """The workspace can be written, what lies beside it does not exist, and what is left there is the host's own."""
    holds = seen.get("workspace") == "writable" and seen.get("beside") == "1" and made is not None
    ours = made is not None and made.st_uid == os.geteuid()
    return Mechanism(
        "workspace", holds and ours, f"{seen.get('workspace')}, {seen.get('beside')} entries in its parent"
    )


def _user(seen: dict[str, str]) -> Mechanism:
    """The script is another user than root: by a user namespace, or by a throw-away id where the host is root."""
    uid, inside = seen.get("Uid", ""), seen.get("ns:user", "")
    if os.geteuid() == 0:
        return Mechanism("throw-away user", uid.isdigit() and int(uid) != 0, f"user id {uid}")
    return Mechanism("user namespace", bool(inside) and inside != _own_namespace("user"), inside)


def _zero(seen: dict[str, str], key: str) -> bool:
    return seen.get(key, "x").strip("0") == ""


def _own_namespace(name: str) -> str:
    return str(Path("/proc/self/ns", name).readlink())
