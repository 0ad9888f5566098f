"""What seatbelt really stops, on macOS. Each attack is run without a sandbox too, to prove that it is live."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import Limits, OpenSkillRuntime
from openskills_core.models import Ended, Job, Mount
from openskills_core.programs import Programs
from openskills_core.sandbox import choose
from openskills_core.sandbox.macos.libproc import Libproc
from openskills_core.sandbox.macos.seatbelt import SeatbeltSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEGIN = """
import ctypes, os, signal, socket, sys
work, outside, skill, port, door, host = sys.argv[1:]
secret = outside + "/secret"
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result != 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def swapped(a, b): checked(libc.renamex_np(os.fsencode(a), os.fsencode(b), 2))
try:
"""
END = """
except PermissionError as error: print("refused")
except OSError as error: print("refused" if error.errno == 1 else repr(error))
else: print("done")
"""
# Done without a sandbox, refused inside of it.
ATTACKS = {
    "read": "open(secret).read()",
    "list": "os.listdir(outside)",
    "see that it is there": "os.stat(secret)",
    "write": "open(secret, 'w').write('x')",
    "truncate": "os.truncate(secret, 0)",
    "create": "open(outside + '/new', 'w')",
    "delete": "os.unlink(secret)",
    "move out": "open('mine', 'w').close(); os.rename('mine', outside + '/mine')",
    "move in": "os.rename(secret, work + '/mine')",
    "change the mode": "os.chmod(secret, 0o777)",
    "change the times": "os.utime(secret)",
    "change the flags": "open('mine', 'w').close(); os.chflags('mine', 0x8000)",
    "set the user id": "open('mine', 'w').close(); os.chmod('mine', 0o4755)",
    "read by a link": "os.symlink(secret, 'link'); open('link').read()",
    "write by a link": "os.symlink(outside, 'link'); open('link/new', 'w')",
    "link a secret": "os.link(secret, work + '/linked')",
    "link a skill's file": "os.link(skill + '/SKILL.md', work + '/linked')",
    "change a skill": "open(skill + '/SKILL.md', 'a').write('x')",
    "add to a skill": "open(skill + '/new', 'w')",
    "rename a skill": "os.rename(skill, work + '/renamed')",
    "rename what holds a skill": "os.rename(os.path.dirname(skill), work + '/renamed')",
    "swap a skill": "os.mkdir('other'); swapped(work + '/other', skill)",
    "swap what holds a skill": "os.mkdir('other'); swapped(work + '/other', os.path.dirname(skill))",
    "remove a skill": "os.unlink(skill + '/SKILL.md')",
    "change a hook": "open(work + '/.git/hooks/pre-commit', 'w')",
    "change a hook, spelled otherwise": "open(work + '/.GIT/HOOKS/pre-commit', 'w')",
    "rename what holds hooks": "os.rename(work + '/.git', work + '/renamed')",
    "rename the workspace": "os.rename(work, os.environ['TMPDIR'] + '/renamed')",
    "connect": "socket.create_connection(('127.0.0.1', int(port)), 5)",
    "send a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', int(port)))",
    "listen": "socket.create_server(('127.0.0.1', 0))",
    "use a UNIX socket": "socket.socket(socket.AF_UNIX).connect(door)",
    "signal the host": "os.kill(int(host), 0)",
    "open a terminal": "os.openpty()",
    "share memory": "from multiprocessing.shared_memory import SharedMemory as S; S(create=True, size=9).unlink()",
}
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon", "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.exists("daemon") or not open("daemon").read(): time.sleep(0.01)
"""


