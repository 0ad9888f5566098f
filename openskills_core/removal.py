"""Removing whole directory trees that a script may have made as it liked. Symbolic links in them are not followed."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from openskills_core.opening import closing

_SUBDIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(name: str, parent: int) -> None:
    """Delete the directory `name` in the directory descriptor `parent`, with everything in it.

    Raises:
        OSError: something in it cannot be removed.
    """
    # No recursion: a script can nest directories deeper than any stack, path or table of descriptors.
    _take_back(name, parent)
    with closing(os.open(name, _SUBDIRECTORY, dir_fd=parent)) as fd:
        while names := os.listdir(fd):  # noqa: PTH208 - a descriptor is listed, not a path
            for child in names:
                if not _unlinked(child, fd):
                    _dissolve(child, fd)
    os.rmdir(name, dir_fd=parent)


def _dissolve(name: str, parent: int) -> None:
    """Delete a directory and its files; the directories in it move up beside it, to be dissolved in their turn."""
    with closing(os.open(name, _SUBDIRECTORY, dir_fd=parent)) as fd:
        for child in os.listdir(fd):  # noqa: PTH208 - a descriptor is listed, not a path
            if not _unlinked(child, fd):
                os.rename(child, os.urandom(16).hex(), src_dir_fd=fd, dst_dir_fd=parent)
    os.rmdir(name, dir_fd=parent)


def _unlinked(name: str, fd: int) -> bool:
    # For a directory Linux says EISDIR and macOS EPERM.
    with suppress(IsADirectoryError, PermissionError):
        os.unlink(name, dir_fd=fd)
        return True
    _take_back(name, fd)
    return False


def _take_back(name: str, fd: int) -> None:
    # A script can take from its owner what is needed to empty or to move a directory; its opening names any failure.
    with suppress(OSError, NotImplementedError):
        os.chmod(name, stat.S_IRWXU, dir_fd=fd, follow_symlinks=False)
