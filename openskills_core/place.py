"""Where a scope's workspace is: a directory the host named, or a temporary one made when first used."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import weakref
from pathlib import Path

from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.hostdirs import TEMPORARY_WORKSPACE, holds_the_system
from openskills_core.workspace import Workspace


class Place:
    """Holds one workspace. Only a temporary directory is ever removed, by `close` or with the last reference.

    Raises:
        WorkspaceError: the directory is the root, a system directory, a home or what holds one.
    """

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self._directory = None if directory is None else _narrow(Path(directory).expanduser())
        self._lock = threading.Lock()
        self._workspace: Workspace | None = None
        self._remove: weakref.finalize[[Path, int], Place] | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace, its directory made if it is missing."""
        with self._lock:
            if self._workspace is None:
                self._workspace = Workspace(self._directory or self._temporary())
            return self._workspace

    def close(self) -> None:
        """Remove a temporary directory; leave one the host named. A later use makes a new one."""
        with self._lock:
            if self._remove is not None:
                self._remove()
                self._remove = self._workspace = None

    def _temporary(self) -> Path:
        directory = Path(tempfile.mkdtemp(prefix=TEMPORARY_WORKSPACE))
        self._remove = weakref.finalize(self, _remove, directory, os.getpid())
        return directory


def _narrow(directory: Path) -> Path:
    absolute = directory.absolute()
    if holds_the_system(absolute.resolve()):
        raise WorkspaceError(
            f"{absolute} cannot be a workspace: it holds more than this work, and scripts may write to all of it; "
            f"name a directory of its own, such as {absolute / 'workspace'}",
            culprit=str(absolute),
        )
    return absolute


def _remove(directory: Path, owner: int) -> None:
    # A forked child has this object too, and the directory is not its own.
    if os.getpid() != owner:
        return
    # Not shutil.rmtree: a script can make a tree that is too deep for it, or closed to its owner.
    with contextlib.suppress(WorkspaceError, PathEscapeError):
        Workspace(directory.parent).delete(directory.name, recursive=True)