@dataclass(frozen=True)
class Place:
    """Directories of one test: what is shown, and what is not."""

    work: Path
    outside: Path
    skill: Path

    def fill(self) -> None:
        """Make everything anew that attacks reach for."""
        for folder in (self.outside, self.skill, self.work / ".git/hooks"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.outside / "secret").write_text("secret\n")
        (self.skill / "SKILL.md").write_text("manual\n")
        (self.work / ".git/config").touch()

    def mounts(self) -> tuple[Mount, ...]:
        """Return what a job sees."""
        kept = (Mount(self.work / ".git/hooks"), Mount(self.work / ".git/config"), Mount(self.skill))
        return (*Programs().python.needs, Mount(self.work, "write"), *kept)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A workspace with a skill and a repository in it, and a directory that is not shown."""
    root = tmp_path.resolve()
    place = Place(root / "work", root / "outside", root / "work/skills/one")
    place.fill()
    return place


@pytest.fixture
def sandbox() -> Iterator[SeatbeltSandbox]:
    """The sandbox of this platform."""
    sandbox = choose("auto")
    assert isinstance(sandbox, SeatbeltSandbox)
    yield sandbox
    sandbox.close()


def _job(place: Place, script: str, *words: str, **limits: int) -> Job:
    return Job(
        argv=(str(Programs().python.executable), "-c", textwrap.dedent(script), *words),
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=place.work,
        mounts=place.mounts(),
        limits=Limits(**limits),
    )


def _shell(place: Place, script: str, **limits: int) -> Job:
    return replace(_job(place, "", **limits), argv=("/bin/bash", "-c", script))


def _without(job: Job) -> subprocess.CompletedProcess[bytes]:
    """Run a job's program without a sandbox."""
    env = {**job.env, "TMPDIR": str(job.cwd.parent), "HOME": str(job.cwd.parent)}
    return subprocess.run(job.argv, cwd=job.cwd, env=env, capture_output=True, check=False, timeout=60)


def _lives(pid: int) -> bool:
    return pid in {process.pid for process in Libproc().processes()}


