"""Processes: none of the host's seen or touched, none of the script's left, and no more than the limits allow."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditLog, LimitExceededError, Limits, OpenSkillRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.escapes.conftest import Attacker

# A daemon that leaves its session and its parents, and proves that it lives by growing a file.
DAEMON = """
    import os, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in (0, 1, 2):
                if sys.argv[1] == "quiet":
                    os.close(fd)
            while True:
                with open("heartbeat", "a") as file:
                    file.write("x")
                time.sleep(0.02)
        os._exit(0)
    while not os.path.exists("heartbeat"):
        time.sleep(0.01)
    print("started", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def sentinel() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host with a command line to look for."""
    process = subprocess.Popen(["/bin/sleep", "86399"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("language", "script"),
    [
        ("py", "import glob\nfor p in glob.glob('/proc/[0-9]*/cmdline'): print(open(p).read().replace(chr(0), ' '))\n"),
        ("sh", 'for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done\n'),
    ],
)
def test_host_processes_are_invisible(
    attacker: Attacker, sentinel: subprocess.Popen[bytes], language: str, script: str
) -> None:
    """A process of the host, found outside, is not listed inside."""
    assert sentinel.poll() is None
    assert "86399" in attacker.control(script, language=language).stdout
    result = attacker.strike(script, language=language)
    assert result.status == "success"
    assert "86399" not in result.stdout


def test_host_processes_cannot_be_killed(attacker: Attacker, sentinel: subprocess.Popen[bytes]) -> None:
    """Neither by number nor all at once."""
    script = """
        import os, sys
        for pid in (int(sys.argv[1]), -1):
            try:
                os.kill(pid, 9)
            except OSError as error:
                print(error)
    """
    attacker.strike(script, sentinel.pid)
    assert sentinel.poll() is None
    attacker.control("import os, sys\nos.kill(int(sys.argv[1]), 9)\n", sentinel.pid)
    assert sentinel.wait(timeout=5) == -signal.SIGKILL


def test_the_hosts_environment_does_not_enter(attacker: Attacker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the host is neither in the script's environment nor in that of any process it can read."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-TOP-SECRET")
    monkeypatch.setenv("LD_PRELOAD_TEST", "sk-TOP-SECRET")
    script = """
        import glob, os
        print(dict(os.environ))
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                print(open(path, errors="replace").read())
            except OSError:
                pass
    """
    assert "TOP-SECRET" not in attacker.strike(script).stdout


def test_only_the_documented_variables_are_set(attacker: Attacker) -> None:
    """The environment is the contract's, plus PWD, which the sandbox program sets to the current directory."""
    result = attacker.strike("import json, os\nprint(json.dumps(dict(os.environ)))\n", input={"a": 1})
    assert set(result.output) == {
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PWD", "SKILL_ID", "SKILL_NAME", "SKILL_ROOT"),
        *("SKILL_WORKSPACE", "SKILL_INPUT", "TIMEOUT_MS", "CLAUDE_SKILL_DIR", "PYTHONPATH", "PYTHONUNBUFFERED"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE"),
    }


def test_open_files_of_the_host_are_not_inherited(attacker: Attacker, outside: Path) -> None:
    """A descriptor that the host left inheritable, and our own control pipes, stay outside."""
    (outside / "secret").write_text("TOP-SECRET", encoding="utf-8")
    leaked = os.open(outside / "secret", os.O_RDONLY)
    os.set_inheritable(leaked, True)  # noqa: FBT003 - the only form it has
    try:
        result = attacker.strike("import os\nprint(sorted(map(int, os.listdir('/proc/self/fd'))))\n")
    finally:
        os.close(leaked)
    # 3 is the descriptor of the listing itself.
    assert result.stdout.strip() == "[0, 1, 2, 3]"


@pytest.mark.parametrize(
    ("language", "script"),
    [
        (
            "py",
            """
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
            """,
        ),
        ("sh", "trap 'echo $made; exit' EXIT\nfor i in $(seq 300); do sleep 20 & made=$i; done\n"),
    ],
)
def test_a_script_cannot_fork_without_bound(attacker: Attacker, language: str, script: str) -> None:
    """Far fewer processes than the 300 that the same script makes without a sandbox."""
    # bash tries again for a while when fork fails, so it is ended by the timeout before it counts to 300.
    result = attacker.strike(script, language=language, timeout_ms=2_000)
    assert result.status == ("success" if language == "py" else "timeout")
    assert language == "sh" or 10 <= int(result.stdout) <= 32
    assert int(attacker.control(script, language=language).stdout) == 300


def test_a_fork_bomb_ends_with_its_call_and_leaves_the_host_working(attacker: Attacker) -> None:
    """The classic bomb hits the limit and dies at the timeout, while the host can still start programs."""
    result = attacker.strike("bomb() { bomb | bomb & }; bomb; sleep 60\n", language="sh", timeout_ms=1_000)
    assert result.status in ("timeout", "failed", "killed")
    assert subprocess.run(["/bin/true"], check=False).returncode == 0
    assert attacker.strike("print('well')\n").stdout == "well\n"


MEMORY_ATTACKS = {
    "one process": "held = []\nwhile True: held.append(bytearray(8 << 20))\n",
    "many processes": """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                held = bytearray(200 << 20)
                time.sleep(20)
                os._exit(0)
        time.sleep(20)
    """,
    "shared mappings": """
        import mmap, time
        held = []
        for _ in range(100):
            piece = mmap.mmap(-1, 8 << 20)
            for at in range(0, 8 << 20, 4096):
                piece[at] = 1
            held.append(piece)
        time.sleep(20)
    """,
}


@pytest.mark.parametrize("attack", MEMORY_ATTACKS)
def test_a_script_cannot_fill_memory(attacker: Attacker, attack: str) -> None:
    """However it is taken, memory beyond the limit ends the script long before 20 seconds."""
    result = attacker.strike(MEMORY_ATTACKS[attack])
    if attack == "one process":
        assert (result.status, "MemoryError" in result.stderr) == ("failed", True)
    else:
        assert (result.status, result.reason, result.exit_code) == ("killed", "limit:memory", None)
    assert result.duration_ms < 15_000


def test_the_memory_limit_is_live_only_because_of_the_sandbox(attacker: Attacker) -> None:
    """Without one the same script takes more than the limit: the attack is real."""
    script = "held = bytearray(400 << 20)\nprint(len(held) >> 20)\n"
    assert attacker.control(script).stdout == "400\n"
    assert "MemoryError" in attacker.strike(script).stderr


FILL = """
    import os, sys
    folder = os.environ.get(sys.argv[1], sys.argv[1])
    try:
        for number in range(40):
            with open(f"{folder}/{number}", "wb") as file:
                file.write(bytes(16 << 20))
    except OSError as error:
        print(error.errno)
"""


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "HOME"])
def test_memory_file_systems_have_a_size(attacker: Attacker, folder: str) -> None:
    """Writing to /tmp, HOME and /dev/shm ends with a full device."""
    assert attacker.strike(FILL, folder, memory_mb=1024).stdout.strip() == "28"


