"""The spawner: a small single-threaded process that starts sandboxes for a host with threads and secrets.

Started as `python -I -S spawner_main.py SOCKET_FD SCRATCH_DIR` with an empty environment; imports the standard library
only. Requests come over a stream socket, the descriptors for the child with them. There are no answers: what cannot be
started is said on the child's own status pipe, so that no host thread waits for another's. When the host goes away,
however it goes, the socket ends, and every sandbox dies with this process (`bwrap --die-with-parent`).

As root it also owns a private mount namespace. There it keeps id-mapped views of the host's directories, so that a
script that runs as a throw-away user may read and write files of their real owner without any chown.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Targets of the descriptors handed to a child. Received descriptors must never lie here, so the slots are kept busy.
CHILD_FDS = (0, 1, 2, 3, 4, 5)
# bubblewrap's status pipe. It also carries our word when bubblewrap could not even be started.
_STATUS = 3
_FIRST_FREE_FD = 10
_MOST_VIEWS = 512
_HEADER = struct.Struct("!I")

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36
_CLONE_NEWNS, _CLONE_NEWUSER = 0x0002_0000, 0x1000_0000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x4000, 0x4_0000
_MNT_DETACH = 2
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_IDMAP = 0x0010_0000
# The new mount calls have the same numbers on every architecture.
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442


class Kernel:
    """The few calls that Python has no name for."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def call(self, name: str, *arguments: object) -> int:
        """Call the C function `name`; raise OSError where it answers below 0."""
        result: int = getattr(self._libc, name)(*arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return result

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


@contextlib.contextmanager
def _without_links(path: str) -> Iterator[int]:
    """Open an absolute path none of whose components is a symbolic link, which a script may have put there."""
    fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.strip("/").split("/"):
            parent, fd = fd, os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            os.close(parent)
            if stat.S_ISLNK(os.fstat(fd).st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _acting_as(user: int) -> Iterator[None]:
    """Be another user, without capabilities, while a process is started; 0 changes nothing.

    The new process keeps nothing of root: its saved user id becomes its effective one when it is executed, see
    execve(2). This one keeps the saved id, by which it comes back.
    """
    if not user:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(user, user, 0)
    os.setresuid(user, user, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


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
        kernel.call("unshare", _CLONE_NEWNS)
        kernel.call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
        flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV)
        kernel.call("mount", b"views", os.fsencode(self._base), b"tmpfs", flags, b"mode=0711,size=4m")

    def view(self, source: str, run_id: int) -> str:
        """Return a path that shows `source` with its owner's files belonging to `run_id`."""
        with _without_links(source) as fd:
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
        """Uncover the mount point, so that it can be removed from the host's file system."""
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


class _Held:
    """A sandbox from its start to its end: whose it is, and how to let it go or to tell its host what is wrong.

    While `block` is open here the end of the host does not look to a held sandbox like its release.
    """

    def __init__(self, user: int, block: int, status: int) -> None:
        self.user = user
        self.block = block
        self._status = status

    def complain(self, error: Exception) -> None:
        """Say on bubblewrap's status pipe what it cannot say itself."""
        problem = {"error": str(getattr(error, "strerror", None) or error)}
        with contextlib.suppress(OSError):
            os.write(self._status, json.dumps(problem).encode() + b"\n")

    def close(self) -> None:
        """Forget it."""
        os.close(self.block)
        os.close(self._status)


def _limit(pid: int, kind: int, value: int) -> None:
    _, hard = resource.prlimit(pid, kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.prlimit(pid, kind, (bound, bound))


class Spawner:
    """Serves one host until its socket ends."""

    def __init__(self, connection: socket.socket, scratch: str) -> None:
        self._connection = connection
        self._scratch = scratch
        self._kernel = Kernel()
        self._idmaps: IdMaps | None = None
        self._held: dict[int, _Held] = {}
        self._runs: dict[int, int] = {}

    def serve(self) -> None:
        """Start what is asked for and reap children until the host goes away."""
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == wake_read:
                    os.read(wake_read, 4096)
                    self._reap()
                elif not self._serve_one():
                    return

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if pid in self._runs:
                    self._held.pop(self._runs.pop(pid)).close()

    def _serve_one(self) -> bool:
        header, fds = self._receive()
        if not header:
            return False
        request = json.loads(self._read(_HEADER.unpack(header)[0]))
        if request["op"] == "release":
            self._release(request)
        else:
            self._hold(request, fds)
        return True

    def _hold(self, request: dict[str, Any], fds: list[int]) -> None:
        """Start a sandbox; bubblewrap holds its first process until `_release`."""
        *fds, block = fds
        held = _Held(request["run_id"], block, os.dup(fds[_STATUS]))
        try:
            pid = self._spawn(request, fds)
            self._runs[pid], self._held[request["run"]] = request["run"], held
        except (OSError, ValueError) as error:  # ValueError: a word that no program can be given
            held.complain(error)
            held.close()
        finally:
            for fd in fds:
                os.close(fd)

    def _release(self, request: dict[str, Any]) -> None:
        """Limit the first process and let it go."""
        held = self._held.get(request["run"])
        if held is None:
            return  # ended meanwhile, as the host will have seen
        try:
            # Only its own user may limit a process; root needs a capability that containers do not have.
            with _acting_as(held.user):
                for kind, value in request["rlimits"]:
                    _limit(request["pid"], kind, value)
            os.write(held.block, b"x")
        except OSError as error:
            held.complain(error)

    def _receive(self) -> tuple[bytes, list[int]]:
        # Not socket.recv_fds, which drops its flags: without this one every child would inherit the descriptors of
        # every run, its own control pipes among them.
        room = socket.CMSG_SPACE((len(CHILD_FDS) + 1) * array("i").itemsize)
        header, control, _, _ = self._connection.recvmsg(_HEADER.size, room, socket.MSG_CMSG_CLOEXEC)
        fds = array("i")
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        return header, list(fds)

    def _read(self, size: int) -> bytes:
        chunks = bytearray()
        while len(chunks) < size:
            chunk = self._connection.recv(size - len(chunks))
            if not chunk:
                break
            chunks += chunk
        return bytes(chunks)

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> int:
        argv = self._with_views(request)
        actions = [(os.POSIX_SPAWN_DUP2, fd, target) for fd, target in zip(fds, CHILD_FDS, strict=True)]
        with _acting_as(request["run_id"]):
            return os.posix_spawn(
                argv[0],
                argv,
                request["env"],
                file_actions=actions,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT),
            )

    def _with_views(self, request: dict[str, Any]) -> list[str]:
        """Return the command line, each path at `view_at` replaced by an id-mapped view of it."""
        argv: list[str] = request["argv"]
        if not request["run_id"]:
            return argv
        if self._idmaps is None:
            self._idmaps = IdMaps(self._kernel, self._scratch)
        for position in request["view_at"]:
            argv[position] = self._view(argv[position], request["run_id"])
        argv[0] = self._program(argv[0], request["run_id"])
        return argv

    def _program(self, path: str, run_id: int) -> str:
        """Return a path by which another user can start bubblewrap, which may lie in a private home.

        It needs a library of its own two directories up, so what is shown is the directory that holds both.
        """
        if path.startswith("/usr/"):
            return path
        folder, *inner = path.rsplit("/", 3)
        return "/".join((self._view(folder, run_id), *inner))

    def _view(self, source: str, run_id: int) -> str:
        assert self._idmaps is not None  # noqa: S101 - made by the only caller
        try:
            return self._idmaps.view(source, run_id)
        except OSError as error:
            raise OSError(error.errno, f"no id-mapped view of {source}: {error.strerror}") from error

    def close(self) -> None:
        """Leave nothing behind on the host's file system."""
        import shutil  # needed once, at the end

        if self._idmaps is not None:
            self._idmaps.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _take_connection(inherited: int) -> socket.socket:
    """Return the host's socket, moved up; every slot below stays busy, so that no received descriptor lands there."""
    connection = socket.socket(fileno=fcntl.fcntl(inherited, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD))
    # Whatever else came along, the inherited end of this very socket included, must not reach a child.
    os.closerange(_FIRST_FREE_FD, connection.fileno())
    os.closerange(connection.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for slot in range(3, _FIRST_FREE_FD):
        if slot != null:
            os.dup2(null, slot, inheritable=False)
    return connection


def main() -> None:
    """Run the spawner on the socket and scratch directory of the command line."""
    connection, scratch = _take_connection(int(sys.argv[1])), sys.argv[2]
    # Ctrl-C in the host's terminal is the host's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spawner = Spawner(connection, scratch)
    kernel = Kernel()
    kernel.call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    kernel.call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        spawner.serve()
    finally:
        spawner.close()


if __name__ == "__main__":
    main()
