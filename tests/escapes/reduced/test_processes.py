"""The reduced tier and processes: none of the host's touched, none of the script's left, no more than is allowed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import Limits
from tests.escapes.reduced.conftest import AS_ROOT, PYTHON
from tests.escapes.test_processes import DAEMON, MEMORY_ATTACKS, _grows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core import OpenSkillRuntime
    from tests.escapes.conftest import Attacker


@pytest.fixture
def sentinel() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host, of the user that scripts have where the host is an ordinary user."""
    process = subprocess.Popen(["/bin/sleep", "86399"], env={"SECRET": "TOP-SECRET"})
    yield process
    process.kill()
    process.wait()


REACH = {
    "signal": "os.kill(pid, 9)",
    "thread signal": "call('syscall', {'x86_64': 234}.get(os.uname().machine, 131), pid, pid, 9)",
    "signal by descriptor": "signal.pidfd_send_signal(os.pidfd_open(pid), 9)",
    "queue a signal": "info = (ctypes.c_int * 32)(9, 0, -1)\ncall('syscall', "
    "{'x86_64': 129}.get(os.uname().machine, 138), pid, 9, info)",
    "memory": "open(f'/proc/{pid}/mem', 'rb').close()",
    "variables": "print(open(f'/proc/{pid}/environ').read())",
    "maps": "open(f'/proc/{pid}/maps').read()",
    "root directory": "os.listdir(f'/proc/{pid}/root/')",
    "open files": "os.readlink(f'/proc/{pid}/fd/0')",
    "trace": "call('ptrace', 16, pid, 0, 0)",
    "limits": "resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))",
    "processors": "os.sched_setaffinity(pid, {0})",
    "priority": "os.setpriority(os.PRIO_PROCESS, pid, 5)",
    "scheduler": "os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))",
    "priority of all of a user's": "os.setpriority(os.PRIO_USER, 0, 3)",
    "descriptor": "call('syscall', 438, os.pidfd_open(pid), 1, 0)",
    "out-of-memory score": "open(f'/proc/{pid}/oom_score_adj', 'w').write('500')",
}
REACH_ALL = """
    import ctypes, errno, json, os, resource, signal, sys
    libc = ctypes.CDLL(None, use_errno=True)
    def call(name, *arguments):
        if getattr(libc, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)
    pid = int(sys.argv[1])
    answers = {}
    for name, line in json.loads(sys.argv[2]).items():
        try:
            exec(line)
            answers[name] = "done"
        except OSError as error:
            answers[name] = errno.errorcode.get(error.errno)
    print(json.dumps(answers))
"""


def test_host_processes_cannot_be_touched(attacker: Attacker, sentinel: subprocess.Popen[bytes]) -> None:
    """Not signalled, read, traced, limited, slowed or moved, though all of these work on it without a sandbox."""
    result = attacker.strike(REACH_ALL, sentinel.pid, json.dumps(REACH))
    answers = json.loads(result.stdout.splitlines()[-1])
    assert {name for name, answer in answers.items() if answer not in ("EPERM", "EACCES")} == set()
    assert "TOP-SECRET" not in result.stdout
    assert sentinel.poll() is None
    assert os.getpriority(os.PRIO_PROCESS, sentinel.pid) == os.getpriority(os.PRIO_PROCESS, 0)
    # Without a sandbox nothing may be tried that would reach further than this one process, or end it too soon.
    live = {name: line for name, line in REACH.items() if name.split()[0] not in ("signal", "thread", "queue", "trace")}
    del live["priority of all of a user's"]
    outside = attacker.control(REACH_ALL, sentinel.pid, json.dumps(live)).stdout
    answers = json.loads(outside.splitlines()[-1])
    assert {name for name, answer in answers.items() if answer == "done"} >= {*live} - {"descriptor"}
    attacker.control(REACH_ALL, sentinel.pid, json.dumps({"signal": REACH["signal"]}))
    assert sentinel.wait(timeout=5) == -signal.SIGKILL


def test_all_processes_at_once_are_only_its_own(attacker: Attacker, sentinel: subprocess.Popen[bytes]) -> None:
    """kill(-1) ends the script and nobody else."""
    attacker.strike("import os\nos.kill(-1, 9)\n")
    assert sentinel.poll() is None
    assert attacker.strike("print('well')\n").stdout == "well\n"


def test_hole_processes_and_their_command_lines_can_be_listed(
    attacker: Attacker, sentinel: subprocess.Popen[bytes]
) -> None:
    """As the report says; their variables are closed, see above."""
    script = "import sys\nprint(open(f'/proc/{sys.argv[1]}/cmdline').read())\n"
    assert "86399" in attacker.strike(script, sentinel.pid).stdout


