"""Directories for the HOME and the temporary files of one job each, where no mount namespace could hide them."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.opening import DIRECTORY, closing
from openskills_core.removal import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = "calls"
_PRIVATE, _PASSABLE = 0o700, 0o711


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """A directory of one user, 0 for the host's own, with a home and a place for temporary files in it."""

    path: Path
    user: int

    @property
    def home(self) -> Path:
        """The job's HOME."""
        return self.path / "home"

    @property
    def temporary(self) -> Path:
        """The job's TMPDIR."""
        return self.path / "tmp"


class PrivateFolders:
    """Lends private directories, new or as good as new. Thread-safe.

    One that a job has left empty is used again, because removing directories takes longer than all the rest of a call.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clean: list[PrivateFolder] = []

    @contextlib.contextmanager
    def lend(self, scratch: Path, user: int) -> Iterator[PrivateFolder]:
        """Yield one in `scratch`, empty and nobody else's; it is emptied or removed afterwards."""
        folder = self._take(scratch / CALLS, user) or _made(scratch / CALLS, user)
        try:
            yield folder
        finally:
            if _is_as_new(folder):
                with self._lock:
                    self._clean.append(folder)
            else:
                _remove(folder)

    def _take(self, calls: Path, user: int) -> PrivateFolder | None:
        with self._lock:
            for folder in self._clean:
                if (folder.path.parent, folder.user) == (calls, user):
                    self._clean.remove(folder)
                    return folder
        return None


def _made(calls: Path, user: int) -> PrivateFolder:
    with contextlib.suppress(FileExistsError):
        calls.mkdir(mode=_PASSABLE if user else _PRIVATE)
    folder = PrivateFolder(Path(tempfile.mkdtemp(dir=calls)), user)
    for path in (folder.home, folder.temporary):
        path.mkdir(mode=_PRIVATE)
    if user:
        for path in (folder.home, folder.temporary, folder.path):
            os.chown(path, user, user)
    return folder


def _is_as_new(folder: PrivateFolder) -> bool:
    """Whether nothing shows that a job had it; the times are set back for that."""
    owner = folder.user or os.geteuid()
    wanted = {folder.path: ["home", "tmp"], folder.home: [], folder.temporary: []}
    try:
        for path, content in wanted.items():
            with closing(os.open(path, DIRECTORY | os.O_NOFOLLOW)) as fd:
                status = os.fstat(fd)
                if stat.S_IMODE(status.st_mode) != _PRIVATE or status.st_uid != owner:
                    return False
                if sorted(os.listdir(fd)) != content:  # noqa: PTH208 - a descriptor is listed, not a path
                    return False
                os.utime(fd, (0, 0))
    except OSError:
        return False
    return True


def _remove(folder: PrivateFolder) -> None:
    with contextlib.suppress(OSError), closing(os.open(folder.path.parent, DIRECTORY)) as parent:
        remove_tree(folder.path.name, parent)
