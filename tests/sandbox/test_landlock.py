"""The reduced tier as its host meets it: reports, refusals, recoveries, old kernels, and each mechanism taken away."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import Limits, SandboxUnavailableError
from openskills_core.models import Ended, Job, Mount
from openskills_core.sandbox import SandboxChoice, choose
from openskills_core.sandbox.linux import group_watch, landlock, landlock_rules
from openskills_core.sandbox.linux.landlock import LandlockSandbox
from openskills_core.sandbox.linux.private_folders import PrivateFolders

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_ROOT = os.geteuid() == 0
PYTHON = "/usr/bin/python3"


@pytest.fixture
def sandbox() -> Iterator[LandlockSandbox]:
    """A sandbox with a helper process of its own."""
    sandbox = LandlockSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace that other users can get to."""
    for folder in (tmp_path, *tmp_path.parents):
        status = folder.stat()
        if status.st_uid == os.geteuid() and not status.st_mode & 0o001:
            folder.chmod(status.st_mode | 0o055)
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def _shell(command: str, workspace: Path, **limits: int) -> Job:
    return Job(
        argv=("/bin/sh", "-c", command),
        env={"PATH": "/usr/bin:/bin"},
        cwd=workspace,
        mounts=(Mount(workspace, "write"),),
        limits=Limits(**limits),
    )


def _python(code: str, workspace: Path, *words: object, **limits: int) -> Job:
    argv = (PYTHON, "-I", "-S", "-c", code, *map(str, words))
    return Job(argv, {"PATH": "/usr/bin:/bin"}, workspace, (Mount(workspace, "write"),), Limits(**limits))


def test_the_report_tells_what_holds_and_what_does_not(sandbox: LandlockSandbox) -> None:
    """All is tried from inside: every mechanism is seen to hold, and every hole that is told was seen to be one."""
    report = sandbox.probe()
    assert (report.backend, report.tier, report.available, report.fix) == ("landlock", "reduced", True, "")
    assert [mechanism.name for mechanism in report.mechanisms if not mechanism.holds] == []
    assert {"no reading outside", "no network", "system-call filter", "one process group", "limits"} <= {
        mechanism.name for mechanism in report.mechanisms
    }
    told = " ".join(report.holes)
    for words in ("path of the host exists", "sees the processes", "connections of the host", "no private /tmp"):
        assert words in told
    assert ("modes of files" in told) is not AS_ROOT
    assert ("signal" in told) == (landlock_rules.version() < landlock_rules.FIRST_WITH_SIGNALS)
    assert "list the host's processes" in report.leaves_open
    assert ("change the mode of a file outside" in report.leaves_open) is not AS_ROOT