def test_the_hosts_environment_and_open_files_do_not_enter(
    attacker: Attacker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented variables, and standard input, output and error, which can be opened again by name."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-TOP-SECRET")
    (tmp_path / "secret").write_text("TOP-SECRET", encoding="utf-8")
    leaked = os.open(tmp_path / "secret", os.O_RDONLY)
    os.set_inheritable(leaked, True)  # noqa: FBT003 - the only form it has
    script = """
        import json, os
        seen = [sorted(os.environ), sorted(os.listdir("/proc/self/fd"))]
        open("/dev/stdout", "w").write(json.dumps(seen))
    """
    try:
        names, descriptors = attacker.strike(script, input={"a": 1}).output
    finally:
        os.close(leaked)
    assert set(names) == {
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SKILL_ID", "SKILL_NAME", "SKILL_ROOT"),
        *("SKILL_WORKSPACE", "SKILL_INPUT", "TIMEOUT_MS", "CLAUDE_SKILL_DIR", "PYTHONPATH", "PYTHONUNBUFFERED"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE"),
    }
    # 3 is the descriptor of the listing itself.
    assert descriptors == ["0", "1", "2", "3"]


FORK = """
    import os, time
    made = 0
    try:
        while made < 300:
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
            made += 1
    except OSError:
        pass
    print(made, flush=True)
    time.sleep(0.2)
"""


@pytest.fixture
def alone(make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime]) -> OpenSkillRuntime:
    """A runtime with a sandbox of its own, in which no two scripts have run together."""
    make_skill("forker", main_py=textwrap.dedent(FORK))
    return make_reduced(sandbox="landlock", limits=Limits(processes=32))


def test_a_script_cannot_fork_without_bound(attacker: Attacker, alone: OpenSkillRuntime) -> None:
    """It gets as many processes as its limit says, not the 300 that the same script makes without a sandbox."""
    assert int(alone.execute_skill("forker").stdout) == 31
    assert int(attacker.control(FORK).stdout) == 300


def test_other_processes_of_the_user_do_not_count_against_a_script(alone: OpenSkillRuntime) -> None:
    """The kernel counts per user, so what runs already is added to the limit."""
    others = [subprocess.Popen(["/bin/sleep", "60"]) for _ in range(0 if AS_ROOT else 40)]
    try:
        assert int(alone.execute_skill("forker").stdout) == 31
    finally:
        for process in others:
            process.kill()
            process.wait()


def test_scripts_that_run_together_leave_each_other_room_and_are_watched(alone: OpenSkillRuntime) -> None:
    """Where the kernel's count is shared, whoever has more than its own share is ended for it."""
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(alone.execute_skill("forker").reason)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "limit:processes" in results
    assert set(results) <= {"", "limit:processes"}


def test_threads_count_as_processes(attacker: Attacker) -> None:
    """The kernel refuses more."""
    script = "import threading, time\nfor _ in range(300): threading.Thread(target=time.sleep, args=(5,)).start()\n"
    result = attacker.strike(script, timeout_ms=700)
    assert "can't start new thread" in result.stderr


def test_a_fork_bomb_ends_with_its_call_and_leaves_the_host_working(attacker: Attacker) -> None:
    """The classic bomb hits the limit and dies at the timeout, while the host can still start programs."""
    result = attacker.strike("bomb() { bomb | bomb & }; bomb; sleep 60\n", language="sh", timeout_ms=1_000)
    assert result.status in ("timeout", "failed", "killed")
    assert subprocess.run(["/bin/true"], check=False).returncode == 0
    assert attacker.strike("print('well')\n").stdout == "well\n"


@pytest.mark.parametrize("attack", MEMORY_ATTACKS)
def test_a_script_cannot_fill_memory(attacker: Attacker, attack: str) -> None:
    """However it is taken, memory beyond the limit ends the script long before 20 seconds."""
    result = attacker.strike(MEMORY_ATTACKS[attack])
    if attack == "one process":
        assert (result.status, "MemoryError" in result.stderr) == ("failed", True)
    else:
        assert (result.status, result.reason, result.exit_code) == ("killed", "limit:memory", None)
    assert result.duration_ms < 15_000


def test_memory_that_no_limit_sees_cannot_be_made(attacker: Attacker) -> None:
    """Anonymous files are absent, as on an old kernel."""
    script = "import os\ntry:\n    os.memfd_create('x')\nexcept OSError as error:\n    print(error.errno)\n"
    assert attacker.strike(script).stdout == "38\n"
    assert attacker.control(script).stdout == ""


@pytest.mark.parametrize("where", [".", "TMPDIR", "HOME"])
def test_neither_the_workspace_nor_private_directories_can_be_filled(
    make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime], where: str
) -> None:
    """Many files together end the script at workspace_mb."""
    script = f"import os, time\nos.chdir(os.environ.get({where!r}, '.'))\n"
    script += "for n in range(64):\n    time.sleep(0.05)\n    open(f'{n}', 'wb').write(bytes(1 << 20))\n"
    make_skill("filler", main_py=script)
    result = make_reduced(limits=Limits(workspace_mb=8)).execute_skill("filler")
    assert (result.status, result.reason) == ("killed", "limit:workspace")


