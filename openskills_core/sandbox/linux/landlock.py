"""The reduced tier on Linux: Landlock, a system-call filter and limits, without any namespace.

For machines where namespaces cannot be had, such as a container with default settings, and only when the host names it.
Files, network, system calls and limits are confined as in the full tier. What it does not stop is in its report: a
script sees that other processes and files exist, and where the host is an ordinary user it can change the modes and
times of that user's files.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from openskills_core.errors import SandboxUnavailableError
from openskills_core.models import Ended, Job, SandboxInfo, SandboxReport
from openskills_core.opening import closing, open_without_links
from openskills_core.sandbox.ending import Ending, ended
from openskills_core.sandbox.linux import landlock_rules
from openskills_core.sandbox.linux.argv import mounts_of
from openskills_core.sandbox.linux.find import refuse_if_writable
from openskills_core.sandbox.linux.group_watch import GroupWatch
from openskills_core.sandbox.linux.handover import user_of
from openskills_core.sandbox.linux.landlock_report import report
from openskills_core.sandbox.linux.landlock_view import check_expressible, ruleset_for
from openskills_core.sandbox.linux.limits import rlimits
from openskills_core.sandbox.linux.private_folders import PrivateFolder, PrivateFolders
from openskills_core.sandbox.linux.seccomp import filter_program
from openskills_core.sandbox.linux.spawner import ConfineRequest, Spawner
from openskills_core.sandbox.linux.spawner_process import is_alive
from openskills_core.sandbox.linux.status import Status, readable
from openskills_core.sandbox.linux.users import RunUsers
from openskills_core.sandbox.pump import Controls, OnOutput, Pipes, Pump

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from openskills_core.models import Mount

_DEATH_S = 5.0
_PATIENCE_S = 10.0
_TICK_S = 0.005
_CLOSED = "closed: "


@dataclass(frozen=True, slots=True)
class _Setting:
    """Where and as whom one job runs: `user` is 0 where the host is an ordinary user and stays it."""

    user: int
    private: PrivateFolder
    mounts: tuple[Mount, ...]

    @property
    def reach(self) -> list[tuple[str, int]]:
        """What a throw-away user has to be let to, (path, access mode) each."""
        modes = {"read": os.R_OK, "write": os.R_OK | os.W_OK}
        shown = [(mount.origin, modes[mount.mode]) for mount in self.mounts if mount.mode in modes]
        return [(str(path), mode | os.X_OK if path.is_dir() else mode) for path, mode in shown] if self.user else []


class LandlockSandbox:
    """Runs each job as a process tree that has confined itself. Thread-safe. Starts nothing before the first job."""

    name = "landlock"
    runs_commands = False

    def __init__(self) -> None:
        self._spawner = Spawner()
        self._folders = PrivateFolders()
        self._users = RunUsers() if os.geteuid() == 0 else None

    def run(self, job: Job, *, cancel: threading.Event | None = None, on_output: OnOutput | None = None) -> Ended:
        """Run a job and return how it ended; its whole process tree is dead by then.

        Raises:
            SandboxUnavailableError: a mechanism cannot be had, or cannot do what the job asks for; nothing of it ran.
        """
        if job.network:
            raise SandboxUnavailableError(
                "the reduced sandbox has no network that could be filtered, so HostPolicy.network cannot be granted in "
                "it: take that out, or use sandbox='bubblewrap'",
                culprit="network",
            )
        with self._setting(job) as setting, _Launch(self._spawner, job, setting, on_output) as launch:
            return launch.wait(cancel)

    def probe(self) -> SandboxReport:
        """Confine a program and report what it could and could not do."""
        return report(self.run)

    def close(self) -> None:
        """End everything that still runs."""
        self._spawner.close()

    @contextlib.contextmanager
    def _setting(self, job: Job) -> Iterator[_Setting]:
        landlock_rules.version()
        mounts = mounts_of(job.mounts)
        check_expressible(mounts)
        with contextlib.ExitStack() as kept:
            user = kept.enter_context(user_of(job, mounts, self._users)) if self._users else 0
            scratch = self._spawner.scratch()
            refuse_if_writable(scratch, mounts)
            yield _Setting(user, kept.enter_context(self._folders.lend(scratch, user)), mounts)


class _Launch:
    """One confined process tree from its start to the death of its last process."""

    def __init__(self, spawner: Spawner, job: Job, setting: _Setting, on_output: OnOutput | None) -> None:
        self._spawner = spawner
        self._job = job
        self._setting = setting
        self._on_output = on_output
        self._started = time.monotonic()
        self._run = spawner.next_run()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as handed_over:
            ruleset = handed_over.enter_context(ruleset_for(self._setting.mounts, self._setting.private.path))
            folder = handed_over.enter_context(closing(_folder(self._job.cwd)))
            program = handed_over.enter_context(closing(_filter()))
            self._spent = _kept(os.memfd_create("spent", os.MFD_CLOEXEC), ours)
            stdin, stdout, stderr, status = (os.pipe2(os.O_CLOEXEC) for _ in range(4))
            theirs = (stdin[0], stdout[1], stderr[1], status[1])
            for fd in theirs:
                _kept(fd, handed_over)
                if self._setting.user:
                    os.fchown(fd, self._setting.user, -1)  # so that it may be opened again as /dev/stdout
            self._status = Status(_kept(status[0], ours))
            pipes = Pipes(stdin[1], stdout[0], stderr[0])
            self._pump = Pump(pipes, self._job.stdin, self._job.limits.output_bytes, self._on_output)
            ours.callback(self._end)
            self._spawner.confine(self._request((*theirs, folder, ruleset, program, self._spent)))
            self._ours = ours.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ours.close()

    def wait(self, cancel: threading.Event | None) -> Ended:
        """Serve the process tree until its end."""
        self._await_start()
        controls = Controls(
            done_fd=self._status.fd,
            done=self._status.done,
            timeout_ms=self._job.limits.timeout_ms,
            overuse=self._watch().overuse,
            cancel=cancel,
        )
        why = self._pump.run(controls)
        self._end()
        if self._status.error:
            raise _explained(self._status.error, self._setting.user)
        why = why or ("sandbox:lost" if self._status.exit_code is None else "")
        info = SandboxInfo(backend="landlock", tier="reduced", degraded=_missing())
        return ended(Ending(why=why, exit_code=self._status.exit_code, started=self._started, sandbox=info), self._pump)

    def _request(self, fds: tuple[int, ...]) -> ConfineRequest:
        limits = rlimits(self._job.limits)
        del limits[resource.RLIMIT_NPROC]
        private = {"HOME": str(self._setting.private.home), "TMPDIR": str(self._setting.private.temporary)}
        return ConfineRequest(
            run=self._run,
            argv=self._job.argv,
            env={**self._job.env, **private},
            fds=fds,
            rlimits=limits,
            processes=self._job.limits.processes,
            run_id=self._setting.user,
            reach=self._setting.reach,
        )

    def _await_start(self) -> None:
        """Get to know the first process, unless there is none."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (self._status.child_pid or self._status.closed or self._status.error):
            if not readable(self._status.fd, deadline - time.monotonic()):
                raise SandboxUnavailableError("the reduced sandbox did not start in time; try again")
            self._status.read()
        if not self._status.child_pid and not self._status.error:
            raise SandboxUnavailableError("the sandbox's helper process is gone; try again")

    def _watch(self) -> GroupWatch:
        written = tuple(mount.origin for mount in self._setting.mounts if mount.mode == "write")
        return GroupWatch(
            self._status.child_pid, self._job.limits, (*written, self._setting.private.path), (), orphans=self._spent
        )

    def _end(self) -> None:
        """See to it that the last process is dead, and read what they have left to say. Idempotent."""
        if not self._status.closed and self._status.exit_code is None:
            self._spawner.abandon(self._run)
        self._status.wait_for_end(_DEATH_S)
        # The end without an exit code means that the spawner was killed; then its keeper does the killing.
        deadline = time.monotonic() + _DEATH_S
        while self._status.exit_code is None and self._is_alive() and time.monotonic() < deadline:
            time.sleep(_TICK_S)
        self._pump.drain()

    def _is_alive(self) -> bool:
        return bool(self._status.child_pid) and is_alive(self._status.child_pid)


