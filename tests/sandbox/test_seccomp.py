"""The compiled filter does what the table says, for every number and every argument rule, on both machines."""

from __future__ import annotations

import errno
import struct

import pytest

from openskills_core import SandboxUnavailableError
from openskills_core.sandbox.linux import seccomp
from tests.sandbox import bpf

ALLOW, KILL = 0x7FFF_0000, 0x8000_0000
EPERM, ENOSYS = 0x0005_0000 | errno.EPERM, 0x0005_0000 | errno.ENOSYS
MACHINES = ("x86_64", "aarch64")


def _call(machine: str, name: str, *arguments: int) -> int:
    arch = seccomp.ARCHITECTURES[machine]
    numbers = {rule_name: number for number, _, rule_name in seccomp._rules(arch)}
    return bpf.run(seccomp.filter_program(machine), arch.audit, numbers[name], *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_gets_what_the_table_says(machine: str) -> None:
    """Listed calls are allowed or refused, every other number up to 600 is answered with ENOSYS."""
    arch = seccomp.ARCHITECTURES[machine]
    program = seccomp.filter_program(machine)
    expected = {"allow": ALLOW, "deny": EPERM, "enosys": ENOSYS}
    rules = {number: rule for number, rule, _ in seccomp._rules(arch)}
    for number in range(600):
        if rules.get(number) in (None, *expected):
            assert bpf.run(program, arch.audit, number) == expected.get(rules.get(number, ""), ENOSYS), number


@pytest.mark.parametrize("machine", MACHINES)
def test_another_machines_calls_kill(machine: str) -> None:
    """Calls of a foreign ABI, by which numbers change their meaning, end the process."""
    program = seccomp.filter_program(machine)
    for other in (0x4000_0003, 0x4000_0028, 0):
        assert bpf.run(program, other, 1) == KILL


def test_x32_numbers_kill() -> None:
    """The x32 twin of every call, which shares the x86_64 audit number, ends the process."""
    program = seccomp.filter_program("x86_64")
    for number in (0, 41, 59, 0x3FFF_FFFF):
        assert bpf.run(program, seccomp.ARCHITECTURES["x86_64"].audit, number | 0x4000_0000) == KILL


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x0100_0011,), ALLOW),
        ("clone", (0x003D_0F00,), ALLOW),
        ("clone", (0x1000_0011,), EPERM),
        ("clone", (0x0002_0000,), EPERM),
        ("clone", (0x4000_0000,), EPERM),
        ("clone3", (), ENOSYS),
        ("memfd_create", (), ENOSYS),
        ("shmget", (), ENOSYS),
        ("socket", (1, 1), ALLOW),
        ("socket", (2, 1), ALLOW),
        ("socket", (10, 2), ALLOW),
        ("socket", (16, 3), EPERM),
        ("socket", (17, 3), EPERM),
        ("socket", (40, 1), EPERM),
        ("socketpair", (1, 1), ALLOW),
        ("socketpair", (2, 1), EPERM),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), EPERM),
        ("ioctl", (0, 0x541C), EPERM),
        ("ioctl", (0, 0x5412 | 1 << 32), EPERM),
        ("personality", (0xFFFF_FFFF,), ALLOW),
        ("personality", (0x0040000,), EPERM),
        ("mknodat", (0, 0, 0o010644), ALLOW),
        ("mknodat", (0, 0, 0o140644), ALLOW),
        ("mknodat", (0, 0, 0o020644), EPERM),
        ("mknodat", (0, 0, 0o060644), EPERM),
        ("mknodat", (0, 0, 0o104755), EPERM),
        ("fchmod", (0, 0o755), ALLOW),
        ("fchmod", (0, 0o4755), EPERM),
        ("fchmodat", (0, 0, 0o2755), EPERM),
        ("fchmodat2", (0, 0, 0o1777), ALLOW),
        ("fchmodat2", (0, 0, 0o6755), EPERM),
        ("openat", (0, 0, 0o101, 0o644), ALLOW),
        ("openat", (0, 0, 0o101, 0o4755), EPERM),
        ("openat", (0, 0, 0o20200002, 0o2755), EPERM),
        ("openat", (0, 0, 0o2, 0o4755), ALLOW),
        ("openat2", (), ENOSYS),
    ],
)
def test_arguments_decide_where_the_number_does_not(
    machine: str, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    """Namespaces, odd socket families, terminal injection, personalities and device nodes are refused."""
    assert _call(machine, name, *arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_no_jump_leaves_the_program(machine: str) -> None:
    """Every path ends in a return: the kernel would refuse the program otherwise."""
    instructions = list(struct.iter_unpack("=HBBI", seccomp.filter_program(machine)))
    assert instructions[-1][0] == 0x06
    for position, (code, if_true, if_false, _) in enumerate(instructions):
        if code not in (0x06, 0x20, 0x54):
            assert position + 1 + max(if_true, if_false) < len(instructions)


def test_an_unknown_machine_is_refused() -> None:
    """No filter means no sandbox."""
    with pytest.raises(SandboxUnavailableError, match="riscv64"):
        seccomp.filter_program("riscv64")
