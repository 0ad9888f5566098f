"""What of the host a job of the reduced tier may reach, as Landlock rules.

There are no mounts here: everything stands where it stands on the host, and what no rule names cannot be opened. A rule
is made from an open descriptor, found without following a link, so it holds for that very directory, whatever a script
of another call puts in its place.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.opening import open_without_links
from openskills_core.sandbox.linux import landlock_rules as landlock
from openskills_core.sandbox.linux.etc import COPIED
from openskills_core.sandbox.linux.landlock_rules import Rule
from openskills_core.sandbox.linux.mounts import not_showable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from openskills_core.models import Mount

_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Node.js, and much else, does not start without /proc; Landlock itself keeps the memory, files and variables of
# processes outside from being read there.
_READABLE = ("/proc", "/dev/zero", "/dev/random", "/dev/urandom", *(f"/etc/{name}" for name in COPIED))
_USERS = ("/etc/passwd", "/etc/group")
_SINKS = ("/dev/null", "/dev/full")
_OPEN = os.O_PATH | os.O_CLOEXEC


@contextlib.contextmanager
def ruleset_for(mounts: Sequence[Mount], private: Path) -> Iterator[int]:
    """Yield the ruleset of a job that sees `mounts`, and may write to its own `private` directory.

    Raises:
        SandboxUnavailableError: Landlock refused, or a mount is not there or lies behind a link; the text names it.
    """
    with contextlib.ExitStack() as opened:
        rules = [*_system(opened), Rule(_found(private, opened), landlock.CHANGE)]
        for mount in mounts:
            if mount.mode in ("read", "write") and not _is_cover(mount):
                rights = landlock.CHANGE if mount.mode == "write" else landlock.EXECUTE
                rules.append(Rule(_found(mount.origin, opened), rights))
        try:
            ruleset = landlock.make_ruleset(rules)
        except OSError as error:
            raise SandboxUnavailableError(f"Landlock refused its rules: {error}", culprit="landlock") from error
        opened.callback(os.close, ruleset)
        yield ruleset


def check_expressible(mounts: Iterable[Mount]) -> None:
    """Refuse what Landlock has no rule for: less inside of more.

    Raises:
        SandboxUnavailableError: something is to be read-only, or hidden, inside of what may be changed, or seen.
    """
    seen = [mount for mount in mounts if mount.mode in ("read", "write") and not _is_cover(mount)]
    for inner in mounts:
        around = [outer for outer in seen if outer.origin in (*inner.path.parents, *inner.origin.parents)]
        for outer in around:
            if inner.mode == "empty" or _is_cover(inner):
                raise _inexpressible(inner, "hidden", outer)
            if inner.mode == "read" and outer.mode == "write":
                raise _inexpressible(inner, "read-only", outer)


def _is_cover(mount: Mount) -> bool:
    """Whether a mount shows something else in the place of what is there. Sockets cannot be used, covered or not."""
    if mount.path == mount.origin or mount.mode == "link":
        return False
    try:
        found = mount.path.stat()
        return not (stat.S_ISSOCK(found.st_mode) or os.path.samestat(found, mount.origin.stat()))
    except OSError:
        return True


def _inexpressible(inner: Mount, what: str, outer: Mount) -> SandboxUnavailableError:
    may = "written" if outer.mode == "write" else "read"
    return SandboxUnavailableError(
        f"the reduced sandbox cannot keep {inner.path} {what} inside of {outer.path}, which may be {may}: name a "
        "workspace that does not hold it, or use sandbox='bubblewrap'",
        culprit=str(inner.path),
    )


def _system(opened: contextlib.ExitStack) -> Iterator[Rule]:
    groups = (
        (_PROGRAMS, landlock.EXECUTE),
        ((*_READABLE, *_USERS), landlock.READ),
        (_SINKS, landlock.READ_AND_WRITE),
    )
    for paths, rights in groups:
        for path in paths:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                # Links of the system's own are followed, as programs will do.
                yield Rule(_kept(os.open(path, _OPEN), opened), rights)


def _found(path: Path, opened: contextlib.ExitStack) -> int:
    try:
        fd = _kept(open_without_links(path, _OPEN), opened)
    except OSError as error:
        raise not_showable(path, error.strerror or str(error)) from error
    if stat.S_ISLNK(os.fstat(fd).st_mode):
        raise not_showable(path, "symbolic link")
    return fd


def _kept(fd: int, opened: contextlib.ExitStack) -> int:
    opened.callback(os.close, fd)
    return fd