def _kept(fd: int, stack: contextlib.ExitStack) -> int:
    stack.callback(os.close, fd)
    return fd


def _filter() -> int:
    """Return a file with the system-call filter that goes with the kernel's Landlock."""
    profile = "reduced" if landlock_rules.knows_truncate() else "reduced-no-truncate"
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(fd, filter_program(profile=profile))
    return fd


def _folder(path: Path) -> int:
    try:
        return open_without_links(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SandboxUnavailableError(
            f"{path} cannot be the current directory of a script: {error.strerror}", culprit=str(path)
        ) from error


def _missing() -> tuple[str, ...]:
    """Return the mechanisms that this kernel is too old for."""
    return () if landlock_rules.version() >= landlock_rules.FIRST_WITH_SIGNALS else ("signals",)


def _explained(problem: str, user: int) -> SandboxUnavailableError:
    """Return the error for what kept a program from being started."""
    if not problem.startswith(_CLOSED):
        return SandboxUnavailableError(f"the program could not be started in the reduced sandbox: {problem}")
    path = problem.removeprefix(_CLOSED)
    return SandboxUnavailableError(
        f"scripts of a root host run as a user of their own, here {user}, which {path} is closed to: open it and the "
        "directories above it (chmod o+rx), move it to where other users can go, or run as an ordinary user instead of "
        "root; another interpreter can be named by python='/usr/bin/python3'",
        culprit=path,
    )