CPU = {
    "children": "while :; do /bin/true; done\n",
    # Nobody in the tree waits for these: only the spawner learns what they used.
    "orphans": "while :; do (for i in 1 2 3 4 5 6 7 8; do (/bin/true; /bin/true) & done) & sleep 0.02; done\n",
}


@pytest.mark.parametrize("who", CPU)
def test_processor_time_has_a_limit(
    make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime], who: str
) -> None:
    """Time spent by children counts too, also by those that left their parents."""
    make_skill("spinner", main_sh=CPU[who])
    result = make_reduced(limits=Limits(cpu_ms=300, timeout_ms=20_000)).execute_skill("spinner")
    assert (result.status, result.reason) == ("killed", "limit:cpu")


def test_files_and_descriptors_have_limits(
    make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime]
) -> None:
    """One file is cut off at file_mb, and the 65th descriptor is refused; no limit can be raised again."""
    script = """
import errno, resource
for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("raised")
    except (OSError, ValueError):
        pass
file = open("big", "wb")
try:
    for _ in range(16): file.write(bytes(1 << 20))
except OSError as error:
    print(errno.errorcode[error.errno])
try:
    held = [open("/dev/null") for _ in range(100)]
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    make_skill("taker", main_py=script)
    result = make_reduced(limits=Limits(file_mb=8, open_files=64)).execute_skill("taker")
    assert result.stdout.split() == ["EFBIG", "EMFILE"]
    assert result.artifacts[0].size == 8 << 20


def test_a_process_cannot_leave_its_session_or_group(attacker: Attacker) -> None:
    """The calls say that they succeeded, so that programs go on, and change nothing."""
    script = """
        import os, sys
        before = os.getsid(0), os.getpgid(0)
        if os.fork() == 0:
            os.setpgid(0, 0)
            print(os.getpgid(0) == before[1], flush=True)
            if os.fork() == 0:
                os.setsid()
                print(os.getsid(0) == before[0], flush=True)
                os._exit(0)
            os.wait()
            os._exit(0)
        os.wait()
    """
    assert attacker.strike(script).stdout == "True\nTrue\n"
    assert attacker.control(script).stdout == "False\nFalse\n"


@pytest.mark.parametrize("output", ["quiet", "holding-the-pipes"])
@pytest.mark.parametrize("end", ["normal", "timeout", "cancel"])
def test_nothing_outlives_its_call(attacker: Attacker, end: str, output: str) -> None:
    """A daemon that tried to leave its session is dead when the call returns, however the call ends."""
    seconds = 0 if end == "normal" else 30
    cancel = threading.Event()
    if end == "cancel":
        threading.Timer(0.5, cancel.set).start()
    timeout_ms = 500 if end == "timeout" else 20_000
    result = attacker.strike(DAEMON, output, seconds, timeout_ms=timeout_ms, cancel=cancel)
    assert result.status == {"normal": "success", "timeout": "timeout", "cancel": "cancelled"}[end]
    assert result.stdout == "started\n"
    assert not _grows(attacker.confined.workspace.root / "heartbeat")


def test_the_daemon_is_live_without_a_sandbox(attacker: Attacker) -> None:
    """Positive control: outside, the same daemon survives its call and has to be ended by hand."""
    script = DAEMON.replace("while True:", "open('pid', 'w').write(str(os.getpid()))\n            while True:")
    assert attacker.control(script, "quiet", 0).status == "success"
    workspace = attacker.unconfined.workspace.root
    assert _grows(workspace / "heartbeat")
    os.kill(int((workspace / "pid").read_text()), signal.SIGKILL)


HOPPER = """
    import os, signal, sys, time
    # A chain of processes each of which forks the next and ends, and stopped ones beside it.
    for number in range(20):
        if os.fork() == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
    if os.fork() == 0:
        for stream in (0, 1, 2):
            os.close(stream)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            with open("heartbeat", "a") as file:
                file.write("x")
            if os.fork():
                os._exit(0)
            os.setsid()
    while not os.path.exists("heartbeat"):
        time.sleep(0.01)
