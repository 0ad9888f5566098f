"""Id-mapped views of host directories, and the kernel calls they take. A part of the spawner: standard library only.

As root the spawner owns a private mount namespace. There it keeps views, so that a script that runs as a throw-away
user may read and write files of their real owner without any chown.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_VIEWS = 512
_MOST_NAMESPACES = 16
_CLONE_NEWNS, _CLONE_NEWUSER = 0x0002_0000, 0x1000_0000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x4000, 0x4_0000
_MNT_DETACH = 2
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_IDMAP = 0x0010_0000
_RESOLVE_NO_SYMLINKS = 0x04
# The new mount calls have the same numbers on every architecture.
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_OPENAT2, _SYS_MOUNT_SETATTR = 428, 429, 437, 442


class Kernel:
    """The few calls that Python has no name for. The newest is from Linux 5.12, without which there is no id map."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def call(self, name: str, *arguments: object) -> int:
        """Call the C function `name`; raise OSError where it answers below 0."""
        result: int = getattr(self._libc, name)(*arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return result

    def succeeds(self, name: str, *arguments: object) -> bool:
        """Call the C function `name`; whether it answers at least 0. Takes a fraction of an exception's time."""
        return bool(getattr(self._libc, name)(*arguments) >= 0)

    @contextlib.contextmanager
    def opened_without_links(self, path: str) -> Iterator[int]:
        """Open an absolute path none of whose components is a symbolic link, which a script may have put there."""
        how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_NO_SYMLINKS)
        long, size = ctypes.c_long, ctypes.c_size_t
        fd = self.call("syscall", long(_SYS_OPENAT2), _AT_FDCWD, os.fsencode(path), how, size(len(how)))
        try:
            yield fd
        finally:
            os.close(fd)

    def idmapped_copy(self, source: int, user_namespace: int, target: str) -> None:
        """Mount what the descriptor `source` names at `target`, owners shifted as the user namespace maps them.

        See mount_setattr(2).
        """
        long, size = ctypes.c_long, ctypes.c_size_t
        flags = ctypes.c_uint(_OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_EMPTY_PATH)
        tree = self.call("syscall", long(_SYS_OPEN_TREE), source, b"", flags)
        try:
            attributes = struct.pack("QQQQ", _MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
            self.call("syscall", long(_SYS_MOUNT_SETATTR), tree, b"", _AT_EMPTY_PATH, attributes, size(len(attributes)))
            move = (tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
            self.call("syscall", long(_SYS_MOVE_MOUNT), *move)
        finally:
            os.close(tree)


class IdMaps:
    """Id-mapped views of host directories, kept in a mount namespace that nobody else sees.

    A view is used again while its directory is the same one, which its mount guarantees: it keeps the inode alive, so
    that no other directory can get the number.
    """

    def __init__(self, kernel: Kernel, scratch: str) -> None:
        self._kernel = kernel
        self._base = os.path.join(scratch, "views")
        self._namespaces: dict[tuple[int, int, int], int] = {}
        self._views: dict[tuple[object, ...], str] = {}
        self._count = 0
        os.mkdir(self._base, 0o711)
        try:
            self._set_up(kernel)
        except OSError:
            os.rmdir(self._base)  # or the next try would find it and say nothing but that
            raise

    def _set_up(self, kernel: Kernel) -> None:
        kernel.call("unshare", _CLONE_NEWNS)
        kernel.call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
        # bubblewrap reads its mount table after each of its mounts; a sandbox is shown nothing of this large part.
        with contextlib.suppress(OSError):
            kernel.call("umount2", b"/sys", _MNT_DETACH)
        flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV)
        kernel.call("mount", b"views", os.fsencode(self._base), b"tmpfs", flags, b"mode=0711,size=4m")

    def view(self, source: str, run_id: int) -> str:
        """Return a path that shows `source` with its owner's files belonging to `run_id`."""
        with self._kernel.opened_without_links(source) as fd:
            return self._view(fd, source, run_id)

    def _view(self, fd: int, source: str, run_id: int) -> str:
        status = os.fstat(fd)
        key = (source, status.st_dev, status.st_ino, status.st_uid, status.st_gid, run_id)
        if key not in self._views:
            self._make_room()
            self._views[key] = self._mounted(fd, status, run_id)
        # Moved to the end: the first one is always the one that was not used for longest.
        self._views[key] = self._views.pop(key)
        return self._views[key]

    def close(self) -> None:
        """Uncover the mount point and remove it from the host's file system."""
        self._drop(self._base)

    def _make_room(self) -> None:
        while len(self._views) >= _MOST_VIEWS:
            self._drop(self._views.pop(next(iter(self._views))))

    def _mounted(self, source: int, status: os.stat_result, run_id: int) -> str:
        self._count += 1
        target = os.path.join(self._base, str(self._count))
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(target, 0o711)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            self._kernel.idmapped_copy(source, self._namespace(status.st_uid, status.st_gid, run_id), target)
        except OSError:
            self._remove(target)
            raise
        return target

    def _drop(self, target: str) -> None:
        """Unmount a view. A sandbox that still holds it keeps its own copy."""
        with contextlib.suppress(OSError):
            self._kernel.call("umount2", os.fsencode(target), _MNT_DETACH)
        self._remove(target)

    def _remove(self, target: str) -> None:
        with contextlib.suppress(OSError):
            (os.rmdir if os.path.isdir(target) else os.unlink)(target)

    def _namespace(self, uid: int, gid: int, run_id: int) -> int:
        key = (uid, gid, run_id)
        if key not in self._namespaces:
            if len(self._namespaces) >= _MOST_NAMESPACES:
                os.close(self._namespaces.pop(next(iter(self._namespaces))))
            self._namespaces[key] = self._make_namespace(uid, gid, run_id)
        return self._namespaces[key]

    def _make_namespace(self, uid: int, gid: int, run_id: int) -> int:
        """Return a descriptor of a user namespace that maps the owner to `run_id`; a passing child carries it."""
        ready, go = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                self._kernel.call("unshare", _CLONE_NEWUSER)
                os.write(ready[1], b"x")
                os.close(go[1])
                os.read(go[0], 1)
            finally:
                os._exit(0)
        try:
            os.close(ready[1])
            if not os.read(ready[0], 1):
                raise OSError("the kernel refused a user namespace for the id map")
            for name, owner in (("uid_map", uid), ("gid_map", gid)):
                with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                    file.write(f"{owner} {run_id} 1")
            return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            for fd in (ready[0], *go):
                os.close(fd)
            os.waitpid(pid, 0)
