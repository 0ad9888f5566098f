"""The kernel's own doors: what an escape usually begins with is refused."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.escapes.conftest import Attacker

# name: x86_64 number, aarch64 number, arguments that would work for a privileged caller
CALLS = {
    "unshare user": (272, 97, (0x1000_0000,)),
    "unshare mount": (272, 97, (0x0002_0000,)),
    "setns": (308, 268, (0, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "fsopen": (430, 430, (0, 0)),
    "open_tree": (428, 428, (-100, 0, 0)),
    "pivot_root": (155, 41, (0, 0)),
    "chroot": (161, 51, (0,)),
    "keyctl": (250, 219, (0, -3, 0)),
    "add_key": (248, 217, (0, 0, 0, 0, 0)),
    "bpf": (321, 280, (0, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "userfaultfd": (323, 282, (0,)),
    "io_uring_setup": (425, 425, (1, 0)),
    "ptrace": (101, 117, (0, 0, 0, 0)),
    "process_vm_readv": (310, 270, (1, 0, 0, 0, 0, 0)),
    "pidfd_getfd": (438, 438, (0, 0, 0)),
    "kcmp": (312, 272, (1, 1, 0, 0, 0)),
    "open_by_handle_at": (304, 265, (-100, 0, 0)),
    "init_module": (175, 105, (0, 0, 0)),
    "kexec_load": (246, 104, (0, 0, 0, 0)),
    "reboot": (169, 142, (0, 0, 0, 0)),
    "swapon": (167, 224, (0, 0)),
    "quotactl": (179, 60, (0, 0, 0, 0)),
    "settimeofday": (164, 170, (0, 0)),
}
DIAL = """
    import ctypes, errno, sys
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(*[ctypes.c_long(int(word)) for word in sys.argv[1:]])
    print("passed" if result >= 0 else errno.errorcode[ctypes.get_errno()])
"""


@pytest.mark.parametrize("name", CALLS)
def test_a_dangerous_system_call_is_refused_by_the_filter(attacker: Attacker, name: str) -> None:
    """The answer is EPERM at once, not a complaint about the arguments from deeper in the kernel."""
    x86_64, aarch64, arguments = CALLS[name]
    number = {"x86_64": x86_64, "aarch64": aarch64}[platform.machine()]
    assert attacker.strike(DIAL, number, *arguments).stdout.strip() == "EPERM"


@pytest.mark.parametrize("name", ["unshare user", "userfaultfd", "io_uring_setup", "bpf"])
def test_the_same_calls_reach_the_kernel_without_the_filter(attacker: Attacker, name: str) -> None:
    """Positive control: outside they pass, or fail for their made-up arguments."""
    x86_64, aarch64, arguments = CALLS[name]
    number = {"x86_64": x86_64, "aarch64": aarch64}[platform.machine()]
    outside = attacker.control(DIAL, number, *arguments).stdout.strip()
    assert outside != "EPERM" or (os.geteuid() != 0 and name != "unshare user")


def test_no_capability_and_no_way_to_gain_one(attacker: Attacker) -> None:
    """All capability sets are empty, setuid programs have no effect, and the user is not root."""
    script = """
        import os
        fields = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
        print(*(int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")))
        print(fields["NoNewPrivs"].strip(), fields["Seccomp"].strip())
        print(0 in os.getresuid() or 0 in os.getresgid() or 0 in os.getgroups())
        for uid in (0, 1):
            try:
                os.setuid(uid)
                print("became", uid)
            except OSError:
                pass
    """
    assert attacker.strike(script).stdout.splitlines() == ["0 0 0 0 0", "1 2", "False"]


def test_the_first_process_can_do_no_more_than_the_script(attacker: Attacker) -> None:
    """Taking over bubblewrap's own process inside gains nothing: no capability, no privilege, the same filter."""
    script = """
        fields = dict(line.split(":", 1) for line in open("/proc/1/status").read().splitlines())
        print(*(fields[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")))
        print(open("/proc/1/status").read().count("Uid:\\t0"))
    """
    none = "0000000000000000"
    assert attacker.strike(script).stdout.splitlines() == [f"{none} {none} {none} 1 2", "0"]


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
    """The filter and the limits leave threads, subprocesses, pools, pipes, sqlite and TLS contexts working."""
    script = """
        import asyncio, concurrent.futures, multiprocessing, sqlite3, ssl, subprocess, tempfile, threading

        def double(x):
            return 2 * x

        async def echo():
            process = await asyncio.create_subprocess_exec("echo", "hi", stdout=subprocess.PIPE)
            return (await process.communicate())[0]

        if __name__ == "__main__":
            threading.Thread(target=print, args=("thread",)).start()
            print(subprocess.run("ls / | wc -l", shell=True, capture_output=True, text=True).returncode)
            for method in ("fork", "spawn", "forkserver"):
                with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
                    print(list(pool.map(double, [1, 2])))
            print(asyncio.run(echo()))
            print(sqlite3.connect("x.db").execute("select 1").fetchone())
            print(len(ssl.create_default_context().get_ca_certs()) >= 0)
            with tempfile.NamedTemporaryFile() as file:
                print(file.name.startswith("/tmp/"))
    """
    result = attacker.strike(script)
    assert (result.status, result.stderr) == ("success", "")
    expected = ["thread", "0", *["[2, 4]"] * 3, "b'hi\\n'", "(1,)", "True", "True"]
    assert sorted(result.stdout.splitlines()) == sorted(expected)
