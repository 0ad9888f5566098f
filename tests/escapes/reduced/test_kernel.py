"""The reduced tier and the kernel's own doors: what an escape usually begins with is refused."""

from __future__ import annotations

import ctypes
import json
import platform
from typing import TYPE_CHECKING

import pytest

from tests.escapes.test_kernel import CALLS

if TYPE_CHECKING:
    from tests.escapes.conftest import Attacker

# Objects that every process of the machine can use, and calls that reach into other processes. As in CALLS.
SHARED = {
    "shmget": (29, 194, (0, 4096, 0o1600)),
    "semget": (64, 190, (0, 1, 0o1600)),
    "msgget": (68, 186, (0, 0o1600)),
    "mq_open": (240, 180, (0, 0o100, 0o600, 0)),
    "process_vm_writev": (311, 271, (1, 0, 0, 0, 0, 0)),
    "name_to_handle_at": (303, 264, (-100, 0, 0, 0, 0)),
}
DIAL_ALL = """
    import ctypes, errno, json, sys
    libc = ctypes.CDLL(None, use_errno=True)
    answers = {}
    for name, words in json.loads(sys.argv[1]).items():
        result = libc.syscall(*map(ctypes.c_long, words))
        answers[name] = "passed" if result >= 0 else errno.errorcode[ctypes.get_errno()]
    print(json.dumps(answers))
"""


def _words(calls: dict[str, tuple[int, int, tuple[int, ...]]]) -> str:
    column = {"x86_64": 0, "aarch64": 1}[platform.machine()]
    return json.dumps({name: ((x86_64, aarch64)[column], *words) for name, (x86_64, aarch64, words) in calls.items()})


def test_dangerous_system_calls_are_refused_by_the_filter(attacker: Attacker) -> None:
    """The answer is EPERM at once, not a complaint about the arguments from deeper in the kernel."""
    answers = attacker.strike(DIAL_ALL, _words({**CALLS, **SHARED})).output
    assert {name for name, answer in answers.items() if answer != "EPERM"} == set()
    assert len(answers) == len(CALLS) + len(SHARED)


def test_the_same_calls_reach_the_kernel_without_the_filter(attacker: Attacker) -> None:
    """Positive control: outside they pass, or fail for their made-up arguments."""
    live = ("unshare user", "userfaultfd", "io_uring_setup", "fsopen", "keyctl", "shmget", "semget", "msgget")
    calls = {name: call for name, call in {**CALLS, **SHARED}.items() if name in live}
    answers = attacker.control(DIAL_ALL, _words(calls)).output
    reached = {name for name, answer in answers.items() if answer != "EPERM"}
    assert reached >= {"unshare user", "keyctl", "shmget", "semget", "msgget"}
    libc = ctypes.CDLL(None)
    libc.shmctl(libc.shmget(0, 4096, 0o1600), 0, None)


def test_no_capability_and_no_way_to_gain_one(attacker: Attacker) -> None:
    """No process can use a capability, setuid programs have no effect, and the user is not root."""
    script = """
        import os
        fields = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
        print(*(int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")))
        print(fields["NoNewPrivs"].strip(), fields["Seccomp"].strip())
        print(0 in os.getresuid() or 0 in os.getresgid() or 0 in os.getgroups())
        for uid in (0, 1):
            try:
                os.setuid(uid)
                print("became", uid)
            except OSError:
                pass
    """
    assert attacker.strike(script).stdout.splitlines() == ["0 0 0 0", "1 2", "False"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 exists on x86_64 only")
def test_a_32_bit_system_call_kills_the_process(attacker: Attacker) -> None:
    """Entering the kernel by the old gate, where numbers mean other calls, ends the script."""
    script = """
        import ctypes, mmap
        # mov eax, 20 (getpid); int 0x80; ret
        code = bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3])
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        print("pid", ctypes.CFUNCTYPE(ctypes.c_int)(address)(), flush=True)
    """
    assert attacker.control(script).stdout.startswith("pid")
    result = attacker.strike(script)
    assert (result.status, result.reason) == ("killed", "signal:SIGSYS")


def test_programs_that_skills_use_still_work(attacker: Attacker) -> None:
    """Threads, subprocesses, a pipe to a worker, sqlite, TLS contexts, copying with attributes, and asyncio."""
    script = """
        import asyncio, multiprocessing, os, shutil, sqlite3, ssl, subprocess, tarfile, tempfile, threading

        def double(connection, x):
            connection.send(2 * x)

        async def echo():
            process = await asyncio.create_subprocess_exec("echo", "hi", stdout=subprocess.PIPE)
            return (await process.communicate())[0]

        if __name__ == "__main__":
            threading.Thread(target=print, args=("thread",)).start()
            for method in ("fork", "spawn"):
                context = multiprocessing.get_context(method)
                ours, theirs = context.Pipe()
                worker = context.Process(target=double, args=(theirs, 2))
                worker.start()
                print(ours.recv())
                worker.join()
            print(asyncio.run(echo()))
            print(sqlite3.connect("x.db").execute("create table t (a)").fetchall())
            print(len(ssl.create_default_context().get_ca_certs()) >= 0)
            with tempfile.NamedTemporaryFile() as file:
                shutil.copy2(file.name, "copied")
            os.makedirs("tree/inner")
            shutil.copytree("tree", "other")
            with tarfile.open("made.tar", "w") as tar:
                tar.add("other")
            print(sorted(os.listdir()))
    """
    result = attacker.strike(script)
    assert (result.status, result.stderr) == ("success", "")
    files = "['copied', 'made.tar', 'other', 'tree', 'x.db']"
    assert sorted(result.stdout.splitlines()) == sorted(["thread", "4", "4", "b'hi\\n'", "[]", "True", files])


def test_shell_tools_still_work(attacker: Attacker) -> None:
    """Listing, copying, packing, job control, redirections to /dev, here documents and process substitution."""
    script = """
        set -e
        mkdir a; echo one > a/f; ln -s f a/l; chmod +x a/f; touch a/t
        cp -a a b; mv a/f b/g; tar cf - b | tar tf - | wc -l
        ls -l b | tail -n +2 | wc -l
        cat <(echo two) <<EOF
        three
        EOF
        echo four > /dev/null; echo five > /dev/stdout; echo six > /dev/stderr
        set -m; sleep 0.01 & wait; set +m
        setsid sh -c 'echo seven'; nohup sh -c 'echo eight' 2> /dev/null; timeout 5 echo nine
        find . -name 'f' | sort | xargs -n 1 grep -l one
    """
    result = attacker.strike(script, language="sh")
    assert (result.status, result.stderr) == ("success", "six\n")
    assert result.stdout.split() == ["5", "4", "two", "five", "seven", "eight", "nine", "./b/f"]


def test_limit_locks_shared_between_processes_cannot_be_had(attacker: Attacker) -> None:
    """As the documentation says: named semaphores live in /dev/shm, which is the whole machine's."""
    script = "import multiprocessing\nmultiprocessing.Lock()\n"
    assert "PermissionError" in attacker.strike(script).stderr