def test_a_mechanism_that_does_not_hold_is_told(sandbox: LandlockSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is measured: with the rules taken away it says that files are open, and names no tier."""
    monkeypatch.setattr(landlock_rules, "_RIGHTS_OF_VERSION", {landlock_rules.version(): 1})
    report = sandbox.probe()
    assert (report.tier, report.available) == ("none", True)
    assert {"no reading outside", "no writing outside"} <= {one.name for one in report.mechanisms if not one.holds}
    assert "no reading outside" in report.fix


def test_it_is_taken_only_by_name() -> None:
    """The strongest sandbox of a platform is never this one."""
    assert choose("auto").name != "landlock"
    assert choose("landlock").name == "landlock"
    assert not SandboxChoice("landlock").runs_commands
    assert SandboxChoice("auto").runs_commands


@pytest.mark.parametrize(
    ("command", "status", "exit_code", "reason"),
    [
        ("exit 0", "success", 0, ""),
        ("exit 1", "failed", 1, ""),
        ("exit 255", "failed", 255, ""),
        ("kill -TERM $$", "killed", 143, "signal:SIGTERM"),
        ("kill -SEGV $$", "killed", 139, "signal:SIGSEGV"),
        ("sleep 30", "timeout", None, "limit:timeout"),
    ],
)
def test_how_a_script_ends_is_told_apart(
    sandbox: LandlockSandbox, workspace: Path, command: str, status: str, exit_code: int | None, reason: str
) -> None:
    """Exit statuses, signals and our own killing have each their words; every result names the tier."""
    ended = sandbox.run(_shell(command, workspace, timeout_ms=400 if status == "timeout" else 10_000))
    assert (ended.status, ended.exit_code, ended.reason) == (status, exit_code, reason)
    assert (ended.sandbox.backend, ended.sandbox.tier) == ("landlock", "reduced")


def test_streams_are_fed_capped_and_heard(sandbox: LandlockSandbox, workspace: Path) -> None:
    """Input of any size arrives whole, output is cut in the middle, and a listener hears all of it."""
    heard: list[str] = []
    command = "wc -c; echo first; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last; echo error >&2"
    job = _shell(command, workspace, output_bytes=10_000)
    job = Job(job.argv, job.env, job.cwd, job.mounts, job.limits, stdin=b"x" * 3_000_000)
    ended = sandbox.run(job, on_output=lambda _stream, text: heard.append(text))
    assert ended.stdout.startswith(b"3000000\nfirst\n")
    assert ended.stdout.endswith(b"\nlast\n")
    assert (ended.stdout_truncated, ended.stderr_truncated, ended.stderr) == (True, False, b"error\n")
    assert sum(map(len, heard)) > 5_000_000


def test_a_listener_that_fails_leaves_nothing_running(sandbox: LandlockSandbox, workspace: Path) -> None:
    """An exception from on_output ends the tree before it reaches the host."""

    def listener(_stream: str, _text: str) -> None:
        raise RuntimeError("the host's own mistake")

    with pytest.raises(RuntimeError, match="own mistake"):
        sandbox.run(_shell("while :; do echo x | tee -a beat; sleep 0.02; done", workspace), on_output=listener)
    size = (workspace / "beat").stat().st_size
    time.sleep(0.2)
    assert (workspace / "beat").stat().st_size == size


def test_a_grandchild_that_holds_the_pipes_delays_nothing(sandbox: LandlockSandbox, workspace: Path) -> None:
    """The end of the first process is the end of the call."""
    ended = sandbox.run(_shell("sleep 60 & echo done", workspace))
    assert (ended.status, ended.stdout) == ("success", b"done\n")
    assert ended.duration_ms < 10_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"argv": ("/nonexistent/program",)}, "No such file or directory"),
        ({"argv": ("/etc/passwd",)}, "Permission denied"),
        ({"argv": ("/bin/sh", "a\0b")}, "null"),
        ({"cwd": Path("/nonexistent")}, "current directory"),
        ({"mounts": (Mount(Path("/nonexistent")),)}, "/nonexistent cannot be shown"),
        ({"mounts": (Mount(Path("/"), "write"),)}, "cannot be writable"),
        ({"mounts": (Mount(Path("/etc")),)}, "cannot be shown"),
        ({"network": ("example.com",)}, r"HostPolicy\.network"),
    ],
)
def test_what_cannot_be_started_is_refused_in_one_sentence(
    sandbox: LandlockSandbox, workspace: Path, change: dict[str, object], words: str
) -> None:
    """Nothing runs, the reason is told, and the next call works."""
    job = _shell("touch ran", workspace)
    parts = {name: getattr(job, name) for name in ("argv", "env", "cwd", "mounts", "limits")}
    with pytest.raises(SandboxUnavailableError, match=words):
        sandbox.run(Job(**{**parts, **change}))
    assert sandbox.run(_shell("ls", workspace)).stdout == b""


def test_a_refused_call_leaves_no_files_behind(sandbox: LandlockSandbox, workspace: Path) -> None:
    """Also when it is the only one that the helper process ever knew of."""
    with pytest.raises(SandboxUnavailableError, match="cannot be shown"):
        sandbox.run(Job(("/bin/true",), {}, workspace, (Mount(Path("/nonexistent")),), Limits()))
    scratch = sandbox._spawner.scratch()
    sandbox.close()
    assert not scratch.exists()


def test_a_link_in_the_way_of_a_mount_is_not_followed(
    sandbox: LandlockSandbox, workspace: Path, tmp_path: Path
) -> None:
    """A directory that another script replaced by a link opens nothing of where the link leads."""
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "other")
    mounts = (Mount(workspace, "write"), Mount(tmp_path / "link"))
    with pytest.raises(SandboxUnavailableError, match=r"symbolic link; name .*other instead"):
        sandbox.run(Job(("/bin/true",), {}, workspace, mounts, Limits()))


def test_temporary_files_of_its_own_are_never_put_into_a_workspace(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With TMPDIR inside the workspace one script could reach the private directory of another."""
    workspace.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(workspace))
    with contextlib.closing(LandlockSandbox()) as sandbox:
        if sandbox._spawner.scratch().is_relative_to(workspace):
            with pytest.raises(SandboxUnavailableError, match=r"TMPDIR|belongs to"):
                sandbox.run(_shell("true", workspace))