@pytest.mark.parametrize(
    "script",
    [FILL + "    import time; time.sleep(20)\n", "import os\nfor n in range(10**6): os.symlink('x', f'/tmp/{n}')\n"],
    ids=["content", "inodes"],
)
def test_files_in_memory_count_as_memory(attacker: Attacker, script: str) -> None:
    """A script that fills /tmp, with bytes or with mere names, has taken memory as any other has."""
    result = attacker.strike(script, "/tmp", memory_mb=128)
    assert (result.status, result.reason) == ("killed", "limit:memory")


@pytest.mark.parametrize("call", ["memfd_create", "shmget"])
def test_memory_that_no_limit_sees_cannot_be_made(attacker: Attacker, call: str) -> None:
    """Anonymous files and System V segments are absent, as on an old kernel."""
    script = """
        import ctypes, errno, sys
        libc = ctypes.CDLL(None, use_errno=True)
        result = libc.memfd_create(b"x", 0) if sys.argv[1] == "memfd_create" else libc.shmget(0, 4096, 0o1600)
        print(result, errno.errorcode.get(ctypes.get_errno()))
    """
    assert attacker.strike(script, call).stdout.strip() == "-1 ENOSYS"
    assert not attacker.control(script, call).stdout.startswith("-1")


def test_a_file_cannot_grow_beyond_its_limit(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """One file is cut off at file_mb."""
    make_skill("filler", main_py="f = open('big', 'wb')\nfor _ in range(64): f.write(bytes(1 << 20))\n")
    result = make_runtime(limits=Limits(file_mb=8)).execute_skill("filler")
    assert "File too large" in result.stderr or result.reason == "signal:SIGXFSZ"
    assert result.artifacts[0].size == 8 << 20


def test_the_workspace_cannot_be_filled(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Many files together end the script at workspace_mb."""
    make_skill(
        "filler",
        main_py="import time\nfor n in range(64):\n    time.sleep(0.1)\n    open(f'{n}', 'wb').write(bytes(1 << 20))\n",
    )
    result = make_runtime(limits=Limits(workspace_mb=8)).execute_skill("filler")
    assert (result.status, result.reason) == ("killed", "limit:workspace")


def test_a_workspace_that_is_full_already_is_said_so(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """A script that wrote nothing is not ended for what was there before; the call is refused with the way out."""
    make_skill("idle", main_py="print('ran')")
    runtime = make_runtime(limits=Limits(workspace_mb=2))
    runtime.workspace.write_bytes("big", bytes(3 << 20))
    with pytest.raises(LimitExceededError, match="workspace_mb=2"):
        runtime.execute_skill("idle")


def test_processor_time_has_a_limit(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Time spent by children counts too."""
    make_skill("spinner", main_sh="while :; do /bin/true; done\n")
    result = make_runtime(limits=Limits(cpu_ms=400)).execute_skill("spinner")
    assert (result.status, result.reason) == ("killed", "limit:cpu")


def test_open_files_have_a_limit(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """The script sees EMFILE."""
    make_skill("opener", main_py="held = [open('/dev/null') for _ in range(100)]\n")
    assert "Too many open files" in make_runtime(limits=Limits(open_files=64)).execute_skill("opener").stderr


def _grows(path: Path) -> bool:
    before = path.stat().st_size
    time.sleep(0.3)
    return path.stat().st_size != before


@pytest.mark.parametrize("output", ["quiet", "holding-the-pipes"])
@pytest.mark.parametrize("end", ["normal", "timeout", "cancel"])
def test_nothing_outlives_its_call(attacker: Attacker, end: str, output: str) -> None:
    """A daemon that left its session is dead when the call returns, however the call ends."""
    seconds = 0 if end == "normal" else 30
    cancel = threading.Event()
    if end == "cancel":
        threading.Timer(1.0, cancel.set).start()
    started = time.monotonic()
    timeout_ms = 1_000 if end == "timeout" else 20_000
    result = attacker.strike(DAEMON, output, seconds, timeout_ms=timeout_ms, cancel=cancel)
    assert time.monotonic() - started < 8
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
    assert attacker.confined.audit.records()[-1]["status"] == "cancelled"


HOST = """
import sys
from openskills_core import AuditLog, OpenSkillRuntime
runtime = OpenSkillRuntime.from_directory(sys.argv[1], workspace_dir=sys.argv[2], audit=AuditLog(sys.argv[3]))
runtime.execute_skill("hostile", "attack.py", args=["quiet", "60"])
"""


def test_the_sandbox_dies_when_the_host_is_killed(attacker: Attacker, tmp_path: Path) -> None:
    """SIGKILL of the host leaves no script behind."""
    attacker.strike(DAEMON, "quiet", 0)
    heartbeat = attacker.confined.workspace.root / "heartbeat"
    heartbeat.unlink()
    arguments = [str(attacker.skill.parent), str(heartbeat.parent), str(tmp_path / "other.jsonl")]
    with subprocess.Popen([sys.executable, "-c", HOST, *arguments]) as host:
        deadline = time.monotonic() + 20
        while not heartbeat.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert _grows(heartbeat)
        host.kill()
        host.wait()
    time.sleep(0.5)
    assert not _grows(heartbeat)


def test_two_calls_at_once_do_not_see_each_other(attacker: Attacker) -> None:
    """Concurrent sandboxes share no process, no /tmp and no user id."""
    script = """
        import glob, os, pathlib, time
        pathlib.Path("/tmp/mine").write_text("x")
        time.sleep(1)
        lines = [open(path, "rb").read() for path in glob.glob("/proc/[0-9]*/cmdline")]
        print(len(os.listdir("/tmp")), sum(b"attack.py" in line for line in lines))
    """
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(attacker.strike(script).stdout)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    # bubblewrap's first process carries the script's name on its command line too.
    assert results[0].split()[1] in ("1", "2")


def test_a_call_survives_the_end_of_the_thread_that_made_the_sandbox(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """The first call, from a thread that ends, does not take later ones with it."""
    make_skill("hello", main_py="print('hello')")
    runtime: OpenSkillRuntime = make_runtime(sandbox="auto")
    thread = threading.Thread(target=lambda: runtime.execute_skill("hello"))
    thread.start()
    thread.join()
    assert runtime.execute_skill("hello").stdout == "hello\n"


def test_no_process_or_descriptor_is_left_after_many_calls(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Descriptors stay level over repeated calls, and `close` ends the helper process."""
    make_skill("hello", main_py="print('hello')")
    runtime = make_runtime(sandbox="auto")
    runtime.execute_skill("hello")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        runtime.execute_skill("hello")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    helper = runtime._sandbox()._spawner._process._popen.pid  # type: ignore[attr-defined]  # the full tier's
    assert Path(f"/proc/{helper}").exists()
    runtime.close()
    assert not Path(f"/proc/{helper}").exists()


def test_an_audit_record_is_left_by_a_call_that_was_killed(attacker: Attacker) -> None:
    """A timeout is recorded like any other end."""
    attacker.strike("import time\nprint('begun', flush=True)\ntime.sleep(60)\n", timeout_ms=500)
    log = attacker.confined.audit
    assert isinstance(log, AuditLog)
    assert (log.records()[-1]["status"], log.verify().ok) == ("timeout", True)
