"""What is kept from scripts although it lies in their workspace, where that is somebody's project.

Credentials by their usual names are hidden, what git runs or obeys cannot be changed, and sockets on which a process of
the host listens cannot be reached. Credentials are looked for directly in the workspace only, in one listing of it.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import functools
import os
import re
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Mount
from openskills_core.opening import LOOKING, closing, open_without_links

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_SECRETS = (
    *(".env", ".env~", ".env.*", ".envrc", ".netrc", ".npmrc", ".pypirc", ".git-credentials"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem"),
)
_NO_SECRETS = (".env.example", ".env.sample", ".env.template")
# What git runs by itself, or takes for its settings.
_RUN_BY_GIT = ("hooks", "config")
# The marker file of PEP 561 is empty, and is wherever this package is.
_NOTHING = Path(__file__).resolve().with_name("py.typed")
_MOST = 64
_REMEMBERED = 1024

# Identities of sockets that were found to be served; whoever serves one need not be bothered again.
_served: set[tuple[int, int, int]] = set()


def hidden(workspace: Path, granted: Collection[Path]) -> Iterator[Mount]:
    """Yield what shows an empty file in the place of each credential of a project, unless `granted` names it.

    One behind a symbolic link is hidden at its own place, if that is in the workspace; others are out of reach anyway.

    Raises:
        SandboxUnavailableError: there are too many, or the workspace cannot be listed.
    """
    if not is_there(_repository(workspace)):
        return
    try:
        named = [path for path in workspace.iterdir() if _secret().fullmatch(path.name)]
    except OSError as error:
        raise _cannot_tell(workspace, error) from error
    # Not Path.resolve(), which raises for links in a circle.
    paths = sorted({Path(os.path.realpath(path)) for path in named})
    wanted = [path for path in paths if path.is_relative_to(workspace) and path not in granted and is_there(path)]
    yield from _covered([path for path in wanted if not (path.is_dir() or path.is_symlink())])


def out_of_reach(workspace: Path, sockets: Iterable[str]) -> Iterator[Mount]:
    """Yield what shows an empty file in the place of each served socket; `sockets` are paths relative to the workspace.

    A socket's file leads to whoever listens, in whichever network that is. One that nobody serves is left alone.

    Raises:
        SandboxUnavailableError: there are too many.
    """
    yield from _covered([workspace / path for path in sockets if _is_served(workspace / path)])


def unchangeable(workspace: Path, granted: Collection[Path]) -> Iterator[Path]:
    """Yield what of a repository scripts must not change, unless `granted` names it: all of it, if it was there first.

    Hooks and settings alone would not do. A `.git/commondir` makes git take both from elsewhere, and an entry in
    `.git/index` makes `git status` run what the settings of another repository beneath say.

    A repository that came up later may be a script's own, so that scripts may go on with it; of that, hooks and
    settings are yielded.

    Raises:
        SandboxUnavailableError: the repository is a symbolic link, which a script could replace.
    """
    repository = _repository(workspace)
    if not _was_there_first(workspace) or repository in granted:
        yield from (path for name in _RUN_BY_GIT if (path := repository / name) not in granted)
        return
    if repository.is_symlink():
        raise SandboxUnavailableError(
            f"{repository} is a symbolic link, which cannot be kept from scripts: use another workspace, or name it in "
            "HostPolicy.write_paths",
            culprit=str(repository),
        )
    yield repository


def is_there(path: Path) -> bool:
    """Whether there is anything at a path, were it a link that leads nowhere.

    Raises:
        SandboxUnavailableError: there is no telling. A script may have closed a directory to hide something from us.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _cannot_tell(path, error) from error
    return True


def _cannot_tell(path: Path, error: OSError) -> SandboxUnavailableError:
    return SandboxUnavailableError(
        f"what is to be kept from scripts cannot be looked for at {path}: {error.strerror}; make the directories above "
        "it accessible again (chmod u+rwx)",
        culprit=str(path),
    )


def _repository(workspace: Path) -> Path:
    return workspace / ".git"


@functools.lru_cache(maxsize=_REMEMBERED)
def _was_there_first(workspace: Path) -> bool:
    """Whether there was a repository when this process first ran something there: then it is no script's own."""
    return is_there(_repository(workspace))


@functools.cache
def _secret() -> re.Pattern[str]:
    no_secrets, secrets = ("|".join(map(fnmatch.translate, names)) for names in (_NO_SECRETS, _SECRETS))
    return re.compile(f"(?!{no_secrets})(?:{secrets})", re.IGNORECASE)


def _covered(paths: Collection[Path]) -> Iterator[Mount]:
    if len(paths) > _MOST:
        named = ", ".join(str(path) for path in sorted(paths)[:3])
        raise SandboxUnavailableError(
            f"{len(paths)} files of the workspace are to be kept from scripts, more than the {_MOST} that can be: "
            f"remove some, such as {named}",
            culprit=named,
        )
    return (Mount(path, source=_NOTHING) for path in paths)


def _is_served(path: Path) -> bool:
    """Whether a process listens on a socket. Whatever is not plainly refused counts as served."""
    with contextlib.suppress(OSError), closing(open_without_links(path, LOOKING)) as fd:
        status = os.fstat(fd)
        identity = status.st_dev, status.st_ino, status.st_ctime_ns
        if stat.S_ISSOCK(status.st_mode) and (identity in _served or _answers(f"/proc/self/fd/{fd}")):
            _served.add(identity)
            return True
    return False


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.setblocking(False)  # noqa: FBT003 - the only form it has
        return caller.connect_ex(address) not in (errno.ECONNREFUSED, errno.ENOENT)
