"""What lies on the disk of a running job: no rlimit adds up files, so somebody has to look."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.models import MIB

if TYPE_CHECKING:
    from openskills_core.models import Job

_EVERY_S = 0.5
_MAX_FILES = 100_000
_BLOCK = 512


@dataclass(slots=True)
class DiskWatch:
    """Looks at what a job may write to, twice a second; at a large tree less often, for a tenth of the time."""

    folders: tuple[Path, ...]
    bound: int
    _due: float = field(default_factory=lambda: time.monotonic() + _EVERY_S)

    @classmethod
    def of(cls, job: Job) -> DiskWatch:
        """Return the watch of a job's writable mounts."""
        written = tuple(mount.path for mount in job.mounts if mount.mode == "write")
        return cls(written, job.limits.workspace_mb * MIB)

    def overuse(self) -> str:
        """Return "limit:workspace" when one of the directories holds too much, else ""."""
        started = time.monotonic()
        if started < self._due:
            return ""
        reached = any(exceeds(folder, self.bound) for folder in self.folders)
        self._due = time.monotonic() + max(_EVERY_S, 10 * (time.monotonic() - started))
        return "limit:workspace" if reached else ""


def exceeds(folder: Path, bound: int) -> bool:
    """Whether the files beneath `folder` take more than `bound` bytes on disk, are absurdly many, or hide."""
    total = files = 0
    pending = [os.fspath(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    files += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError as error:
            # A path too long to look at, and a directory made unreadable by the only user who could have.
            if error.errno == errno.ENAMETOOLONG or (error.errno == errno.EACCES and _is_ours(error.filename)):
                return True
        if total > bound or files > _MAX_FILES:
            return True
    return False


def _is_ours(path: str) -> bool:
    try:
        return Path(path).lstat().st_uid == os.geteuid()
    except OSError:
        return False
