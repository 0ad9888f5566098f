"""Which regular files beneath a root changed between two moments, within bounds that no script can overrun."""

from __future__ import annotations

import json
import os
import stat
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.models import MIB, Artifact
from openskills_core.opening import closing
from openskills_core.paths import MAX_ENTRIES, Root, reporting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Change = Literal["created", "modified", "deleted"]

Stamp: TypeAlias = tuple[int, int, int, int]
MAX_NAME_BYTES = 16 * MIB
MAX_ARTIFACTS = 1_000
MAX_HASHED_BYTES = 1024 * MIB
MAX_RECORDED_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The regular files at one moment: path to (size, mtime, ctime, inode), times in nanoseconds.

    `complete` is False when a directory could not be looked at, or there was more than a snapshot holds. `sockets` are
    the paths of those that were seen on the way.
    """

    files: Mapping[str, Stamp]
    complete: bool = True
    sockets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two moments, sorted by path. `complete` is False when there may be more than is told."""

    artifacts: tuple[Artifact, ...] = ()
    complete: bool = False

    def as_record(self) -> dict[str, Any]:
        """Return the fields of an audit record: `artifacts`, at most 256 KiB of JSON, and `artifacts_complete`."""
        fitting = list(_fitting([asdict(artifact) for artifact in self.artifacts]))
        return {"artifacts": fitting, "artifacts_complete": self.complete and len(fitting) == len(self.artifacts)}


def take_snapshot(root: Root) -> Snapshot:
    """Return the state of the regular files beneath the root, to be compared later. Reads no content.

    It stops, incomplete, after 100,000 entries or 16 MiB of names. A directory that cannot be listed, or whose path is
    too long to be opened, makes it incomplete too.
    """
    walk = _Walk(root)
    while walk.pending:
        walk.visit(walk.pending.popleft())
    return Snapshot(walk.files, walk.complete, tuple(walk.sockets))


def changes_since(root: Root, before: Snapshot) -> Changes:
    """Return the regular files created, modified or deleted since, the first 1,000 of them.

    A deleted file has size 0 and sha256 "". A file has sha256 "" too when it cannot be read, or does not fit into what
    the files before it left of 1 GiB. When a snapshot is incomplete only modified files are told, because a file that
    was not seen may still be there.
    """
    after = take_snapshot(root)
    changed = _compared(before, after)
    complete = before.complete and after.complete and len(changed) <= MAX_ARTIFACTS
    return Changes(tuple(_artifacts(root, changed[:MAX_ARTIFACTS], after.files)), complete)


@dataclass(slots=True)
class _Walk:
    """One look at every directory, nearest to the root first, so that a deep tree hides nothing beside it."""

    root: Root
    files: dict[str, Stamp] = field(default_factory=dict)
    sockets: list[str] = field(default_factory=list)
    complete: bool = True
    pending: deque[str] = field(default_factory=lambda: deque(["."]))
    _entries: int = 0
    _name_bytes: int = 0

    def visit(self, directory: str) -> None:
        """Note what one directory holds. One that vanished held nothing; any other failure is remembered."""
        try:
            self._list(directory)
        except (OSError, WorkspaceError, PathEscapeError) as error:
            self.complete &= isinstance(error.__cause__ or error, FileNotFoundError)

    def _list(self, directory: str) -> None:
        prefix = "" if directory == "." else f"{directory}/"
        with closing(self.root.open_dir(directory)) as fd, os.scandir(fd) as found:
            for item in found:
                if not self._has_room(path := prefix + item.name):
                    self.complete = False
                    self.pending.clear()
                    return
                # What vanishes on the way is not there.
                with suppress(FileNotFoundError):
                    self._note(path, item)

    def _has_room(self, path: str) -> bool:
        self._entries += 1
        self._name_bytes += len(os.fsencode(path))
        return self._entries <= MAX_ENTRIES and self._name_bytes <= MAX_NAME_BYTES

    def _note(self, path: str, item: os.DirEntry[str]) -> None:
        if item.is_dir(follow_symlinks=False):
            self.pending.append(path)
        elif item.is_file(follow_symlinks=False):
            status = item.stat(follow_symlinks=False)
            self.files[path] = status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
        elif not item.is_symlink() and stat.S_ISSOCK(item.stat(follow_symlinks=False).st_mode):
            self.sockets.append(path)


def _compared(before: Snapshot, after: Snapshot) -> list[tuple[str, Change]]:
    old, new = before.files, after.files
    changes: dict[str, Change] = {path: "modified" for path in old.keys() & new.keys() if old[path] != new[path]}
    if before.complete and after.complete:
        changes |= dict.fromkeys(new.keys() - old.keys(), "created")
        changes |= dict.fromkeys(old.keys() - new.keys(), "deleted")
    return sorted(changes.items())


def _artifacts(root: Root, changed: Sequence[tuple[str, Change]], files: Mapping[str, Stamp]) -> Iterator[Artifact]:
    budget = MAX_HASHED_BYTES
    for path, change in changed:
        size, digest = (0 if change == "deleted" else files[path][0]), ""
        # The size counts, not the blocks behind it: reading a hole takes as long as reading data.
        if change != "deleted" and size <= budget:
            budget -= size
            size, digest = _digest(root, path, size)
        yield Artifact(path, size, digest, change)


def _digest(root: Root, path: str, size: int) -> tuple[int, str]:
    """Hash at most `size` bytes, so that a file which something still appends to comes to an end."""
    import hashlib

    digest, left = hashlib.sha256(), size
    try:
        with root.open_read(path, follow=False) as file, reporting(path):
            while chunk := file.read(min(MIB, left)):
                digest.update(chunk)
                left -= len(chunk)
    except (WorkspaceError, PathEscapeError):
        return size, ""
    return size - left, digest.hexdigest()


def _fitting(artifacts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    size = len("[]")
    for artifact in artifacts:
        size += len(json.dumps(artifact, separators=(",", ":"))) + len(",")
        if size > MAX_RECORDED_BYTES:
            return
        yield artifact
