"""What really holds: a sandbox is started and looks around from the inside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Ended, Job, Limits, Mechanism, SandboxReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LIMITS = Limits(timeout_ms=10_000, processes=16, open_files=64, file_mb=8)
_LOOK_AROUND = """
for name in pid net ipc uts mnt user cgroup; do echo "ns:$name=$(readlink /proc/self/ns/$name)"; done
while IFS=: read -r key value; do
  case $key in Uid|CapEff|CapBnd|NoNewPrivs|Seccomp) set -- $value; echo "$key=$1" ;; esac
done < /proc/self/status
if (: > /canary) 2>/dev/null; then echo root=writable; else echo root=read-only; fi
echo "files=$(ulimit -n)"
echo "interfaces=$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | tr '\\n' ' ')"
echo "first=$(cat /proc/1/comm)"
echo "home=$(ls -A "$HOME" | wc -l)"
"""
_HOLES = (
    "a script may use all the processor time of its limits",
    "memory is watched every 50 ms, so a burst may pass the limit for that long",
    "kernel memory, such as socket buffers, is bounded only by the number of processes and open files",
    "scripts of one call see each other's files in the workspace",
)


def report(run: Callable[[Job], Ended]) -> SandboxReport:
    """Return what a sandbox started by `run` saw of itself; where it cannot be had, `fix` says what to do."""
    try:
        ending = run(_job())
    except SandboxUnavailableError as error:
        return SandboxReport(backend="bubblewrap", tier="none", available=False, fix=str(error))
    seen = dict(line.split("=", 1) for line in ending.stdout.decode(errors="replace").splitlines() if "=" in line)
    mechanisms = tuple(_mechanisms(seen))
    missing = [mechanism.name for mechanism in mechanisms if not mechanism.holds]
    fix = f"these mechanisms do not hold inside the sandbox: {', '.join(missing)}" if missing else ""
    return SandboxReport(
        backend="bubblewrap",
        tier="none" if missing else "full",
        available=not missing,
        mechanisms=mechanisms,
        holes=_HOLES,
        fix=fix,
    )


def _job() -> Job:
    env = {"PATH": "/usr/bin:/bin"}
    argv = ("/bin/sh", "-c", _LOOK_AROUND)
    return Job(argv=argv, env=env, cwd=Path("/tmp"), mounts=(), limits=_LIMITS)  # noqa: S108 - inside the sandbox


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
    wanted = str(_LIMITS.open_files)
    yield Mechanism("limits", seen.get("files") == wanted, f"open files: {seen.get('files')} of {wanted} asked for")


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
