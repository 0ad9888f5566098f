"""Whose a workspace is where the host is root and there is no mount namespace to show its files as another user's.

A script never runs as root. So the workspace must belong to a throw-away user, which is the one that its scripts run
as. One that the runtime made itself, or that is empty, is handed over; anything else would be somebody's own work, on
which no chown is done unasked.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openskills_core.errors import OpenSkillsError, SandboxUnavailableError
from openskills_core.hostdirs import is_temporary_workspace
from openskills_core.opening import DIRECTORY, closing, open_without_links
from openskills_core.paths import Root
from openskills_core.sandbox.linux.users import RunUsers, is_throw_away, lasting_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from openskills_core.models import Job, Mount
    from openskills_core.paths import Entry

_ROOT = 0


@contextmanager
def user_of(job: Job, mounts: Sequence[Mount], users: RunUsers) -> Iterator[int]:
    """Yield the throw-away user that a job runs as: its workspace's owner, or where it may not write, a fresh one.

    Raises:
        SandboxUnavailableError: the workspace is root's, or another user's; the text says how to hand it over.
    """
    workspace = next((mount for mount in mounts if mount.path == job.cwd and mount.mode != "empty"), None)
    lasting = _owner(workspace) if workspace else _ROOT
    if lasting:
        yield lasting
        return
    run_id = users.take()
    try:
        yield run_id
    finally:
        users.give_back(run_id)


def _owner(workspace: Mount) -> int:
    """Return the throw-away user that a workspace belongs to, now or already; 0 for one that is only read."""
    path = workspace.origin
    try:
        with closing(open_without_links(path, DIRECTORY)) as fd:
            status = os.fstat(fd)
            if not is_throw_away(status.st_uid):
                if status.st_uid != os.geteuid() or not (is_temporary_workspace(path) or _is_empty(workspace, fd)):
                    return _refused_or_read(workspace, status)
                _give(fd, lasting_id(status))
            owner = os.fstat(fd).st_uid
        _hand_over_strays(path, owner)
    except OSError as error:
        raise SandboxUnavailableError(
            f"{path} cannot be handed over to the user that scripts of a root host run as: {error.strerror}",
            culprit=str(path),
        ) from error
    return owner


def _refused_or_read(workspace: Mount, status: os.stat_result) -> int:
    if workspace.mode == "read":
        return _ROOT
    path, user = workspace.origin, lasting_id(status)
    raise SandboxUnavailableError(
        f"scripts of a root host run as a user of their own, and {path} belongs to user {status.st_uid}, so they could "
        f"not write there: run as an ordinary user instead of root, name an empty directory, or hand this one over for "
        f"good with: chown -R {user}:{user} {path}",
        culprit=str(path),
    )


def _is_empty(workspace: Mount, fd: int) -> bool:
    return workspace.mode == "write" and not os.listdir(fd)


def _give(fd: int, user: int) -> None:
    os.fchown(fd, user, user)


def _hand_over_strays(workspace: Path, owner: int) -> None:
    """Hand over what the host itself, its file tools for instance, has put into a workspace that is another's."""
    try:
        with Root(workspace) as root:
            for entry in root.walk():
                if _is_stray(entry):
                    with root.place(entry.path) as place:
                        os.chown(place.name, owner, owner, dir_fd=place.fd, follow_symlinks=False)
    except OpenSkillsError as error:
        problem = f"{workspace} could not be handed over: {error}"
        raise SandboxUnavailableError(problem, culprit=str(workspace)) from error


def _is_stray(entry: Entry) -> bool:
    # A file with other names is also somewhere else, where it is nobody's business whose it is in here.
    alone = entry.kind == "directory" or (entry.kind == "file" and entry.stat.st_nlink == 1)
    return alone and entry.stat.st_uid == os.geteuid()
