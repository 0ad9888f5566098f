"""Start a program where the kernel offers less, as in a container: `python container.py SETTINGS PROGRAM ARGUMENTS`.

SETTINGS is JSON. `deny` maps system calls to the error they end with, `namespaces` is the error of making any by clone,
`filters` that of installing a system-call filter. `capabilities` true leaves root those of a Docker container. `proc`
is "new" for process and mount namespaces of its own with a /proc of their own, and "covered" for one of which a part is
covered, as containers have it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import struct
import sys
from pathlib import Path
from typing import Any

from openskills_core.sandbox.linux import seccomp
from openskills_core.sandbox.linux.spawner_views import Kernel

NEW_MOUNTS, NEW_USER, NEW_PROCESSES = 0x2_0000, 0x1000_0000, 0x2000_0000
ANY_NAMESPACE = 0x7E02_0000
RECURSIVE, PRIVATE, BIND = 0x4000, 0x4_0000, 0x1000
SAFE, SET_FILTER = 0xE, 22
LOAD_NUMBER = struct.pack("=HBBI", 0x20, 0, 0, 0)
# AUDIT_WRITE, CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, NET_RAW, SETFCAP, SETGID, SETPCAP,
# SETUID, SYS_CHROOT: what Docker leaves to root.
DOCKER_CAPABILITIES = {29, 0, 1, 3, 4, 5, 27, 10, 13, 31, 6, 8, 7, 18}
DOCKER_DENIES = dict.fromkeys(
    (
        *("unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "mount_setattr", "fsopen"),
        *(
            "fsmount",
            "fsconfig",
            "fspick",
            "sethostname",
            "setdomainname",
            "keyctl",
            "add_key",
            "request_key",
            "bpf",
            "perf_event_open",
        ),
        *("userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    ),
    "EPERM",
)
DOCKER: dict[str, Any] = {"deny": {**DOCKER_DENIES, "clone3": "ENOSYS"}, "namespaces": "EPERM"}
# What docs/docker.md says a filter has to allow beyond that; the second line is root's.
NEEDED = {"unshare", "setns", "mount", "umount2", "pivot_root", "sethostname"}
NEEDED_BY_ROOT = {"open_tree", "move_mount", "mount_setattr"}
OPENED_DOCKER = {
    "deny": {
        name: error
        for name, error in DOCKER["deny"].items()
        if name not in NEEDED | (NEEDED_BY_ROOT if os.geteuid() == 0 else set())
    }
}
KERNEL = Kernel()


def main() -> None:
    """Take away what SETTINGS says, and become the program."""
    settings = json.loads(sys.argv[1])
    if "proc" in settings:
        _enter_namespaces(covered=settings["proc"] == "covered")
    if settings.get("capabilities"):
        for number in set(range(41)) - DOCKER_CAPABILITIES:
            KERNEL.call("prctl", 24, ctypes.c_ulong(number), *[ctypes.c_ulong(0)] * 3)
    if settings.keys() & {"deny", "namespaces", "filters"}:
        _install(_filter(settings.get("deny", {}), settings.get("namespaces", ""), settings.get("filters", "")))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the program that the test names


def _enter_namespaces(*, covered: bool) -> None:
    user, group = os.getuid(), os.getgid()
    KERNEL.call("unshare", NEW_MOUNTS | NEW_PROCESSES | (NEW_USER if user else 0))
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path(f"/proc/self/{name}").write_text(text, encoding="ascii")
    if child := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    KERNEL.call("mount", None, b"/", None, ctypes.c_ulong(RECURSIVE | PRIVATE), None)
    KERNEL.call("mount", b"proc", b"/proc", b"proc", ctypes.c_ulong(SAFE), None)
    if covered:
        KERNEL.call("mount", b"/dev/null", b"/proc/keys", None, ctypes.c_ulong(BIND), None)


def _filter(deny: dict[str, str], namespaces: str, filters: str) -> bytes:
    """Compile classic BPF: each call to its error, everything else allowed."""
    arch = seccomp.ARCHITECTURES[platform.machine()]
    numbers = {name: number for number, _, name in seccomp._rules(arch)}
    lines = [LOAD_NUMBER]
    for name, error in deny.items():
        lines += [struct.pack("=HBBI", 0x15, 0, 1, numbers[name]), _ending(error)]
    if namespaces:
        lines += _by_first_argument(numbers["clone"], 0x45, ANY_NAMESPACE, namespaces)
    if filters:
        lines += _by_first_argument(numbers["prctl"], 0x15, SET_FILTER, filters)
    return b"".join((*lines, struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF_0000)))


def _by_first_argument(number: int, test: int, value: int, error: str) -> list[bytes]:
    load_argument, matches = struct.pack("=HBBI", 0x20, 0, 0, 16), struct.pack("=HBBI", test, 0, 1, value)
    return [struct.pack("=HBBI", 0x15, 0, 4, number), load_argument, matches, _ending(error), LOAD_NUMBER]


def _ending(error: str) -> bytes:
    return struct.pack("=HBBI", 0x06, 0, 0, 0x5_0000 | getattr(errno, error))


def _install(program: bytes) -> None:
    buffer = ctypes.create_string_buffer(program, len(program))
    one, zero = ctypes.c_ulong(1), ctypes.c_ulong(0)
    KERNEL.call("prctl", 38, one, zero, zero, zero)
    description = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    KERNEL.call("prctl", SET_FILTER, ctypes.c_ulong(2), description, zero, zero)


if __name__ == "__main__":
    main()