def test_private_directories_are_used_again_only_when_nothing_shows_that_they_were(
    sandbox: LandlockSandbox, workspace: Path
) -> None:
    """An empty one is lent to the next call, a changed one is removed, and both look new."""
    look = "echo $HOME; stat -c '%a %Y' $HOME $TMPDIR; ls -A $HOME $TMPDIR | grep -v :"
    first, again = (sandbox.run(_shell(look, workspace)).stdout.decode().split() for _ in range(2))
    sandbox.run(_shell("touch $HOME/left", workspace))
    other = sandbox.run(_shell(look, workspace)).stdout.decode().split()
    assert first[0] == again[0] != other[0]
    assert [first[1], again[1], other[1]] == ["700"] * 3
    assert len(first) == len(again) == len(other) == 5
    assert not Path(first[0]).exists()


def test_a_private_directory_is_never_lent_twice_at_once(tmp_path: Path) -> None:
    """Nor to another user, nor from another helper's scratch directory."""
    folders = PrivateFolders()
    with folders.lend(tmp_path, 0) as one, folders.lend(tmp_path, 0) as other:
        assert one.path != other.path
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with folders.lend(elsewhere, 0) as third:
        assert third.path.is_relative_to(elsewhere)
    assert len(folders._clean) == 3


def test_a_killed_helper_process_costs_its_calls_and_not_the_next(sandbox: LandlockSandbox, workspace: Path) -> None:
    """The running call ends as killed, its script is dead, and the next call works."""
    ends: list[Ended] = []
    job = _shell("while :; do echo x >> beat; sleep 0.02; done", workspace)
    thread = threading.Thread(target=lambda: ends.append(sandbox.run(job)))
    thread.start()
    while not (workspace / "beat").exists():
        time.sleep(0.01)
    process = sandbox._spawner._process
    assert process is not None
    os.kill(process._popen.pid, signal.SIGKILL)
    thread.join(timeout=10)
    assert [(end.status, end.exit_code, end.reason) for end in ends] == [("killed", None, "sandbox:lost")]
    size = (workspace / "beat").stat().st_size
    time.sleep(0.2)
    assert (workspace / "beat").stat().st_size == size
    assert sandbox.run(_shell("echo well", workspace)).stdout == b"well\n"


def test_a_killed_keeper_costs_the_running_calls_and_is_replaced(sandbox: LandlockSandbox, workspace: Path) -> None:
    """Nothing goes on that would outlive the helper process."""
    ends: list[Ended] = []
    sandbox.run(_shell("true", workspace))
    thread = threading.Thread(target=lambda: ends.append(sandbox.run(_shell("touch on; sleep 60", workspace))))
    thread.start()
    while not (workspace / "on").exists():
        time.sleep(0.01)
    process = sandbox._spawner._process
    assert process is not None
    helper = process._popen.pid
    keeper, *_ = Path(f"/proc/{helper}/task/{helper}/children").read_text().split()
    os.kill(int(keeper), signal.SIGKILL)
    thread.join(timeout=10)
    assert [(end.status, end.reason) for end in ends] == [("killed", "signal:SIGKILL")]
    assert sandbox.run(_shell("echo well", workspace)).stdout == b"well\n"


