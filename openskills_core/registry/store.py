"""Where indexes are kept: one file each in a directory that nobody else can write to. Losing one costs time only."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from openskills_core.opening import DIRECTORY, closing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FOLDER = "skills"
_SUFFIX, _TEMPORARY = ".index", ".tmp"
_MAX_BYTES = 256 * 1024 * 1024
_MAX_FILES = 200
_ABANDONED_S = 3_600
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Store:
    """The indexes beneath one cache directory. Safe under concurrent processes: an index is replaced as a whole.

    Nothing here raises: where the directory cannot be used, nothing is found and nothing kept. It is used only when it
    and the directory of indexes belong to this user and neither its group nor others may write to them.
    """

    def __init__(self, cache_dir: Path) -> None:
        self.directory = cache_dir

    def lies_in(self, directories: Iterable[Path]) -> bool:
        """Whether the indexes are in one of these directories, which have no symbolic links."""
        place = self.directory.resolve()
        return any(place.is_relative_to(directory) for directory in directories)

    def load(self, key: str) -> bytes | None:
        """Return what was kept under a key."""
        try:
            with closing(self._open()) as folder, closing(os.open(_name(key), _READ, dir_fd=folder)) as fd:
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode) or not _is_private(status) or status.st_size > _MAX_BYTES:
                    return None
                with open(fd, "rb", closefd=False) as file:
                    return file.read()
        except OSError:
            return None

    def save(self, key: str, data: bytes) -> None:
        """Keep something under a key, in the place of what was there."""
        with suppress(OSError):
            os.makedirs(self.directory.parent, exist_ok=True)
            for directory in (self.directory, self.directory / _FOLDER):
                with suppress(FileExistsError):
                    os.mkdir(directory, mode=0o700)
            with closing(self._open()) as folder:
                _replace(folder, _name(key), data)
                _prune(folder)

    def _open(self) -> int:
        """Open the directory of indexes. Raises OSError where it must not be used."""
        with closing(os.open(self.directory, DIRECTORY)) as parent:
            if not _is_private(os.fstat(parent)):
                raise PermissionError("others may write to it")
            folder = os.open(_FOLDER, DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        if _is_private(os.fstat(folder)):
            return folder
        os.close(folder)
        raise PermissionError("others may write to it")


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32] + _SUFFIX


def _replace(folder: int, name: str, data: bytes) -> None:
    temporary = f"{name}.{secrets.token_hex(8)}{_TEMPORARY}"
    fd = os.open(temporary, _WRITE, mode=0o600, dir_fd=folder)
    try:
        with open(fd, "wb") as file:
            file.write(data)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _prune(folder: int) -> None:
    """Remove what killed processes left behind, and the indexes that were not written for longest."""
    now, indexes = time.time(), []
    with os.scandir(folder) as entries:
        for entry in entries:
            written = entry.stat(follow_symlinks=False).st_mtime
            if entry.name.endswith(_SUFFIX):
                indexes.append((written, entry.name))
            elif entry.name.endswith(_TEMPORARY) and now - written > _ABANDONED_S:
                os.unlink(entry.name, dir_fd=folder)
    for _, name in sorted(indexes, reverse=True)[_MAX_FILES:]:
        os.unlink(name, dir_fd=folder)
