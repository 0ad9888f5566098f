"""The system-call filters of the full and of the reduced tier, compiled to classic BPF.

The table `syscalls.txt` says what happens to each call, `syscalls_reduced.txt` where the reduced tier differs; this
file turns them into a program. Sources: seccomp(2), linux/filter.h, linux/seccomp.h. Arguments are compared by their
low 32 bits only, because the kernel looks at no more of an int and a high word would be a way past the comparison
(CVE-2019-10063).
"""

from __future__ import annotations

import errno
import functools
import platform
import struct
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal

from openskills_core.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

Profile = Literal["full", "reduced", "reduced-no-truncate"]
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_REFUSE: Final = _ERRNO | errno.EPERM
_ABSENT: Final = _ERRNO | errno.ENOSYS
_PRETEND: Final = _ERRNO
_UNSUPPORTED: Final = _ERRNO | errno.EOPNOTSUPP
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
_ACCESS_AND_TRUNCATE = 0o1003  # O_ACCMODE, O_TRUNC
# Cutting off a file while reading it, which the first versions let pass; and the access mode 3, which is neither
# reading nor writing, so that any file and any device may be opened in order to control it.
_UNSEEN_BY_LANDLOCK = (0o1000, 0o3, 0o1003)
_SOCKET_TYPE_MASK, _SOCK_STREAM, _SOCK_SEQPACKET = 0xF, 1, 5
_PRIO_PROCESS, _PRIO_PGRP = 0, 1
_SAME_FOR_ALL: Final = {"enosys": _ABSENT, "pretend": _PRETEND, "unsupported": _UNSUPPORTED}
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
def filter_program(machine: str | None = None, profile: Profile = "full") -> bytes:
    """Return the BPF program of a tier for `machine` (default: this one), 8 bytes an instruction.

    "reduced-no-truncate" is for kernels whose Landlock does not know truncate(2).

    Raises:
        SandboxUnavailableError: for a machine the table has no column for.
    """
    name = machine or platform.machine()
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise SandboxUnavailableError(f"no system-call filter for {name!r}; it exists for: {known}", culprit=name)
    return b"".join(_program(ARCHITECTURES[name], _rules(ARCHITECTURES[name], profile)))


def _program(arch: Architecture, rules: list[tuple[int, str, str]]) -> Iterable[bytes]:
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


def _rules(arch: Architecture, profile: Profile = "full") -> list[tuple[int, str, str]]:
    """Return (number, rule, name) for every call of the table that this machine has."""
    other = _differences(profile)
    return [(int(row[arch.column]), other.get(row[0], row[1]), row[0]) for row in _table() if row[arch.column] != "-"]


def _differences(profile: Profile) -> dict[str, str]:
    """Return the rules, by name, in which a profile differs from the full tier's."""
    if profile == "full":
        return {}
    rules = {row[0]: row[1] for row in _table("syscalls_reduced.txt")}
    return rules if profile == "reduced" else {**rules, "truncate": "deny"}


@functools.cache
def _table(file: str = "syscalls.txt") -> tuple[tuple[str, ...], ...]:
    text = resources.files(__package__).joinpath(file).read_text(encoding="ascii")
    return tuple(tuple(line.split()) for line in text.splitlines() if line and not line.startswith("#"))


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
    if rule in _SAME_FOR_ALL:
        return [_instruction(_RETURN, _SAME_FOR_ALL[rule])]
    if rule == "family":
        families = (_AF_UNIX,) if name == "socketpair" else (_AF_UNIX, _AF_INET, _AF_INET6)
        return [_argument(0), *_listed(families, listed=_ALLOW, other=_REFUSE)]
    return _TESTS[rule]() if rule in _TESTS else _by_mode(rule, _MODE_AT[name])


def _no_namespaces() -> list[bytes]:
    refuse, allow = _instruction(_RETURN, _REFUSE), _instruction(_RETURN, _ALLOW)
    return [_argument(0), _instruction(_JUMP_ANY_BIT, _NAMESPACE_FLAGS, if_false=1), refuse, allow]


def _no_terminal_commands() -> list[bytes]:
    return [_argument(1), *_listed(_TERMINAL_COMMANDS, listed=_REFUSE, other=_ALLOW)]


def _plain_personalities() -> list[bytes]:
    return [_argument(0), *_listed(_PERSONALITIES, listed=_ALLOW, other=_REFUSE)]


def _own_process() -> list[bytes]:
    return [_argument(0), *_listed((0,), listed=_ALLOW, other=_REFUSE)]


def _own_priority() -> list[bytes]:
    """Return tests that let a process and its group change their own priority, and nobody else's.

    PRIO_USER with 0 would be every process of the host's user.
    """
    whose = [_argument(0), *_listed((_PRIO_PROCESS, _PRIO_PGRP), listed=_ALLOW, other=_REFUSE)]
    return [_argument(1), _instruction(_JUMP_EQUAL, 0, if_true=1), _instruction(_RETURN, _REFUSE), *whose]


def _connected_pair() -> list[bytes]:
    """Return tests that allow pairs of UNIX sockets that stay connected to each other.

    One end of a datagram pair can send to any socket file or name of the host by sendto(2).
    """
    is_unix = [_argument(0), _instruction(_JUMP_EQUAL, _AF_UNIX, if_true=1), _instruction(_RETURN, _REFUSE)]
    kind = [_argument(1), _instruction(_AND, _SOCKET_TYPE_MASK)]
    return [*is_unix, *kind, *_listed((_SOCK_STREAM, _SOCK_SEQPACKET), listed=_ALLOW, other=_REFUSE)]


_TESTS: Final = {
    "flags": _no_namespaces,
    "command": _no_terminal_commands,
    "persona": _plain_personalities,
    "self": _own_process,
    "own": _own_priority,
    "pair": _connected_pair,
}


def _by_mode(rule: str, at: int) -> list[bytes]:
    """Return tests of a file mode, the argument at position `at`.

    A set-user-id program left in the workspace would be one of the host's user, or of root, for everybody outside.
    """
    no_set_id = [_argument(at), _instruction(_JUMP_ANY_BIT, _SET_ID, if_false=1), _instruction(_RETURN, _REFUSE)]
    if rule == "careful":
        how = [_argument(at - 1), _instruction(_AND, _ACCESS_AND_TRUNCATE)]
        return [*how, *_refused(_UNSEEN_BY_LANDLOCK), *_by_mode("create", at)]
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


def _refused(values: tuple[int, ...]) -> list[bytes]:
    """Return tests that refuse any of `values` and go on with the rest."""
    *first, last = values
    tests = [_instruction(_JUMP_EQUAL, value, if_true=len(first) - at) for at, value in enumerate(first)]
    return [*tests, _instruction(_JUMP_EQUAL, last, if_false=1), _instruction(_RETURN, _REFUSE)]
