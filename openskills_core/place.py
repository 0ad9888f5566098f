"""Where a scope's workspace is: a directory the host named, or a temporary one made when first used."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.workspace import Workspace

if TYPE_CHECKING:
    import os


class Place:
    """Holds one workspace. Only a temporary directory is ever removed, by `close` or with the last reference."""

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self._directory = None if directory is None else Path(directory).expanduser().absolute()
        self._lock = threading.Lock()
        self._workspace: Workspace | None = None
        self._remove: weakref.finalize[[str, bool], Place] | None = None

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
        directory = tempfile.mkdtemp(prefix="openskills-workspace-")
        self._remove = weakref.finalize(self, shutil.rmtree, directory, True)  # noqa: FBT003 - ignore_errors
        return Path(directory)