"""


def test_processes_that_hop_and_processes_that_are_stopped_die_too(attacker: Attacker) -> None:
    """No number that could be killed one by one lives long enough to be found."""
    assert attacker.strike(HOPPER, timeout_ms=5_000).status == "success"
    assert not _grows(attacker.confined.workspace.root / "heartbeat")


def test_a_cancelled_task_leaves_nothing_running(attacker: Attacker) -> None:
    """Cancelling an awaiting task kills the tree before the cancellation goes on."""

    async def main() -> None:
        attacker.strike(DAEMON, "quiet", 0)
        (attacker.confined.workspace.root / "heartbeat").unlink()
        task = asyncio.create_task(attacker.confined.aexecute_skill("hostile", "attack.py", args=["quiet", "30"]))
        while not (attacker.confined.workspace.root / "heartbeat").exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not _grows(attacker.confined.workspace.root / "heartbeat")


HOST = """
import sys
from openskills_core import AuditLog, OpenSkillRuntime
runtime = OpenSkillRuntime.from_directory(
    sys.argv[1], workspace_dir=sys.argv[2], audit=AuditLog(sys.argv[3]), sandbox="landlock", python=sys.argv[4]
)
runtime.execute_skill("hostile", "attack.py", args=["quiet", "60"])
"""


def _family(pid: int) -> list[int]:
    """Return the helper process of a host, and its keeper."""
    helpers = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*helpers, *(int(c) for h in helpers for c in Path(f"/proc/{h}/task/{h}/children").read_text().split())]


def _scratch_of(helper: int) -> Path:
    return Path(Path(f"/proc/{helper}/cmdline").read_text().split("\0")[-2])


@pytest.mark.parametrize("killed", ["host", "helper", "host and helper", "keeper"])
def test_the_tree_dies_with_whatever_started_it(attacker: Attacker, tmp_path: Path, killed: str) -> None:
    """SIGKILL of the host, of the helper process, of both, or of the helper's keeper, leaves nothing."""
    attacker._written(DAEMON, "py")
    heartbeat = attacker.confined.workspace.root / "heartbeat"
    arguments = [str(attacker.skill.parent), str(heartbeat.parent), str(tmp_path / "other.jsonl"), PYTHON]
    with subprocess.Popen([sys.executable, "-c", HOST, *arguments], stderr=subprocess.DEVNULL) as host:
        deadline = time.monotonic() + 20
        while not heartbeat.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        helper, keeper, *_ = _family(host.pid)
        scratch = _scratch_of(helper)
        assert _grows(heartbeat)
        for victim in killed.split(" and "):
            os.kill({"host": host.pid, "helper": helper, "keeper": keeper}[victim], signal.SIGKILL)
        time.sleep(0.5)
        assert not _grows(heartbeat)
        host.kill()
        host.wait()
    until = time.monotonic() + 3
    while time.monotonic() < until and (scratch.exists() or _is_running(helper) or _is_running(keeper)):
        time.sleep(0.02)
    assert not scratch.exists()
    assert not _is_running(helper)
    assert not _is_running(keeper)


def _is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_two_calls_at_once_cannot_reach_each_other(attacker: Attacker) -> None:
    """Neither can signal, trace or read the other, though both run as one user."""
    script = """
        import os, pathlib, sys, time
        mine = pathlib.Path(f"pid-{sys.argv[1]}")
        mine.write_text(str(os.getpid()))
        other = pathlib.Path(f"pid-{1 - int(sys.argv[1])}")
        while not (other.exists() and other.read_text()):
            time.sleep(0.01)
        pid = int(other.read_text())
        for act in (lambda: os.kill(pid, 9), lambda: open(f"/proc/{pid}/environ").read()):
            try:
                act()
                print("done")
            except OSError as error:
                print(error.errno)
        time.sleep(0.3)
        print("alive")
    """
    attacker.strike(script.replace("while not", "while False and not"), 2)
    results: list[str] = []
    run = attacker.confined.execute_skill
    threads = [
        threading.Thread(target=lambda n=n: results.append(run("hostile", "attack2.py", args=[str(n)]).stdout))
        for n in (0, 1)
    ]
    attacker._written(script, "py")
    (attacker.skill / "attack.py").rename(attacker.skill / "attack2.py")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["1\n13\nalive\n"] * 2


def test_no_process_descriptor_or_directory_is_left_after_many_calls(
    make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime]
) -> None:
    """Descriptors stay level over repeated calls from several threads, and `close` ends the helper processes."""
    make_skill("hello", main_py="print('hello')")
    runtime = make_reduced(sandbox="landlock")
    runtime.execute_skill("hello")
    before = len(list(Path("/proc/self/fd").iterdir()))
    threads = [threading.Thread(target=lambda: [runtime.execute_skill("hello") for _ in range(6)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    process = runtime._sandbox()._spawner._process  # type: ignore[attr-defined]  # the reduced tier's
    helper, scratch = process._popen.pid, process.scratch
    if AS_ROOT:  # others cannot look into it
        assert len(list(Path(f"/proc/{helper}/fd").iterdir())) < 20
    others = [int(pid) for pid in Path(f"/proc/{helper}/task/{helper}/children").read_text().split()]
    runtime.close()
    assert not scratch.exists()
    assert not _is_running(helper)
    assert not any(map(_is_running, others))