def test_a_filter_that_cannot_be_installed_is_told_and_nothing_runs(
    sandbox: LandlockSandbox, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that waits to become the script is found out to be no sandbox."""
    sandbox.run(_shell("true", workspace))
    monkeypatch.setattr(landlock, "filter_program", lambda **_: bytes(8))
    with pytest.raises(SandboxUnavailableError, match="prctl: Invalid argument"):
        sandbox.run(_shell("touch ran", workspace))
    monkeypatch.undo()
    assert sandbox.run(_shell("ls", workspace)).stdout == b""


def test_a_killed_spare_process_is_replaced(sandbox: LandlockSandbox, workspace: Path) -> None:
    """The next call does not depend on the process that was to become it."""
    for _ in range(2):
        sandbox.run(_shell("true", workspace))
        process = sandbox._spawner._process
        assert process is not None
        helper = process._popen.pid
        _, spare = Path(f"/proc/{helper}/task/{helper}/children").read_text().split()
        os.kill(int(spare), signal.SIGKILL)
        while Path(f"/proc/{spare}").exists():
            time.sleep(0.01)
    assert sandbox.run(_shell("echo well", workspace)).stdout == b"well\n"


def test_a_call_that_is_cancelled_as_it_starts_never_goes_on(sandbox: LandlockSandbox, workspace: Path) -> None:
    """An interruption between the request and the start ends what was asked for."""
    confine = sandbox._spawner.confine

    def interrupted(request: object) -> None:
        confine(request)  # type: ignore[arg-type]  # passed on as it came
        raise KeyboardInterrupt

    sandbox.run(_shell("true", workspace))
    before = len(list(Path("/proc/self/fd").iterdir()))
    sandbox._spawner.confine = interrupted  # type: ignore[method-assign]  # what an unlucky signal does
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            sandbox.run(_shell("sleep 0.3; touch ran", workspace))
    sandbox._spawner.confine = confine  # type: ignore[method-assign]  # and back
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    time.sleep(0.5)
    assert not (workspace / "ran").exists()


def test_what_leaves_its_session_after_all_is_killed_as_a_stray(
    sandbox: LandlockSandbox, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the filter taken away a daemon can leave, and is caught by the helper process, its last parent."""
    monkeypatch.setattr(landlock, "filter_program", lambda **_: _everything())
    command = (
        "setsid sh -c 'setsid sh -c \"while :; do echo x >> beat; sleep 0.02; done\" &' > /dev/null 2>&1 < /dev/null"
    )
    ended = sandbox.run(_shell(f"{command}; while [ ! -e beat ]; do sleep 0.02; done", workspace))
    assert ended.status == "success"
    size = (workspace / "beat").stat().st_size
    time.sleep(0.2)
    assert (workspace / "beat").stat().st_size == size


def _everything() -> bytes:
    """Return a filter that allows everything."""
    return struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF_0000)


REACH_OUT = """
import errno, os, resource, socket, sys
outside, host = sys.argv[1], int(sys.argv[2])
def fork():
    for _ in range(60):
        if os.fork() == 0:
            os.pause() if hasattr(os, "pause") else __import__("signal").pause()
for name, act in {
    "read": lambda: open(outside + "/secret").read(),
    "socket": lambda: socket.socket().close(),
    "signal": lambda: os.kill(host, 0),
    "fork": fork,
}.items():
    try:
        act()
        print(name)
    except OSError:
        pass
"""


@pytest.mark.parametrize("removed", ["", "files", "signals", "filter", "limits"])
def test_each_mechanism_is_what_stops_its_attacks(
    sandbox: LandlockSandbox, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: str
) -> None:
    """With all of them nothing passes; with one taken away exactly its attacks do."""
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    (tmp_path / "secret").chmod(0o644)
    if removed == "files":
        monkeypatch.setattr(landlock_rules, "_RIGHTS_OF_VERSION", {landlock_rules.version(): 1})
    if removed == "signals":
        monkeypatch.setattr(landlock_rules, "_ABSTRACT_SOCKETS_AND_SIGNALS", 0)
    if removed == "filter":
        monkeypatch.setattr(landlock, "filter_program", lambda **_: _everything())
        monkeypatch.setattr(landlock_rules, "_BIND_TCP_AND_CONNECT_TCP", 0)
    if removed == "limits":
        monkeypatch.setattr(group_watch, "_tasks", lambda _: 0)
    processes = 200 if removed == "limits" else 16
    ended = sandbox.run(_python(REACH_OUT, workspace, tmp_path, os.getpid(), processes=processes))
    # A throw-away user of a root host may not signal root's processes anyway.
    passed = {"files": ["read"], "signals": [] if AS_ROOT else ["signal"], "filter": ["socket"], "limits": ["fork"]}
    assert ended.stdout.decode().split() == passed.get(removed, [])


