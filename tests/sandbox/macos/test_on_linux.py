"""The host's side and the supervisor, whole, on Linux: only sandbox-exec and the list of processes are stand-ins.

The stand-in confines nothing. It takes the words that sandbox-exec takes, hides the canary as a profile would, and
marks what it starts. So these tests show how runs start, are served and end; what is denied, macOS has to show.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import Limits, SandboxUnavailableError
from openskills_core.models import Ended, Job, Mount
from openskills_core.sandbox import Sandbox, choose
from openskills_core.sandbox.macos import command, launch, libproc, seatbelt
from openskills_core.sandbox.macos.seatbelt import SeatbeltSandbox
from tests.sandbox.macos import proc_supervisor
from tests.sandbox.macos.proc_supervisor import ProcTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core.sandbox import OnOutput

STAND_IN = """#!/bin/sh
while [ "$1" != -- ]; do
  case $2 in MARK=*) mark=${2#MARK=} ;; CANARY=*) canary=${2#CANARY=} ;; esac
  shift
done
shift
"""
CONFINES = 'rm "$canary"; OPENSKILLS_MARK=$mark; export OPENSKILLS_MARK; exec "$@"\n'
# Leaves its parent, its group and its session, as a daemon does, and tells its process id.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("daemon", "w") as file:
            file.write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.exists("daemon") or not open("daemon").read():
    time.sleep(0.01)
"""


@pytest.fixture
def stand_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of sandbox-exec, and the list of processes of Linux in that of macOS."""
    program = tmp_path_factory.mktemp("system") / "sandbox-exec"
    _write(program, CONFINES)
    monkeypatch.setattr(command, "SANDBOX_EXEC", program)
    monkeypatch.setattr(launch, "_SUPERVISOR", Path(proc_supervisor.__file__))
    monkeypatch.setattr(libproc, "Libproc", ProcTable)
    return program


@pytest.fixture
def private(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs' private directories are made."""
    folder = tmp_path_factory.mktemp("private")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def sandbox(stand_in: Path, private: Path) -> Iterator[SeatbeltSandbox]:
    """The sandbox, with its stand-ins; nothing of any run may be left."""
    assert stand_in.exists()
    sandbox = SeatbeltSandbox()
    yield sandbox
    sandbox.close()
    assert list(private.iterdir()) == []


def _write(program: Path, text: str) -> None:
    program.write_text(STAND_IN + text, encoding="ascii")
    program.chmod(0o755)


def _job(workspace: Path, *argv: str, **limits: int) -> Job:
    return Job(
        argv=argv,
        env={"PATH": "/usr/bin:/bin", "GIVEN": 'a "b" \u00e9'},
        cwd=workspace,
        mounts=(Mount(workspace, "write"),),
        limits=Limits(**limits),
    )


def _shell(workspace: Path, script: str, **limits: int) -> Job:
    return _job(workspace, "/bin/sh", "-c", script, **limits)


def _python(workspace: Path, script: str, *words: str, **limits: int) -> Job:
    return _job(workspace, sys.executable, "-I", "-S", "-c", script, *words, **limits)


def _lives(pid: int) -> bool:
    return any(process.pid == pid for process in ProcTable().processes())


def test_a_program_is_run_with_what_the_job_says(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """Words, standard input, directory, both streams, exit status."""
    script = 'printf "%s|" "$@"; cat; pwd; echo oops >&2; exit 3'
    job = _job(tmp_path, "/bin/sh", "-c", script, "sh", "a b", "", '"c\n')
    ended = sandbox.run(replace(job, stdin=b"in\n"))
    assert (ended.status, ended.exit_code, ended.reason) == ("failed", 3, "")
    assert ended.stdout.decode() == f'a b||"c\n|in\n{tmp_path}\n'
    assert ended.stderr == b"oops\n"
    assert (ended.sandbox.backend, ended.sandbox.tier) == ("seatbelt", "seatbelt")
    assert "process-namespace" in ended.sandbox.degraded


def test_a_program_is_given_the_jobs_variables_and_private_directories(
    sandbox: SeatbeltSandbox, tmp_path: Path, private: Path
) -> None:
    """Nothing of the host's, nothing of the waiting shell's; HOME and TMPDIR are empty, and gone afterwards."""
    script = (
        "import os, sys; print(dict(os.environ)); print(*map(os.listdir, (os.environ['HOME'], os.environ['TMPDIR'])))"
    )
    ended = sandbox.run(_python(tmp_path, script))
    first, second = ended.stdout.decode().splitlines()
    variables = eval(first)  # noqa: S307 - what repr() of a dictionary has printed
    home, temporary = Path(variables.pop("HOME")), Path(variables.pop("TMPDIR"))
    assert (home.parent, home.name, temporary.name, second) == (temporary.parent, "home", "tmp", "[] []")
    assert home.parent.parent == private
    del variables[proc_supervisor.MARK]
    variables.pop("LC_CTYPE", None)  # Python's own, see PEP 538
    assert variables == {"PATH": "/usr/bin:/bin", "GIVEN": 'a "b" \u00e9'}
    assert not home.parent.exists()


def test_a_program_has_its_three_streams_open_and_no_terminal(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """What the supervisor and its host talk over stays theirs."""
    script = "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1], os.getsid(0) == os.getpgid(0) == os.getpid())"
    assert sandbox.run(_python(tmp_path, script)).stdout == b"['0', '1', '2'] True\n"


def test_rlimits_are_set_before_the_program_begins(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """Soft and hard, for it and whatever it starts."""
    script = "ulimit -n; ulimit -Hn; ulimit -f; ulimit -c; ulimit -t"
    ended = sandbox.run(_job(tmp_path, "/bin/bash", "-c", script, open_files=50, file_mb=2, cpu_ms=2500))
    assert ended.stdout.split() == [b"50", b"50", b"2048", b"0", b"3"]


@pytest.mark.parametrize(
    ("script", "status", "code", "reason"),
    [
        ("exit 0", "success", 0, ""),
        ("kill -SEGV $$", "killed", 139, "signal:SIGSEGV"),
        ("exec /no/such/program", "failed", 127, ""),
        ("kill -XCPU $$", "killed", None, "limit:cpu"),
    ],
)
def test_how_a_program_ends_is_told(
    sandbox: SeatbeltSandbox, tmp_path: Path, script: str, status: str, code: int | None, reason: str
) -> None:
    """As from every other sandbox."""
    ended = sandbox.run(_shell(tmp_path, script, cpu_ms=60_000))
    assert (ended.status, ended.exit_code, ended.reason) == (status, code, reason)


@pytest.mark.parametrize("way", ["its end", "timeout", "cancel"])
def test_nothing_outlives_a_call(sandbox: SeatbeltSandbox, tmp_path: Path, way: str) -> None:
    """Not a daemon that has left its parent, group and session, however the call ends."""
    cancel = threading.Event()
    script = DAEMON if way == "its end" else DAEMON + "\nprint('up', flush=True)\ntime.sleep(60)"
    told: OnOutput = lambda _stream, _text: cancel.set() if way == "cancel" else None  # noqa: E731 - one line
    timeout = 1_500 if way == "timeout" else 20_000
    ended = sandbox.run(_python(tmp_path, script, timeout_ms=timeout), cancel=cancel, on_output=told)
    expected = {"its end": "success", "timeout": "timeout", "cancel": "cancelled"}[way]
    assert (ended.status, ended.sandbox.degraded) == (expected, launch._INFO.degraded)
    assert not _lives(int((tmp_path / "daemon").read_text()))


def test_nothing_outlives_the_host(stand_in: Path, private: Path, tmp_path: Path) -> None:
    """Its supervisor sees that it was killed, ends the run and takes its directories away."""
    host = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from openskills_core import Limits
        from openskills_core.models import Job, Mount
        from openskills_core.sandbox.macos import command, launch, seatbelt
        command.SANDBOX_EXEC = Path({str(stand_in)!r})
        launch._SUPERVISOR = Path({proc_supervisor.__file__!r})
        work = Path({str(tmp_path)!r})
        argv = (sys.executable, "-I", "-S", "-c", {(DAEMON + "time.sleep(60)")!r})
        job = Job(argv, {{"PATH": "/usr/bin:/bin"}}, work, (Mount(work, "write"),), Limits())
        seatbelt.SeatbeltSandbox().run(job)
    """)
    with subprocess.Popen([sys.executable, "-c", host], env={**os.environ, "TMPDIR": str(private)}) as popen:
        _wait_for(lambda: (tmp_path / "daemon").exists() and (tmp_path / "daemon").read_text() != "")
        popen.kill()
    daemon = int((tmp_path / "daemon").read_text())
    _wait_for(lambda: not _lives(daemon) and list(private.iterdir()) == [])


def test_a_killed_supervisor_costs_its_call_and_leaves_nothing(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """The host ends what it can still find by the mark, and says that the run was lost."""
    script = DAEMON + "import signal; os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)"
    ended = sandbox.run(_python(tmp_path, script))
    assert (ended.status, ended.exit_code, ended.reason) == ("killed", None, "sandbox:lost")
    assert not _lives(int((tmp_path / "daemon").read_text()))


def test_closing_ends_what_runs(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """A call that is being served is told as lost."""
    script = "echo up; sleep 60"
    ended = sandbox.run(_shell(tmp_path, script), on_output=lambda _stream, _text: sandbox.close())
    assert (ended.status, ended.reason, ended.stdout) == ("killed", "sandbox:lost", b"up\n")


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        ('exec "$@"', "a file could be read that is outside of it"),
        ('rm "$canary"; exec "$@"', "does not know the program to be in the sandbox of this run"),
        ("echo 'sandbox-exec: sandbox_apply: Operation not permitted' >&2; exit 71", "macOS nests none"),
        ('echo "sandbox-exec: <input string>:9:8: unbound variable: file-x" >&2; exit 65', "a word of the profile"),
        ("kill -ABRT $$", "sandbox-exec ended with status 134"),
    ],
)
def test_a_sandbox_that_does_not_hold_means_that_nothing_runs(
    sandbox: SeatbeltSandbox, stand_in: Path, tmp_path: Path, instead: str, words: str
) -> None:
    """Whether the profile was not applied, was another's, or could not be had."""
    _write(stand_in, instead + "\n")
    with pytest.raises(SandboxUnavailableError, match=words):
        sandbox.run(_shell(tmp_path, "touch ran"))
    assert not (tmp_path / "ran").exists()


def test_a_directory_that_is_gone_means_that_nothing_runs(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """What the supervisor cannot do itself, it says."""
    job = Job(("/bin/true",), {}, tmp_path / "gone", (), Limits())
    with pytest.raises(SandboxUnavailableError, match=r"No such file or directory.*gone"):
        sandbox.run(job)


def test_a_helper_that_does_not_start_means_that_nothing_runs(
    sandbox: SeatbeltSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last words are told."""
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('it is broken')\n", encoding="ascii")
    monkeypatch.setattr(launch, "_SUPERVISOR", broken)
    with pytest.raises(SandboxUnavailableError, match="helper process has ended: it is broken"):
        sandbox.run(Job(("/bin/true",), {}, tmp_path, (), Limits()))


@pytest.mark.parametrize(
    ("script", "limits", "reason"),
    [
        ("import time; held = bytearray(200 << 20); time.sleep(60)", {"memory_mb": 100}, "limit:memory"),
        (
            "import os, time\nfor _ in range(9): os.fork() or time.sleep(60)\ntime.sleep(60)",
            {"processes": 6},
            "limit:pro",
        ),
        ("while True: pass", {"cpu_ms": 300}, "limit:cpu"),
        ("import time; open('x', 'wb').write(bytes(3 << 20)); time.sleep(60)", {"workspace_mb": 1}, "limit:workspace"),
    ],
)
def test_a_reached_limit_is_named(
    sandbox: SeatbeltSandbox, tmp_path: Path, script: str, limits: dict[str, int], reason: str
) -> None:
    """And nothing of the run is left."""
    ended = sandbox.run(_python(tmp_path, script, **limits))
    assert (ended.status, ended.exit_code) == ("killed", None)
    assert ended.reason.startswith(reason)


def test_private_directories_are_removed_however_they_were_left(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """The fixture looks; this makes them deep, closed and full of links."""
    script = """
        cd "$HOME" && ln -s / root && mkdir closed && touch closed/x && chmod 0 closed
        cd "$TMPDIR" && for i in $(seq 100); do mkdir d && cd d; done; echo done
    """
    assert sandbox.run(_shell(tmp_path, script)).stdout == b"done\n"


def test_calls_at_once_do_not_know_each_other(sandbox: SeatbeltSandbox, tmp_path: Path) -> None:
    """One that is ended takes nothing of another's with it, and no descriptor stays open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    ends: dict[int, Ended] = {}

    def call(number: int) -> None:
        job = _shell(tmp_path, f"sleep {number / 10}; echo {number}", timeout_ms=400 if number > 9 else 20_000)
        ends[number] = sandbox.run(job)

    threads = [threading.Thread(target=call, args=(number,)) for number in (0, 2, 600)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(ends[n].status, ends[n].stdout) for n in (0, 2, 600)] == [
        ("success", b"0\n"),
        ("success", b"2\n"),
        ("timeout", b""),
    ]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_workspace_that_holds_the_sandbox_itself_is_refused(sandbox: SeatbeltSandbox, private: Path) -> None:
    """Its scripts could replace what confines the next ones."""
    for mount in (Mount(private, "write"), Mount(Path(proc_supervisor.__file__).parent, "write")):
        with pytest.raises(SandboxUnavailableError, match="where scripts may write"):
            sandbox.run(Job(("/bin/true",), {}, private, (mount,), Limits()))


def test_a_network_is_refused(tmp_path: Path) -> None:
    """Before anything else, and with what to do."""
    job = Job(("/bin/true",), {}, tmp_path, (), Limits(), network=("example.org",))
    with pytest.raises(SandboxUnavailableError, match=r"no network in the sandbox of macOS.*HostPolicy\.network"):
        SeatbeltSandbox().run(job)


def test_without_sandbox_exec_nothing_runs_and_the_fix_is_named(tmp_path: Path) -> None:
    """As on this very system."""
    sandbox = choose("seatbelt")
    assert isinstance(sandbox, Sandbox)
    with pytest.raises(SandboxUnavailableError, match=r"no /usr/bin/sandbox-exec here.*sandbox='auto'"):
        sandbox.run(_shell(tmp_path, "touch ran"))
    report = sandbox.probe()
    assert (report.available, report.tier) == (False, "none")
    assert "sandbox-exec" in report.fix
    with pytest.raises(OSError, match="libSystem"):
        libproc.Libproc()


def test_root_is_refused_on_macos(monkeypatch: pytest.MonkeyPatch, stand_in: Path) -> None:
    """Seatbelt makes no other user of root."""
    assert stand_in.exists()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SandboxUnavailableError, match="run as an ordinary user"):
        seatbelt._check_system()


def test_the_report_says_what_was_seen_and_no_more(sandbox: SeatbeltSandbox) -> None:
    """The stand-in confines nothing, and that is what is reported."""
    report = sandbox.probe()
    held = {mechanism.name: mechanism.holds for mechanism in report.mechanisms}
    assert (report.available, report.tier) == (True, "none")
    assert held == {
        "files of the host cannot be read": False,
        "files of the host cannot be written": False,
        "no network": False,
        "no signals to the host": False,
        "a workspace to write to": True,
        "private HOME": True,
        "limits": True,
        "nothing outlives its call": True,
    }
    assert "files of the host cannot be read" in report.fix
    assert any("environment" in hole for hole in report.holes)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
