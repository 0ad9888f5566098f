"""The full tier on Linux: bubblewrap with every namespace, the system-call filter and limits, one sandbox a call."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from openskills_core.models import Ended, Job, SandboxInfo, SandboxReport
from openskills_core.sandbox.ending import Ending, ended
from openskills_core.sandbox.linux.argv import Layout, command_line, mounts_of
from openskills_core.sandbox.linux.etc import HOME, make_etc
from openskills_core.sandbox.linux.find import find_bwrap, refuse_if_writable, unavailable
from openskills_core.sandbox.linux.limits import Watch, are_set, rlimits
from openskills_core.sandbox.linux.mounts import check_mounts, identities
from openskills_core.sandbox.linux.network import Door, proxy_variables
from openskills_core.sandbox.linux.report import report
from openskills_core.sandbox.linux.seccomp import filter_program
from openskills_core.sandbox.linux.spawner import Spawner, SpawnRequest
from openskills_core.sandbox.linux.status import Status, readable
from openskills_core.sandbox.linux.users import RunUsers
from openskills_core.sandbox.pump import Controls, OnOutput, Pipes, Pump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_INFO = SandboxInfo(backend="bubblewrap", tier="full")
_DEATH_S = 5.0
_PATIENCE_S = 10.0
_TICK_S = 0.0002


class BubblewrapSandbox:
    """Runs each job in a sandbox of its own. Thread-safe. Nothing is started before the first job."""

    name = "bubblewrap"

    def __init__(self) -> None:
        self._spawner = Spawner()
        self._users = RunUsers() if os.geteuid() == 0 else None
        self._lock = threading.Lock()
        self._etc: Path | None = None

    def run(self, job: Job, *, cancel: threading.Event | None = None, on_output: OnOutput | None = None) -> Ended:
        """Run a job and return how it ended; its whole process tree is dead by then.

        Raises:
            SandboxUnavailableError: a mechanism cannot be had; nothing of the job ran.
        """
        with self._identity() as run_id, _Launch(self._spawner, job, self._layout(run_id), on_output) as launch:
            return launch.wait(cancel)

    def probe(self) -> SandboxReport:
        """Start a sandbox and report what was seen inside it."""
        return report(self.run)

    def close(self) -> None:
        """End every sandbox that still runs."""
        self._spawner.close()

    @contextlib.contextmanager
    def _identity(self) -> Iterator[int]:
        """Yield the throw-away user id of one run, 0 where the host is an ordinary user and stays it."""
        if self._users is None:
            yield 0
            return
        run_id = self._users.take()
        try:
            yield run_id
        finally:
            self._users.give_back(run_id)

    def _layout(self, run_id: int) -> Layout:
        return Layout(bwrap=self._bwrap, etc=self._etc_folder(), run_id=run_id)

    @functools.cached_property
    def _bwrap(self) -> Path:
        """The bubblewrap to use, looked for once."""
        return find_bwrap()

    def _etc_folder(self) -> Path:
        with self._lock:
            wanted = self._spawner.scratch() / "etc"
            if self._etc != wanted:
                make_etc(wanted, self._users.ids if self._users else (os.getuid(),))
                self._etc = wanted
            return wanted


class _Launch:
    """One sandbox from its start to the death of its last process."""

    def __init__(self, spawner: Spawner, job: Job, layout: Layout, on_output: OnOutput | None) -> None:
        self._spawner = spawner
        self._job = job
        self._layout = layout
        self._on_output = on_output
        self._started = time.monotonic()
        self._mounts = mounts_of(job.mounts)
        for own in (layout.bwrap, layout.etc):
            refuse_if_writable(own, self._mounts)
        self._run = spawner.next_run()
        self._init = -1
        self._killed = False

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as child_ends:
            stdin, stdout, stderr, status, block = (_pipe() for _ in range(5))
            ours = (stdin[1], stdout[0], stderr[0], status[0])
            # Opened for both, so that it never ends: bubblewrap would take that for its release.
            held = os.open(f"/proc/self/fd/{block[0]}", os.O_RDWR | os.O_CLOEXEC)
            theirs = (stdin[0], stdout[1], stderr[1], status[1], held)
            for fd in (*theirs, block[0]):
                child_ends.callback(os.close, fd)
            self._block = block[1]
            seccomp = _memory_file(filter_program())
            child_ends.callback(os.close, seccomp)
            self._status = Status(status[0])
            self._pump = Pump(Pipes(*ours[:3]), self._job.stdin, self._job.limits.output_bytes, self._on_output)
            try:
                self._spawn((*theirs, seccomp))
            except BaseException:
                child_ends.close()  # or our own copy of the status pipe would hide its end
                self._abandon()
                raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._kill()
        self._abandon()

    def wait(self, cancel: threading.Event | None) -> Ended:
        """Let the held process go once it is as it should be, and serve it until its end."""
        if not self._job.network:
            self._hold()
            return self._served(cancel)
        with Door() as door:
            self._hold(door)
            return replace(self._served(cancel), network=door.decisions())

    def _served(self, cancel: threading.Event | None) -> Ended:
        with Watch.of(self._status.child_pid, self._job) as watch:
            return self._serve(watch, cancel)

    def _serve(self, watch: Watch, cancel: threading.Event | None) -> Ended:
        controls = Controls(
            done_fd=self._status.fd,
            done=self._status.done,
            timeout_ms=self._job.limits.timeout_ms,
            overuse=watch.overuse,
            cancel=cancel,
        )
        os.write(self._block, b"x")
        why = self._pump.run(controls)
        self._kill()
        self._pump.drain()
        if self._status.error:
            raise unavailable(self._status.error)
        # From here on something of the job may have run, so whatever happened is told as its end.
        why = why or ("sandbox:lost" if self._status.exit_code is None else "")
        ending = Ending(why=why, exit_code=self._status.exit_code, started=self._started, sandbox=_INFO)
        return ended(ending, self._pump)

    def _spawn(self, fds: tuple[int, ...]) -> None:
        line = command_line(self._job, self._layout)
        way_out = proxy_variables() if self._job.network else {}
        request = SpawnRequest(
            run=self._run,
            argv=line.argv,
            env={**self._job.env, **way_out, "HOME": HOME, "TMPDIR": "/tmp"},  # noqa: S108 - inside the sandbox
            fds=fds,
            run_id=self._layout.run_id,
            view_at=line.view_at,
        )
        self._spawner.spawn(request)

    def _hold(self, door: Door | None = None) -> None:
        """Wait for the first process, which bubblewrap holds, and see to it that it is as it was asked for."""
        chosen, limits = identities(self._mounts), rlimits(self._job.limits)
        self._find_first_process()
        if self._init >= 0:
            # Set while bubblewrap still mounts: by the time it is done, so are they.
            self._spawner.limit(self._run, self._status.child_pid, limits)
            if door is not None:
                door.open(self._spawner, self._run, self._status.child_pid, self._job.network)
            check_mounts(self._status.child_pid, self._mounts, chosen, ended=self._status.has_failed)
            self._await_limits(limits)
            if door is not None:
                door.await_proxy(self._status.has_failed)
        if self._status.closed or self._status.error or self._init < 0:
            self._pump.drain()
            raise unavailable(self._status.error or self._said())

    def _await_limits(self, limits: Mapping[int, int]) -> None:
        """Wait until the first process is limited; nothing may run before."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (self._status.has_failed() or are_set(self._status.child_pid, limits)):
            if time.monotonic() > deadline:
                raise unavailable("its limits could not be set in time")
            time.sleep(_TICK_S)

    def _find_first_process(self) -> None:
        """Get hold of the first process inside, unless bubblewrap ended before there was one."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (self._status.child_pid or self._status.closed or self._status.error):
            if not readable(self._status.fd, deadline - time.monotonic()):
                raise unavailable("it did not start in time")
            self._status.read()
        if self._status.child_pid and not self._status.closed:
            with contextlib.suppress(ProcessLookupError):
                self._init = os.pidfd_open(self._status.child_pid)

    def _said(self) -> str:
        return self._pump.stderr.value().decode(errors="replace")

    def _kill(self) -> None:
        """Kill the first process of the pid namespace and wait: the kernel takes every other one with it."""
        if self._init < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._init, signal.SIGKILL)
        readable(self._init, _DEATH_S)
        os.close(self._init)
        self._init, self._killed = -1, True

    def _abandon(self) -> None:
        """See to it that bubblewrap has ended, whatever it was at, and close what is left."""
        if not (self._status.closed or self._killed):
            self._spawner.abandon(self._run)
        self._status.wait_for_end(_DEATH_S)
        self._pump.drain()
        os.close(self._block)
        os.close(self._status.fd)


def _pipe() -> tuple[int, int]:
    return os.pipe2(os.O_CLOEXEC)


def _memory_file(content: bytes) -> int:
    # A fresh one for each run: bubblewrap reads from the descriptor's offset, which duplicates share.
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
