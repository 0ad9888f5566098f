"""A job and a few facts about the host, turned into bubblewrap's command line.

Minimal mounts: the system's programs, a synthetic /etc, private /proc, /dev, /tmp and HOME, and what the job names.
Everything else of the host does not exist inside. Every path is absolute, so none can turn into an option.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.hostdirs import holds_the_system
from openskills_core.models import MIB, Job, Mount
from openskills_core.sandbox.linux.etc import HOME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STATUS_FD, BLOCK_FD, SECCOMP_FD = 3, 4, 5
_SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
PRIVATE_TMP = "/tmp"  # noqa: S108 - the one inside the sandbox
_TMP_MB, _SHM_MB, _HOME_MB = 256, 64, 64
_OWN = ("/proc", "/dev", "/sys", "/run", "/boot", "/etc")
_NAMESPACES = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--hostname", "sandbox", "--new-session", "--die-with-parent", "--cap-drop", "ALL"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Facts about the host that every command line needs. `run_id` is the throw-away user id, 0 without root."""

    bwrap: Path
    etc: Path
    run_id: int = 0


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The words, and the positions of those that are host directories to be shown as the run's own."""

    argv: list[str]
    view_at: list[int]


def command_line(job: Job, layout: Layout) -> CommandLine:
    """Return bubblewrap's command line for a job.

    Raises:
        SandboxUnavailableError: the job wants a mount that would open the host, such as `/` or a home directory.
    """
    argv = [str(layout.bwrap), *_NAMESPACES, *_same_for_all(layout.etc)]
    view_at = []
    for words, source_at in _words(mounts_of(job.mounts)):
        if source_at:
            view_at.append(len(argv) + source_at)
        argv += words
    argv += ["--remount-ro", "/", "--chdir", str(job.cwd)]
    argv += ["--json-status-fd", str(STATUS_FD), "--block-fd", str(BLOCK_FD), "--seccomp", str(SECCOMP_FD), "--"]
    return CommandLine([*argv, *job.argv], view_at)


@functools.lru_cache(maxsize=8)
def _same_for_all(etc: Path) -> tuple[str, ...]:
    """Return the mounts that every sandbox of a host has."""
    return (*_system(etc), *_private())


def _system(etc: Path) -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in _SYSTEM_FOLDERS:
        folder = Path("/") / name
        if folder.is_symlink():
            yield from ("--symlink", str(folder.readlink()), str(folder))
        elif folder.is_dir():
            yield from ("--ro-bind", str(folder), str(folder))
    yield from ("--ro-bind", str(etc), "/etc")


def _private() -> Iterator[str]:
    yield from ("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys")
    # Without a size a tmpfs takes half of the machine's memory, and /dev is one.
    yield from ("--dev", "/dev", *_tmpfs("/dev/shm", _SHM_MB), "--remount-ro", "/dev")  # noqa: S108 - inside the sandbox
    yield from (*_tmpfs(PRIVATE_TMP, _TMP_MB), *_tmpfs(HOME, _HOME_MB))
    yield from ("--dir", "/run", "--dir", "/var")


def _tmpfs(path: str, megabytes: int, mode: str = "1777") -> tuple[str, ...]:
    return ("--perms", mode, "--size", str(megabytes * MIB), "--tmpfs", path)


@functools.lru_cache(maxsize=64)
def _words(mounts: tuple[Mount, ...]) -> list[tuple[tuple[str, ...], int]]:
    """Return each mount's words, and where among them its source is if another user is to see it as its own."""
    made = {Path("/"), Path(PRIVATE_TMP), Path(HOME)}
    spelled = [(mount, (*_parents(mount.path, made), *_bind(mount))) for mount in mounts]
    return [(words, _source_at(mount, words)) for mount, words in spelled]


def _source_at(mount: Mount, words: tuple[str, ...]) -> int:
    return len(words) - 2 if mount.mode in ("read", "write") and not mount.path.is_relative_to("/usr") else 0


@functools.lru_cache(maxsize=64)
def mounts_of(mounts: tuple[Mount, ...]) -> tuple[Mount, ...]:
    """Return a job's mounts without duplicates, parents before what lies inside them, so that the inner one is seen.

    A directory between a writable mount and one inside it becomes a mount too, as writable as before: what is mounted
    cannot be renamed, so a script cannot put another directory in the place of a read-only one.

    Raises:
        SandboxUnavailableError: see `command_line`.
    """
    given = {mount.path: mount for mount in mounts if mount != Mount(Path("/usr"))}
    for mount in given.values():
        _check(mount)
    pinned = {path: Mount(path, "write") for mount in given.values() for path in _between(mount, given)}
    return tuple(sorted({**pinned, **given}.values(), key=lambda mount: mount.path.parts))


def _between(mount: Mount, given: Mapping[Path, Mount]) -> Iterator[Path]:
    """Yield the directories between a mount and the innermost one around it, if that one is writable."""
    path: list[Path] = []
    for parent in mount.path.parents:
        if parent in given:
            yield from path if given[parent].mode == "write" else ()
            return
        path.append(parent)


def _check(mount: Mount) -> None:
    path = os.fspath(mount.path)
    if not mount.path.is_absolute() or path != os.path.normpath(path) or "\0" in path:
        raise SandboxUnavailableError(f"{path!r} cannot be shown inside the sandbox: no plain absolute path")
    if path.startswith(_OWN) and any(mount.path.is_relative_to(own) for own in _OWN):
        raise SandboxUnavailableError(f"{path} cannot be shown inside the sandbox: it would cover a part of its own")
    if mount.mode == "write" and holds_the_system(mount.path):
        raise SandboxUnavailableError(
            f"{path} cannot be writable inside the sandbox: it holds more than this work; give a directory of its own",
            culprit=path,
        )


def _parents(path: Path, made: set[Path]) -> Iterator[str]:
    """Yield what makes the directories above a mount that are not `made` yet, and note them."""
    # bwrap would give missing parents the source's private mode, and a throw-away user could not pass through them.
    for parent in reversed(path.parents):
        if parent not in made and not parent.is_relative_to("/usr"):
            yield from ("--perms", "0755", "--dir", str(parent))
        made.add(parent)


def _bind(mount: Mount) -> tuple[str, ...]:
    path = str(mount.path)
    if mount.mode == "empty":
        return (*_tmpfs(path, 1, "0755"), "--remount-ro", path)
    if mount.mode == "link":
        return ("--symlink", str(mount.origin), path)
    return ("--bind" if mount.mode == "write" else "--ro-bind", str(mount.origin), path)