@pytest.mark.parametrize("version", range(1, landlock_rules.version() + 1))
def test_files_are_safe_on_every_older_kernel_too(
    sandbox: LandlockSandbox, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """With the rights of each earlier version nothing outside can be read, written or cut off; own work goes on."""
    monkeypatch.setattr(landlock_rules, "version", lambda: version)
    (tmp_path / "victim").write_text("kept", encoding="utf-8")
    (tmp_path / "victim").chmod(0o666)
    tmp_path.chmod(0o777)
    code = """
import os, sys
p = sys.argv[1]
for line in ("open(p)", "open(p, 'w')", "os.truncate(p, 0)", "os.open(p, os.O_RDONLY | os.O_TRUNC)", "os.unlink(p)",
             "os.rename('own', p)", "os.link('own', p + '.l')", "os.open(p, 3)"):
    try:
        open("own", "w").close()
        exec(line)
        print("passed", line)
    except OSError:
        pass
os.mkdir("d")
open("d/f", "w").write("x")
os.rename("d/f", "d/g")
print(os.listdir("d"))
"""
    ended = sandbox.run(_python(code, workspace, tmp_path / "victim"))
    assert (ended.stdout, ended.stderr) == (b"['g']\n", b"")
    assert (tmp_path / "victim").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["victim", "workspace"]
    assert ended.sandbox.degraded == (() if version >= 6 else ("signals",))


def test_the_filter_stops_truncate_where_landlock_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which filter is taken depends on what Landlock knows."""
    taken: list[str] = []
    monkeypatch.setattr(landlock, "filter_program", lambda profile: taken.append(profile) or b"")  # type: ignore[func-returns-value]  # a recorder
    for version in (2, 3):
        monkeypatch.setattr(landlock_rules, "version", lambda version=version: version)
        os.close(landlock._filter())
    assert taken == ["reduced-no-truncate", "reduced"]


WITHOUT = """
import ctypes, struct, sys
from pathlib import Path
from openskills_core import SandboxUnavailableError
from openskills_core.models import Job, Limits, Mount
from openskills_core.sandbox import choose

def instruction(code, value, true=0, false=0):
    return struct.pack("=HBBI", code, true, false, value)

# Each of these numbers gets this error, everything else is allowed.
error, numbers = int(sys.argv[1]), [int(word) for word in sys.argv[3:]]
program = [instruction(0x20, 0)]
for number in numbers:
    program += [instruction(0x15, number, 0, 1), instruction(0x06, 0x50000 | error)]
program = b"".join([*program, instruction(0x06, 0x7FFF0000)])
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(program, len(program))
described = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
zero = ctypes.c_ulong(0)
assert libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) == 0
assert libc.prctl(22, ctypes.c_ulong(2), described, zero, zero) == 0
workspace = Path(sys.argv[2])
mounts = (Mount(workspace, "write"),)
job = Job(("/bin/sh", "-c", "touch ran; echo ran"), {"PATH": "/usr/bin:/bin"}, workspace, mounts, Limits())
for name in ("bubblewrap", "landlock"):
    sandbox = choose(name)
    try:
        print(name, sandbox.run(job).stdout.decode().strip())
    except SandboxUnavailableError as error:
        print(name, error)
    if name == "landlock":
        print(sandbox.probe().tier)
    sandbox.close()
"""


def _in_a_machine_without(error: int, workspace: Path, *numbers: int) -> str:
    """Try both sandboxes in a process that is refused some system calls, as containers and old kernels do."""
    command = [sys.executable, "-c", WITHOUT, str(error), str(workspace), *map(str, numbers)]
    # A helper as root may be refused capabilities, not only calls, so its errors are not ours to judge here.
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("error", [38, 95], ids=["not in the kernel", "switched off"])
def test_without_landlock_nothing_runs_and_the_fix_is_named(workspace: Path, error: int) -> None:
    """The call is refused, never run with less."""
    said = _in_a_machine_without(error, workspace, 444)
    refused = next(line for line in said.splitlines() if line.startswith("landlock"))
    assert "there is no Landlock here" in refused
    assert "add landlock to the kernel's lsm= parameter" in refused
    assert said.splitlines()[-1] == "none"


def test_where_namespaces_are_refused_the_reduced_tier_still_holds(workspace: Path) -> None:
    """As in a container with default settings: unshare, mount and setns fail, and so does bubblewrap."""
    numbers = {"x86_64": (272, 165, 308, 428, 56), "aarch64": (97, 40, 268, 428)}[os.uname().machine]
    said = _in_a_machine_without(1, workspace, *(number for number in numbers if number != 56))
    lines = said.splitlines()
    assert "could not be set up" in lines[0]
    assert lines[-2:] == ["landlock ran", "reduced"]
