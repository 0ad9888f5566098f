"""What a user can do about what the kernel, or bubblewrap, said. The one place where such advice is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openskills_core.models import Mechanism

_CONTAINER_OPTIONS: Final = (
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
)
_RESTRICTED: Final = (
    "this system restricts user namespaces: install its bubblewrap package (apt install bubblewrap) with an AppArmor "
    "profile that has `userns,` for /usr/bin/bwrap, as docs/docker.md shows, or run: sysctl "
    "kernel.apparmor_restrict_unprivileged_userns=0"
)
_REFUSED: Final = (
    f"namespaces are refused here: in Docker start the container with {_CONTAINER_OPTIONS}, elsewhere ask whoever runs "
    "this machine to allow user namespaces"
)
_SWITCHED_OFF: Final = "user namespaces are switched off here: run: sysctl kernel.unprivileged_userns_clone=1"
_USED_UP: Final = "no user namespaces are left: run: sysctl user.max_user_namespaces=15000"
_NO_NAMESPACES: Final = "this kernel has no user namespaces (CONFIG_USER_NS): use another kernel, or a virtual machine"
_NO_VIEW: Final = (
    "the file system there cannot be shared with a throw-away user, as a container's own (overlayfs) cannot: move the "
    "directory to ext4, xfs, btrfs or tmpfs, such as a volume, or run as an ordinary user instead of root"
)
_NO_ADMIN: Final = (
    "root lacks CAP_SYS_ADMIN here, without which scripts cannot run as another user than root: run as an ordinary "
    f"user (USER in the Dockerfile), or add --cap-add SYS_ADMIN; Docker needs {_CONTAINER_OPTIONS} as well"
)
_COVERED_PROC: Final = (
    "parts of /proc are covered here, as in containers, and then the kernel gives nobody a new one: in Docker start "
    "the container with --security-opt systempaths=unconfined, in Podman with --security-opt unmask=ALL, in Kubernetes "
    "with procMount: Unmasked"
)
_NO_MOUNTS: Final = (
    "mounts are refused here by a security module: in Docker start the container with --security-opt "
    "apparmor=unconfined, with SELinux with --security-opt label=disable"
)
_MEMORY_ROOT: Final = "the root directory here is no mount that can be left (an initramfs?): start from a real one"
_NO_CALL: Final = (
    "this kernel is too old, or the container's own filter refuses what the sandbox needs: use Linux 5.14 or newer, "
    "and in Docker --security-opt seccomp=unconfined"
)
_NO_FILTER: Final = "this kernel takes no system-call filter (CONFIG_SECCOMP_FILTER): use another kernel"
_CAP_SYS_ADMIN: Final = 21


@dataclass(frozen=True, slots=True)
class _Fix:
    """Advice, the words of a message that call for it, and the failed probes, "name ERRNO", that do."""

    advice: str
    words: str
    probes: frozenset[str] = frozenset()


# The first one that fits is given, so what says more stands before what says less.
_FIXES: Final = (
    _Fix(_NO_VIEW, r"no id-mapped view"),
    _Fix(
        _RESTRICTED,
        r"setting up [ug]id map: Permission denied|loopback: Failed RTM_NEW",
        frozenset({"user namespace EACCES", "mounts in it EACCES", "network in it EPERM", "network in it EACCES"}),
    ),
    _Fix(_USED_UP, r"\(ENOSPC\)|No space left on device", frozenset({"user namespace ENOSPC"})),
    _Fix(_NO_NAMESPACES, r"does not support user namespaces", frozenset({"user namespace EINVAL"})),
    _Fix(_COVERED_PROC, r"Can't mount proc", frozenset({"/proc in it EPERM"})),
    _Fix(_NO_MOUNTS, r"(Failed to make / slave|Failed to mount|Can't mount \S+ on \S+): Permission denied"),
    _Fix(_MEMORY_ROOT, r"pivot_root\S*: Invalid argument"),
    _Fix(_NO_FILTER, r"prctl\(PR_SET_SECCOMP\)", frozenset({"system-call filter EINVAL", "system-call filter ENOSYS"})),
    _Fix(
        _REFUSED,
        r"No permissions to creat|(unshare|mount|pivot_root|setns|Failed to \w[^;]*): Operation not permitted",
        frozenset({"user namespace EPERM", "mounts in it EPERM", "id-mapped mounts EPERM"}),
    ),
    _Fix(
        _NO_CALL,
        r"Function not implemented",
        frozenset({"process descriptors ENOSYS", "process descriptors EPERM", "limits of a child EPERM"}),
    ),
)


def advice(message: str) -> str:
    """Return what to do about an error message, "" where it is none we know."""
    fitting = (fix.advice for fix in _FIXES if re.search(fix.words, message))
    return _for_this_machine(next(fitting, ""))


def advice_on(machine: Iterable[Mechanism]) -> str:
    """Return what to do about the first thing that a machine was measured to refuse, "" where that is nothing."""
    refused = {f"{mechanism.name} {mechanism.errno}" for mechanism in machine if not mechanism.holds}
    return _for_this_machine(next((fix.advice for fix in _FIXES if fix.probes & refused), ""))


def _for_this_machine(found: str) -> str:
    """Return narrower advice where the machine says why it refuses."""
    if found == _REFUSED and _read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return _SWITCHED_OFF
    if found == _REFUSED and _is_root_without_power():
        return _NO_ADMIN
    return found


def _is_root_without_power() -> bool:
    """Whether this is root, as in a container, without the capability to mount."""
    status = dict(line.split(":\t", 1) for line in _read("/proc/self/status").splitlines() if ":\t" in line)
    powers = int(status.get("CapEff", "0"), 16)
    return status.get("Uid", "").split("\t")[1:2] == ["0"] and not powers >> _CAP_SYS_ADMIN & 1


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
