"""What a sandbox really sees, checked before anything of a job runs.

Between the moment a path is chosen and the moment bubblewrap mounts it, a script of another call may put a symbolic
link or another directory in its way: into the source, or into the place inside another mount. So nothing is trusted to
have gone well. While bubblewrap holds the first process, its mount table (proc_pid_mountinfo(5)) has to name exactly
what was asked for, and each place has to show the very file or directory that was there when it was chosen.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.opening import closing, open_without_links
from openskills_core.sandbox.linux.argv import PRIVATE_TMP
from openskills_core.sandbox.linux.etc import HOME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from openskills_core.models import Mount

_OPEN = os.O_PATH | os.O_CLOEXEC
# Of bubblewrap's own making: the system, /proc, /dev and the private file systems.
_OWN = frozenset(
    {
        *("/", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", PRIVATE_TMP, HOME, "/proc"),
        *(f"/proc/{name}" for name in ("sys", "sysrq-trigger", "irq", "bus")),
        *(
            "/dev",
            *(f"/dev/{name}" for name in ["null", "zero", "full", "random", "urandom", "tty", "console", "pts", "shm"]),
        ),
    }
)
_OCTAL = re.compile(rb"\\([0-7]{3})")
_FIRST_LOOK_S, _POLL_S = 0.0018, 0.0002
_PATIENCE_S = 10.0

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One line of a mount table. `root` is what of its file system is shown."""

    path: str
    root: str
    read_only: bool


def identities(mounts: Iterable[Mount]) -> dict[Path, Identity]:
    """Return device and inode of what each mount is to show, found without following a link.

    Raises:
        SandboxUnavailableError: one is missing or lies behind a symbolic link; the text names it.
    """
    return {mount.path: _identity_of_source(mount.origin) for mount in mounts if mount.mode in ("read", "write")}


def check_mounts(
    pid: int, mounts: Sequence[Mount], chosen: Mapping[Path, Identity], *, ended: Callable[[], bool]
) -> None:
    """Wait until a held process sees its final file system, and compare that with what was asked for.

    `ended` says whether bubblewrap gave up meanwhile; then there is nothing to check, and the caller knows why.

    Raises:
        SandboxUnavailableError: something else is seen, or it took too long. Nothing of the job has run.
    """
    table = _final_table(pid, ended)
    if table is None:
        return
    asked = {str(mount.path): mount for mount in mounts if mount.mode != "link"}
    seen = [point.path for point in table]
    for point in table:
        if point.path in asked and point.read_only == (asked[point.path].mode == "write"):
            raise _refusal(point.path, "is not mounted as asked for")
        if seen.count(point.path) > 1 or not (point.path in asked or _expected(point.path)):
            raise _refusal(point.path, "was mounted over")
    with closing(os.open(f"/proc/{pid}/root", _OPEN)) as root:
        for path, mount in asked.items():
            if path not in seen:
                raise _refusal(path, "was not mounted at its place")
            if mount.mode != "empty" and _identity_inside(root, path) != chosen[mount.path]:
                raise _refusal(path, "shows something else than what was chosen")


def _identity_of_source(path: Path) -> Identity:
    try:
        with closing(open_without_links(path, _OPEN)) as fd:
            status = os.fstat(fd)
    except OSError as error:
        raise not_showable(path, error.strerror or str(error)) from error
    if stat.S_ISLNK(status.st_mode):
        raise not_showable(path, "symbolic link")
    return status.st_dev, status.st_ino


def not_showable(path: Path, problem: str) -> SandboxUnavailableError:
    """Return the error for a path that cannot be had, with the real one where it leads through a link."""
    real = path
    with contextlib.suppress(OSError):  # links may change while they are followed
        real = path.resolve()
    why = problem if real == path else f"it leads through a symbolic link; name {real} instead"
    return SandboxUnavailableError(f"{path} cannot be shown to scripts: {why}", culprit=str(path))


def _identity_inside(root: int, path: str) -> Identity | None:
    fd = os.dup(root)
    try:
        for name in path.strip("/").split("/"):
            parent, fd = fd, os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=fd)
            os.close(parent)
        status = os.fstat(fd)
    except OSError:
        return None
    finally:
        os.close(fd)
    return status.st_dev, status.st_ino


def _final_table(pid: int, ended: Callable[[], bool]) -> list[MountPoint] | None:
    deadline = time.monotonic() + _PATIENCE_S
    # Looking sooner finds nothing, and the kernel makes bubblewrap wait while the table is read.
    time.sleep(_FIRST_LOOK_S)
    while time.monotonic() < deadline:
        # bubblewrap builds its tree at /newroot, makes that the root, and as its last step drops the one below.
        table = [line.split(b" ", 6) for line in _lines(pid)]
        if [fields[3] for fields in table if fields[4] == b"/"] == [b"/newroot"]:
            return list(map(_point, table))
        if ended():
            return None
        time.sleep(_POLL_S)
    raise _refusal("/", "took too long to be set up")


def _lines(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/mountinfo", "rb", buffering=0) as file:  # noqa: PTH123 - read every tenth of a millisecond
            return file.readall().splitlines()
    except OSError:
        return []


def _point(fields: Sequence[bytes]) -> MountPoint:
    return MountPoint(_plain(fields[4]), _plain(fields[3]), b"ro" in fields[5].split(b","))


def _plain(field: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field))


def _expected(path: str) -> bool:
    """Whether a mount point is bubblewrap's own, or one of the host's that came with a directory it binds whole."""
    return path in _OWN or path in {_point(line.split(b" ")).path for line in _lines(os.getpid())}


def _refusal(path: str, what: str) -> SandboxUnavailableError:
    return SandboxUnavailableError(
        f"the sandbox was refused: {path} {what}; if another script changes directories there, try again", culprit=path
    )
