"""What the kernel here lets a process do, tried for real, each thing in a child of its own.

Started as `python -I -S probes.py USER_ID`, because a host with threads must not fork; prints one JSON list of objects
with name, holds, detail and errno. `USER_ID` is whom root becomes for what a sandbox does as another user. Imports
nothing of ours but the spawner's kernel calls. It leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import platform
import resource
import shutil
import signal
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core.sandbox.linux.spawner_views import IdMaps, Kernel
else:
    # Started alone, as a file.
    sys.path.append(str(Path(__file__).parent))
    from spawner_views import IdMaps, Kernel

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x2_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000
_MS_SAFE, _MS_REC, _MS_PRIVATE = 0xE, 0x4000, 0x4_0000
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38
_SECCOMP_MODE_FILTER, _RETURN, _ALLOW = 2, 0x06, 0x7FFF_0000
_SYS_LANDLOCK_CREATE_RULESET, _LANDLOCK_VERSION = 444, 1
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_NEEDED_CONTROLLERS = {"memory", "pids"}
_KERNEL = Kernel()


class _MissingError(Exception):
    """Something that the kernel refused no call for, and yet is not to be had."""


def _main() -> None:
    user = int(sys.argv[1])
    probes: dict[str, Callable[[], str]] = {
        "user namespace": lambda: _user_namespace(user, 0),
        "mounts in it": lambda: _mounts(user),
        "network in it": lambda: _network(user),
        "/proc in it": lambda: _proc(user),
        "system-call filter": _filter,
        "limits of a child": _limits,
        "process descriptors": _descriptors,
        "Landlock": _landlock,
        "control group of its own": _control_group,
    }
    if user:
        probes["id-mapped mounts"] = lambda: _idmapped(user)
    print(json.dumps([{"name": name, **_tried(work)} for name, work in probes.items()]))  # noqa: T201 - our answer


def _tried(work: Callable[[], str]) -> dict[str, object]:
    """Return how `work` ended in a child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(_outcome(work)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:  # noqa: PTH123 - a descriptor has no path
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if said:
        answer: dict[str, object] = json.loads(said)
        return answer
    return {"holds": False, "detail": f"trying it ended with status {status}", "errno": ""}


def _outcome(work: Callable[[], str]) -> dict[str, object]:
    try:
        return {"holds": True, "detail": work(), "errno": ""}
    except _MissingError as missing:
        return {"holds": False, "detail": str(missing), "errno": ""}
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return {
            "holds": False,
            "detail": f"{error.strerror}{where}",
            "errno": errno.errorcode.get(error.errno or 0, ""),
        }


def _user_namespace(user: int, more: int) -> str:
    """Enter a user namespace, as whoever starts a sandbox does, and be the same user in it."""
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        # After a change of user a process may not write to its own id map.
        _KERNEL.call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)
    own, group = os.getuid(), os.getgid()
    _KERNEL.call("unshare", _CLONE_NEWUSER | more)
    # Bytes, because the files of a codec may be out of this user's reach.
    Path("/proc/self/setgroups").write_bytes(b"deny")
    Path("/proc/self/uid_map").write_bytes(b"%d %d 1" % (own, own))
    Path("/proc/self/gid_map").write_bytes(b"%d %d 1" % (group, group))
    return f"as user {own}"


def _mounts(user: int) -> str:
    _user_namespace(user, _CLONE_NEWNS)
    _KERNEL.call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
    _KERNEL.call("mount", b"probe", b"/tmp", b"tmpfs", ctypes.c_ulong(_MS_SAFE), b"size=4k")
    return "tmpfs"


def _network(user: int) -> str:
    _user_namespace(user, _CLONE_NEWNET)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))
    return "loopback"


def _proc(user: int) -> str:
    """Mount /proc of a new process namespace. The kernel refuses where parts of the one at hand are covered."""
    _user_namespace(user, _CLONE_NEWNS | _CLONE_NEWPID)
    answer = _tried(_mount_proc)
    if not answer["holds"]:
        raise OSError(getattr(errno, str(answer["errno"]), 0), str(answer["detail"]))
    return "a new one"


def _mount_proc() -> str:
    _KERNEL.call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
    _KERNEL.call("mount", b"proc", b"/proc", b"proc", ctypes.c_ulong(_MS_SAFE), None)
    return ""


def _filter() -> str:
    """Install a filter that allows everything; see prctl(2), linux/filter.h."""
    instruction = ctypes.create_string_buffer(struct.pack("=HBBI", _RETURN, 0, 0, _ALLOW), 8)
    program = struct.pack("@HP", 1, ctypes.addressof(instruction))
    one, zero = ctypes.c_ulong(1), ctypes.c_ulong(0)
    _KERNEL.call("prctl", _PR_SET_NO_NEW_PRIVS, one, zero, zero, zero)
    _KERNEL.call("prctl", _PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), program, zero, zero)
    return platform.machine()


@contextlib.contextmanager
def _waiting_child() -> Iterator[int]:
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _limits() -> str:
    with _waiting_child() as child:
        _, hard = resource.prlimit(child, resource.RLIMIT_NOFILE)
        resource.prlimit(child, resource.RLIMIT_NOFILE, (min(16, hard), hard))
        return f"{resource.prlimit(child, resource.RLIMIT_NOFILE)[0]} open files"


def _descriptors() -> str:
    with _waiting_child() as child:
        signal.pidfd_send_signal(os.pidfd_open(child), signal.SIGCONT)
    return "signal sent"


def _landlock() -> str:
    number = ctypes.c_long(_SYS_LANDLOCK_CREATE_RULESET)
    try:
        version = _KERNEL.call("syscall", number, None, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_VERSION))
    except OSError as error:
        raise OSError(error.errno, "landlock_create_ruleset: " + os.strerror(error.errno or 0)) from None
    return f"ABI {version}"


def _control_group() -> str:
    """Make a control group beneath our own, which takes a delegated one; see cgroups(7)."""
    folder = _own_control_group() / f"openskills-probe-{os.getpid()}"
    folder.mkdir()
    try:
        controllers = (folder / "cgroup.controllers").read_text(encoding="ascii").split()
    finally:
        folder.rmdir()
    if not set(controllers) >= _NEEDED_CONTROLLERS:
        raise _MissingError(f"controllers: {' '.join(controllers) or 'none'}; limits are watched instead")
    return f"controllers: {' '.join(controllers)}"


def _own_control_group() -> Path:
    groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()]
    mounts = [line.split(" ") for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    points = [fields[4] for fields in mounts if fields[fields.index("-") + 1] == "cgroup2"]
    paths = [path for number, _, path in groups if number == "0"]
    if not (points and paths):
        raise _MissingError("no version 2 control groups here; limits are watched instead")
    return Path(points[0]) / paths[0].lstrip("/")


def _idmapped(user: int) -> str:
    """Show a directory of root's as another user's own, as a root host does for each run."""
    scratch = tempfile.mkdtemp(prefix="openskills-probe-")
    try:
        views = IdMaps(_KERNEL, scratch)
        try:
            seen = os.stat(views.view(tempfile.gettempdir(), user)).st_uid  # noqa: PTH116 - a string already
        finally:
            views.close()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return f"{tempfile.gettempdir()} as user {seen}'s"


if __name__ == "__main__":
    _main()
