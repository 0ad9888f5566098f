"""The system-call filter of the full tier, compiled to classic BPF.

The table `syscalls.txt` says what happens to each call; this file turns it into a program. Sources: seccomp(2),
linux/filter.h, linux/seccomp.h. Arguments are compared by their low 32 bits only, because the kernel looks at no more
of an int and a high word would be a way past the comparison (CVE-2019-10063).
"""

from __future__ import annotations

import errno
import functools
import platform
import struct
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from openskills_core.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_REFUSE: Final = _ERRNO | errno.EPERM
_ABSENT: Final = _ERRNO | errno.ENOSYS
_NUMBER_OFFSET, _ARCH_OFFSET, _FIRST_ARGUMENT_OFFSET = 0, 4, 16
_X32_BIT = 0x4000_0000

# CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: a namespace of one's own is the first step of most kernel exploits.
_NAMESPACE_FLAGS = 0x7E02_0000
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
# TIOCSTI and TIOCLINUX type into a terminal, TIOCSETD loads line disciplines.
_TERMINAL_COMMANDS = (0x5412, 0x541C, 0x5423)
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFF_FFFF)
_SET_ID = 0o6000
_MAKES_A_FILE = 0x40_0000 | 0x40  # __O_TMPFILE, O_CREAT
_MODE_AT = {
    "chmod": 1,
    "fchmod": 1,
    "fchmodat": 2,
    "fchmodat2": 2,
    "creat": 1,
    "mknod": 1,
    "mknodat": 2,
    "open": 2,
    "openat": 3,
}
_FILE_TYPE_MASK, _FIFO, _REGULAR, _SOCKET = 0xF000, 0x1000, 0x8000, 0xC000


@dataclass(frozen=True, slots=True)
class Architecture:
    """One machine: its audit number and the column of its numbers in the table."""

    name: str
    audit: int
    column: int


ARCHITECTURES: Final = {
    "x86_64": Architecture("x86_64", 0xC000_003E, 2),
    "aarch64": Architecture("aarch64", 0xC000_00B7, 3),
}


@functools.cache
def filter_program(machine: str | None = None) -> bytes:
    """Return the BPF program for `machine` (default: this one), 8 bytes an instruction.

    Raises:
        SandboxUnavailableError: for a machine the table has no column for.
    """
    name = machine or platform.machine()
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise SandboxUnavailableError(f"no system-call filter for {name!r}; it exists for: {known}", culprit=name)
    return b"".join(_program(ARCHITECTURES[name]))


def _program(arch: Architecture) -> Iterable[bytes]:
    rules = _rules(arch)
    yield _instruction(_LOAD, _ARCH_OFFSET)
    yield _instruction(_JUMP_EQUAL, arch.audit, if_true=1)
    yield _instruction(_RETURN, _KILL_PROCESS)
    yield _instruction(_LOAD, _NUMBER_OFFSET)
    if arch.name == "x86_64":
        yield _instruction(_JUMP_AT_LEAST, _X32_BIT, if_false=1)
        yield _instruction(_RETURN, _KILL_PROCESS)
    for number, rule, name in sorted(rules):
        if rule not in ("allow", "deny"):
            yield from _only_for(number, _by_argument(rule, name))
    yield from _ranges((number for number, rule, _ in rules if rule == "allow"), _ALLOW)
    yield from _ranges((number for number, rule, _ in rules if rule == "deny"), _REFUSE)
    yield _instruction(_RETURN, _ABSENT)


@functools.cache
def _table() -> tuple[tuple[str, ...], ...]:
    text = resources.files(__package__).joinpath("syscalls.txt").read_text(encoding="ascii")
    return tuple(tuple(line.split()) for line in text.splitlines() if line and not line.startswith("#"))


def _rules(arch: Architecture) -> list[tuple[int, str, str]]:
    """Return (number, rule, name) for every call of the table that this machine has."""
    return [(int(row[arch.column]), row[1], row[0]) for row in _table() if row[arch.column] != "-"]


def _instruction(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _only_for(number: int, block: list[bytes]) -> Iterable[bytes]:
    yield _instruction(_JUMP_EQUAL, number, if_false=len(block))
    yield from block


def _ranges(numbers: Iterable[int], action: int) -> Iterable[bytes]:
    """Yield tests for runs of neighbouring numbers, far fewer than one test a number."""
    for low, high in _runs(sorted(numbers)):
        if low == high:
            yield _instruction(_JUMP_EQUAL, low, if_false=1)
        else:
            yield _instruction(_JUMP_AT_LEAST, low, if_false=2)
            yield _instruction(_JUMP_AT_LEAST, high + 1, if_true=1)
        yield _instruction(_RETURN, action)


def _runs(numbers: list[int]) -> Iterable[tuple[int, int]]:
    start = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            yield start, previous
            start = number
        previous = number
    yield start, previous


def _by_argument(rule: str, name: str) -> list[bytes]:
    if rule == "enosys":
        return [_instruction(_RETURN, _ABSENT)]
    if rule == "flags":
        return [
            _argument(0),
            _instruction(_JUMP_ANY_BIT, _NAMESPACE_FLAGS, if_false=1),
            _instruction(_RETURN, _REFUSE),
            _instruction(_RETURN, _ALLOW),
        ]
    if rule == "command":
        return [_argument(1), *_listed(_TERMINAL_COMMANDS, listed=_REFUSE, other=_ALLOW)]
    if rule == "persona":
        return [_argument(0), *_listed(_PERSONALITIES, listed=_ALLOW, other=_REFUSE)]
    if rule == "family":
        families = (_AF_UNIX,) if name == "socketpair" else (_AF_UNIX, _AF_INET, _AF_INET6)
        return [_argument(0), *_listed(families, listed=_ALLOW, other=_REFUSE)]
    return _by_mode(rule, _MODE_AT[name])


def _by_mode(rule: str, at: int) -> list[bytes]:
    """Return tests of a file mode, the argument at position `at`.

    A set-user-id program left in the workspace would be one of the host's user, or of root, for everybody outside.
    """
    no_set_id = [_argument(at), _instruction(_JUMP_ANY_BIT, _SET_ID, if_false=1), _instruction(_RETURN, _REFUSE)]
    if rule == "create":
        # The flags stand before the mode, which means nothing unless a file is made.
        is_made = _instruction(_JUMP_ANY_BIT, _MAKES_A_FILE, if_true=1)
        allowed = _instruction(_RETURN, _ALLOW)
        return [_argument(at - 1), is_made, allowed, *no_set_id, allowed]
    if rule == "setid":
        return [*no_set_id, _instruction(_RETURN, _ALLOW)]
    kinds = _listed((0, _FIFO, _REGULAR, _SOCKET), listed=_ALLOW, other=_REFUSE)
    return [*no_set_id, _instruction(_AND, _FILE_TYPE_MASK), *kinds]


def _argument(index: int) -> bytes:
    return _instruction(_LOAD, _FIRST_ARGUMENT_OFFSET + 8 * index)


def _listed(values: tuple[int, ...], *, listed: int, other: int) -> list[bytes]:
    """Return tests that end with `listed` for any of `values` and with `other` for the rest."""
    count = len(values)
    tests = [_instruction(_JUMP_EQUAL, value, if_true=count - position) for position, value in enumerate(values)]
    return [*tests, _instruction(_RETURN, other), _instruction(_RETURN, listed)]