def _contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_is_live_without_a_sandbox(sandbox: SeatbeltSandbox, place: Place, name: str) -> None:
    """And the host finds what was to be protected as it was."""
    door = f"/tmp/openskills-{os.getpid()}.sock"
    Path(door).unlink(missing_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(door)
        unix.listen()
        port = str(listener.getsockname()[1])
        words = (str(place.work), str(place.outside), str(place.skill), port, door, str(os.getpid()))
        job = _job(place, BEGIN + f"    {ATTACKS[name]}" + END, *words)
        before = [_contents(folder) for folder in (place.outside, place.skill, place.work / ".git")]
        ended = sandbox.run(job)
        assert (ended.stdout, ended.status) == (b"refused\n", "success"), ended.stderr
        assert [_contents(folder) for folder in (place.outside, place.skill, place.work / ".git")] == before
        for left in ("mine", "link", "other"):
            subprocess.run(["/bin/rm", "-rf", place.work / left], check=True)
        assert _without(job).stdout == b"done\n"
    Path(door).unlink()


@pytest.mark.parametrize(
    "command",
    [
        "/usr/bin/sandbox-exec -p '(version 1)(allow default)' /usr/bin/true",
        "/usr/bin/open -g -a TextEdit",
        "/usr/bin/osascript -e 'tell application \"Finder\" to get name'",
        "/bin/launchctl submit -l org.openskills.test -- /usr/bin/true",
        "/usr/bin/security create-keychain -p password ./made.keychain",
        'echo x | /usr/bin/pbcopy && [ "$(/usr/bin/pbpaste)" = x ]',
        "/usr/bin/sudo -n true",
        "/bin/ps -A",
        "/sbin/mount -t devfs devfs ./mine",
        "/usr/bin/dscl . -read /Users/root",
        "exec 3<>/dev/rdisk0",
        "exec 3<>/dev/tty",
    ],
)
def test_ways_to_have_something_done_outside_are_closed(sandbox: SeatbeltSandbox, place: Place, command: str) -> None:
    """Each asks a service, a program of another user or a device; not all of them work for everybody elsewhere."""
    ended = sandbox.run(_shell(place, f"mkdir -p mine; {command} && echo done", timeout_ms=20_000))
    assert b"done" not in ended.stdout
    assert ended.status in ("failed", "killed")


def test_what_other_programs_were_started_with_cannot_be_read(sandbox: SeatbeltSandbox, place: Place) -> None:
    """Neither arguments nor environment, where keys are often kept."""
    script = """
        import ctypes, sys
        libc, size = ctypes.CDLL(None), ctypes.c_size_t(1 << 20)
        raw, mib = ctypes.create_string_buffer(1 << 20), (ctypes.c_int * 3)(1, 49, int(sys.argv[1]))
        libc.sysctl(mib, 3, raw, ctypes.byref(size), None, ctypes.c_size_t(0))
        print("seen" if b"the-canary" in raw.raw else "hidden")
    """
    victim = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(victim, env={**os.environ, "SECRET": "the-canary"}) as popen:
        try:
            time.sleep(0.5)
            job = _job(place, script, str(popen.pid))
            assert _without(job).stdout == b"seen\n"
            assert sandbox.run(job).stdout == b"hidden\n"
        finally:
            popen.kill()


@pytest.mark.parametrize("way", ["its end", "timeout", "cancel"])
def test_nothing_outlives_a_call(sandbox: SeatbeltSandbox, place: Place, way: str) -> None:
    """Not a daemon that has left its parent, group and session."""
    cancel = threading.Event()
    rest = "" if way == "its end" else "\nprint('up', flush=True)\ntime.sleep(60)"

    def told(_stream: str, _text: str) -> None:
        if way == "cancel":
            cancel.set()

    job = _job(place, DAEMON + rest, timeout_ms=5_000 if way == "timeout" else 30_000)
    ended = sandbox.run(job, cancel=cancel, on_output=told)
    assert ended.status == {"its end": "success", "timeout": "timeout", "cancel": "cancelled"}[way]
    assert "processes-left" not in ended.sandbox.degraded
    assert not _lives(int((place.work / "daemon").read_text()))


def test_nothing_outlives_the_host(place: Place) -> None:
    """Its supervisor sees that it was killed."""
    host = textwrap.dedent(f"""
        from pathlib import Path
        from openskills_core import Limits
        from openskills_core.models import Job, Mount
        from openskills_core.programs import Programs
        from openskills_core.sandbox import choose
        work = Path({str(place.work)!r})
        python = Programs().python
        argv = (str(python.executable), "-c", {(DAEMON + "time.sleep(60)")!r})
        choose("seatbelt").run(Job(argv, {{}}, work, (*python.needs, Mount(work, "write")), Limits()))
    """)
    daemon = place.work / "daemon"
    with subprocess.Popen([sys.executable, "-c", host]) as popen:
        _wait_for(lambda: daemon.exists() and daemon.read_text() != "")
        popen.kill()
    _wait_for(lambda: not _lives(int(daemon.read_text())))


@pytest.mark.parametrize(
    ("script", "limits", "reason"),
    [
        ("held = bytearray(b'x') * (400 << 20); import time; time.sleep(60)", {"memory_mb": 128}, "limit:memory"),
        ("while True: pass", {"cpu_ms": 500}, "limit:cpu"),
        ("open('x', 'wb').write(bytes(3 << 20)); import time; time.sleep(60)", {"workspace_mb": 1}, "limit:workspace"),
    ],
)
def test_a_reached_limit_is_named(
    sandbox: SeatbeltSandbox, place: Place, script: str, limits: dict[str, int], reason: str
) -> None:
    """And nothing of the run is left."""
    ended = sandbox.run(_job(place, script, **limits))
    assert (ended.status, ended.reason) == ("killed", reason)


def test_a_fork_bomb_stays_small(sandbox: SeatbeltSandbox, place: Place) -> None:
    """It meets the system's bound or the watch's, and is gone afterwards."""
    script = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(1)"
    ended = sandbox.run(_job(place, script, processes=20, timeout_ms=5_000))
    assert ended.status in ("killed", "timeout")
    assert "processes-left" not in ended.sandbox.degraded


def test_files_and_descriptors_are_limited(sandbox: SeatbeltSandbox, place: Place) -> None:
    """By the system, with an error that a script can handle."""
    script = """
        try: open("big", "wb").write(bytes(2 << 20))
        except OSError as error: print(error.errno)
        try: held = [open("/dev/null") for _ in range(100)]
        except OSError as error: print(error.errno)
    """
    assert sandbox.run(_job(place, script, file_mb=1, open_files=40)).stdout == b"27\n24\n"


def test_ordinary_programs_run(sandbox: SeatbeltSandbox, place: Place) -> None:
    """The standard library with its libraries, processes, locks, temporary files; a shell, its tools, own programs."""
    script = """
        import asyncio, ctypes, hashlib, json, lzma, multiprocessing, os, pwd, sqlite3, ssl, subprocess, sys, tempfile
        import threading, time, zoneinfo
        if __name__ == "__main__":
            with tempfile.TemporaryFile() as file: file.write(b"x")
            assert os.path.expanduser("~") == os.environ["HOME"] and pwd.getpwuid(os.getuid())
            lock = multiprocessing.Lock()
            with lock: pass
            with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(abs, [-1]) == [1]
            assert subprocess.run(["/bin/sh", "-c", "echo x | tr x y"], capture_output=True).stdout == b"y\\n"
            asyncio.run(asyncio.sleep(0))
            assert zoneinfo.ZoneInfo("Europe/Berlin") and time.localtime()
            print(open(sys.argv[1]).read(), end="")
    """
    ended = sandbox.run(_job(place, script, str(place.skill / "SKILL.md")))
    assert (ended.stdout, ended.status) == (b"manual\n", "success"), ended.stderr
    script = """
        printf '#!/bin/sh\\necho own\\n' > tool && chmod +x tool && ./tool
        ls -la /usr > /dev/null && awk 'BEGIN { print 6 * 7 }' | sort
    """
    ended = sandbox.run(_shell(place, script))
    assert (ended.stdout, ended.status) == (b"own\n42\n", "success"), ended.stderr


@pytest.mark.parametrize(
    "name", ["a b", 'quo"te', "back\\slash", "new\nline", "\u00e9\u4e2d", ') (allow default) ("', "a=b"]
)
def test_a_workspace_of_any_name_is_confined_like_another(sandbox: SeatbeltSandbox, tmp_path: Path, name: str) -> None:
    """A path is a value: it can be written to, and widens nothing."""
    place = Place(tmp_path.resolve() / name, tmp_path.resolve() / "outside", tmp_path.resolve() / name / "skills/one")
    place.fill()
    script = f"echo in > made; cat made; cat '{place.outside}/secret'"
    ended = sandbox.run(_shell(place, script))
    assert (ended.stdout, ended.status) == (b"in\n", "failed")
    assert (place.work / "made").read_text() == "in\n"


def test_two_runs_do_not_reach_each_other(sandbox: SeatbeltSandbox, place: Place, tmp_path: Path) -> None:
    """Neither signals nor private files; and only one's own processes carry its mark."""
    other = Place(tmp_path.resolve() / "other", place.outside, tmp_path.resolve() / "other/skills/one")
    other.fill()
    ends: list[Ended] = []
    victim = _job(other, "import os, time; print(os.getpid(), os.environ['TMPDIR'], flush=True); time.sleep(4)")
    said: list[str] = []
    thread = threading.Thread(
        target=lambda: ends.append(sandbox.run(victim, on_output=lambda _stream, text: said.append(text)))
    )
    thread.start()
    _wait_for(lambda: bool(said))
    pid, folder = said[0].split()
    ended = sandbox.run(_shell(place, f"kill -9 {pid} || ls {folder} || ls {other.work} || echo refused"))
    thread.join()
    assert ended.stdout == b"refused\n"
    assert ends[0].status == "success"


@pytest.mark.parametrize(("mode", "expected"), [("read", "read refused"), ("empty", "refused refused")])
def test_a_narrowed_workspace(sandbox: SeatbeltSandbox, place: Place, mode: str, expected: str) -> None:
    """It may be read only, or not at all; the skill in it can still be read."""
    (place.work / "file").write_text("x")
    job = _shell(
        place, f"cat file >/dev/null && echo read || echo refused; echo x > new || echo refused; cat {place.skill}/*"
    )
    mount = Mount(place.work, "read" if mode == "read" else "empty")
    ended = sandbox.run(replace(job, mounts=(*Programs().python.needs, mount, Mount(place.skill))))
    assert ended.stdout.decode().split() == [*expected.split(), "manual"]


def test_a_covered_file_cannot_be_opened(sandbox: SeatbeltSandbox, place: Place) -> None:
    """Nor replaced, though it lies in the workspace."""
    secret = place.work / ".env"
    secret.write_text("KEY=1")
    job = _shell(place, "cat .env .ENV; echo x > .env; mv .env other; rm .env; touch free && echo well")
    job = replace(job, mounts=(*job.mounts, Mount(secret, source=place.skill / "SKILL.md")))
    assert sandbox.run(job).stdout == b"well\n"
    assert secret.read_text() == "KEY=1"


def test_the_report_is_measured(sandbox: SeatbeltSandbox) -> None:
    """Every mechanism is seen to hold on a machine where these tests run."""
    report = sandbox.probe()
    assert [mechanism for mechanism in report.mechanisms if not mechanism.holds] == []
    assert (report.available, report.tier, report.fix) == (True, "seatbelt", "")


def test_a_skills_script_runs_from_end_to_end(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Through the runtime, which chooses this sandbox by itself."""
    make_skill("hello", run_py="import json; open('made', 'w').write('x'); print(json.dumps({'ok': True}))")
    result = make_runtime().execute_skill("hello", "scripts/run.py")
    assert (result.status, result.output, result.sandbox.tier) == ("success", {"ok": True}, "seatbelt"), result.stderr
    assert [artifact.path for artifact in result.artifacts] == ["made"]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
