"""What a job sees, as areas of the file system that a profile can speak of.

Seatbelt shows nothing where it is not: it allows or denies real paths, in the kernel's own spelling. So each mount is
opened, without following a symbolic link, and its path is what the kernel then says it is.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.hostdirs import holds_the_system
from openskills_core.opening import closing, open_without_links
from openskills_core.sandbox.macos.profile import Area, Layout, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openskills_core.models import Mount

_MAX_LINKS = 40
_PATH_BYTES = 1024
# Enough to learn a path, of what cannot be read too, and never waiting for the other end of a FIFO.
_LOOKING = getattr(os, "O_PATH", getattr(os, "O_EVTONLY", 0) | os.O_NONBLOCK) | os.O_CLOEXEC
# Of macOS, beside those of every system.
_WIDE = frozenset(
    {
        *("/Applications", "/Library", "/Network", "/System", "/Users", "/Volumes", "/cores", "/opt/homebrew"),
        *("/private", "/private/etc", "/private/tmp", "/private/var", "/private/var/folders", "/private/var/tmp"),
    }
)
_SYSTEMS_OWN = (
    *("/System", "/bin", "/dev", "/private/etc", "/private/var/db", "/sbin"),
    *("/usr/bin", "/usr/lib", "/usr/libexec", "/usr/sbin", "/usr/share"),
)
# /etc, /tmp and /var lead here.
_ROOT_LINKS = {("private", name) for name in ("etc", "tmp", "var")}
_MODES: dict[str, Mode] = {"read": "read", "write": "write", "empty": "hidden"}


@dataclass(frozen=True, slots=True)
class Private:
    """The directories of one run: `folder` is the host's and holds the others, which the run may write to."""

    folder: Path

    @property
    def home(self) -> Path:
        """HOME inside."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR inside."""
        return self.folder / "tmp"

    @property
    def canary(self) -> Path:
        """A file that nothing inside may read."""
        return self.folder / "canary"


def layout(mounts: Iterable[Mount], private: Private, mark: str) -> Layout:
    """Return what a profile has to say about a job's mounts and its private directories.

    Raises:
        SandboxUnavailableError: a mount that is not there, that a symbolic link leads to, or that would open the host.
    """
    given = {mount.path: mount for mount in mounts}
    areas = {area.path: area for mount in given.values() if mount.mode != "link" for area in (_area(mount),)}
    own = (_placed("write", private.home), _placed("write", private.temporary))
    links = {link for mount in given.values() for link in links_on(mount.path)}
    return Layout(
        areas=tuple(sorted((*areas.values(), *own), key=lambda area: Path(area.path).parts)),
        links=tuple(sorted(links)),
        mark=mark,
        canary=os.path.join(kernel_path(private.folder), private.canary.name),  # noqa: PTH118 - the kernel's own text
    )


def refuse_writable(paths: Iterable[Path], seen: Layout) -> None:
    """Refuse a part of the sandbox that scripts of this job, and so of earlier ones, could have replaced.

    Raises:
        SandboxUnavailableError: the innermost area around one of the paths is writable.
    """
    for path in paths:
        real = kernel_path(path)
        around = [area for area in seen.areas if Path(real).is_relative_to(area.path)]
        if around and around[-1].mode == "write":
            raise SandboxUnavailableError(
                f"{path} lies where scripts may write, so it can be no part of what confines them: choose another "
                "workspace, or another place for it (TMPDIR for temporary files)",
                culprit=str(path),
            )


def kernel_path(path: Path) -> str:
    """Return the path of a file or directory as the kernel spells it.

    Raises:
        SandboxUnavailableError: it is not there, or a symbolic link leads to it.
    """
    try:
        with closing(open_without_links(_without_system_link(path), _LOOKING)) as fd:
            return _path_of(fd)
    except OSError as error:
        raise SandboxUnavailableError(
            f"{path} cannot be shown inside the sandbox: {error.strerror}; name a directory or file that exists, "
            "by a path without symbolic links",
            culprit=str(path),
        ) from error


def links_on(path: Path) -> Iterator[str]:
    """Yield the symbolic links that a lookup of an absolute path passes, except those of the system's root."""
    for _ in range(_MAX_LINKS):
        real = _without_system_link(path)
        link = next((part for part in (*reversed(real.parents), real) if os.path.islink(part)), None)  # noqa: PTH114 - False for what is out of reach
        if link is None:
            return
        yield str(link)
        path = Path(os.path.normpath(link.parent / link.readlink() / real.relative_to(link)))


def _without_system_link(path: Path) -> Path:
    """Follow a symbolic link that stands in the root directory, such as /tmp: only the system can have put it there."""
    top = Path(*path.parts[:2])
    return top.resolve() / path.relative_to(top) if top.is_symlink() else path


def _path_of(fd: int) -> str:
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(_PATH_BYTES)).split(b"\0")[0])
    return os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115 - for the tests, which run on Linux too


def _area(mount: Mount) -> Area:
    _check_plain(mount.path)
    if mount.source is not None and os.path.realpath(mount.path) != os.path.realpath(mount.source):
        # Something else is to be seen in its place. Seatbelt cannot show that, but it can keep the place itself hidden.
        return _placed("hidden", mount.path)
    area = _placed(_MODES[mount.mode], mount.origin)
    if area.mode == "write":
        _check_narrow(Path(area.path))
    return area


def _placed(mode: Mode, path: Path) -> Area:
    real = kernel_path(path)
    return Area(mode, real, _alias(real))


def _alias(path: str) -> str:
    return path.removeprefix("/private") if Path(path).parts[1:3] in _ROOT_LINKS else path


def _check_plain(path: Path) -> None:
    text = os.fspath(path)
    if not path.is_absolute() or text != os.path.normpath(text) or "\0" in text:
        raise SandboxUnavailableError(f"{text!r} cannot be shown inside the sandbox: no plain absolute path")


def _check_narrow(path: Path) -> None:
    if str(path) in _WIDE or holds_the_system(path) or any(path.is_relative_to(own) for own in _SYSTEMS_OWN):
        raise SandboxUnavailableError(
            f"{path} cannot be writable inside the sandbox: it holds more than this work; give a directory of its own",
            culprit=str(path),
        )
