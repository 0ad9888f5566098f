"""Our filter compiler against libseccomp, which shares no code with it: same tables, same rules, same answers."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import platform
import random
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core.sandbox.linux import seccomp
from tests.sandbox import bpf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALLOW, KILL, PRETEND = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
EPERM, ENOSYS, UNSUPPORTED = (PRETEND | number for number in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP))
PLAIN = {"allow": ALLOW, "deny": EPERM, "pretend": PRETEND, "unsupported": UNSUPPORTED}
MACHINES = ("x86_64", "aarch64")
PROFILES: tuple[seccomp.Profile, ...] = ("full", "reduced", "reduced-no-truncate")
MASKED_EQUAL, BAD_ARCH = 7, 2
LOW = 0xFFFF_FFFF
LARGEST_NUMBER = 700


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`: argument `arg` & `mask` == `value`."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("mask", ctypes.c_uint64), ("value", ctypes.c_uint64))


@dataclass(frozen=True)
class Rule:
    """What libseccomp is told: all of `masked`, (argument, mask, value), together give `action`."""

    action: int
    masked: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Expected:
    """The answers of one system call: `other` unless a rule matches."""

    other: int
    rules: tuple[Rule, ...]


@pytest.fixture(scope="module")
def library() -> Any:
    """The machine's libseccomp."""
    name = ctypes.util.find_library("seccomp") or "libseccomp.so.2"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        pytest.skip("libseccomp.so.2 is not installed, so there is nothing to compare with")
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def compiled(library: Any, machine: str, default: int, rules: Sequence[tuple[int, Rule]]) -> bytes:
    """Return the program that libseccomp makes of (number, rule) pairs for one machine."""
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))
    tokens = {name: arch.audit for name, arch in seccomp.ARCHITECTURES.items()}
    if machine != platform.machine():
        assert library.seccomp_arch_add(context, tokens[machine]) == 0
        assert library.seccomp_arch_remove(context, 0) == 0
    assert library.seccomp_attr_set(context, BAD_ARCH, KILL) == 0
    for number, rule in rules:
        tests = (Comparison * len(rule.masked))(*(Comparison(arg, MASKED_EQUAL, m, v) for arg, m, v in rule.masked))
        added = library.seccomp_rule_add_array(context, ctypes.c_uint32(rule.action), number, len(tests), tests)
        assert added == 0, (number, rule)
    with tempfile.TemporaryFile() as file:
        assert library.seccomp_export_bpf(context, file.fileno()) == 0
        file.seek(0)
        program = file.read()
    library.seccomp_release(context)
    return program


def resolved(library: Any, machine: str, name: str) -> int:
    """Return libseccomp's own number of a call, below 0 when it knows none."""
    audit = seccomp.ARCHITECTURES[machine].audit
    return int(library.seccomp_syscall_resolve_name_arch(audit, name.encode()))


def native(library: Any, name: str) -> int:
    """Return the number by which libseccomp wants to be told of a call: this machine's, whatever it compiles for."""
    return int(library.seccomp_syscall_resolve_name(name.encode()))


def listed(at: int, *values: int, mask: int = LOW) -> tuple[Rule, ...]:
    """Return rules that allow these values of one argument."""
    return tuple(Rule(ALLOW, ((at, mask, value),)) for value in values)


MODE_AT = {"mknod": 1, "mknodat": 2, "chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "creat": 1}
FLAGS_AT = {"open": 1, "openat": 2}


def expected(name: str, rule: str) -> Expected:
    """Return the argument rule of a call as the table's words mean it, written down a second time."""
    if rule in ("create", "careful"):
        at = FLAGS_AT[name]
        pairs = [(made, bit) for made in (0x40, 0x40_0000) for bit in (0o4000, 0o2000)]
        refused = tuple(Rule(EPERM, ((at, made, made), (at + 1, bit, bit))) for made, bit in pairs)
        unseen = (Rule(EPERM, ((at, 0o1003, 0o1000),)), Rule(EPERM, ((at, 0o3, 0o3),)))
        return Expected(ALLOW, (*refused, *unseen) if rule == "careful" else refused)
    if rule == "command":
        return Expected(ALLOW, tuple(Rule(EPERM, ((1, LOW, value),)) for value in (0x5412, 0x541C, 0x5423)))
    allowed = {
        "flags": listed(0, 0, mask=0x7E02_0000),
        "persona": listed(0, 0, 8, 0x20000, 0x20008, LOW),
        "family": listed(0, 1) if name == "socketpair" else listed(0, 1, 2, 10),
        "self": listed(0, 0),
        "own": tuple(Rule(ALLOW, ((0, LOW, which), (1, LOW, 0))) for which in (0, 1)),
        "pair": tuple(Rule(ALLOW, ((0, LOW, 1), (1, 0xF, kind))) for kind in (1, 5)),
        "mode": listed(MODE_AT.get(name, 0), 0, 0x1000, 0x8000, 0xC000, mask=0xF000 | 0o6000),
        "setid": listed(MODE_AT.get(name, 0), 0, mask=0o6000),
    }
    return Expected(EPERM, allowed[rule])


def argument_sets(rules: Sequence[Rule], chance: random.Random) -> Iterator[tuple[int, ...]]:
    """Yield arguments on both sides of every comparison, with and without bits above the 32 that count."""
    compared = [(mask, value) for rule in rules for _, mask, value in rule.masked]
    interesting = sorted({0, LOW, *(value ^ bit for mask, value in compared for bit in (0, 1, mask))})
    for _ in range(400):
        words = [chance.choice([*interesting, chance.getrandbits(32), 1 << chance.randrange(32)]) for _ in range(4)]
        yield tuple(word | (chance.getrandbits(32) << 32 if chance.random() < 0.3 else 0) for word in words)


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_libseccomps_numbers(library: Any, machine: str) -> None:
    """Where libseccomp knows a name, the table has its number; it knows nearly all of them."""
    rules = seccomp._rules(seccomp.ARCHITECTURES[machine])
    theirs = {name: resolved(library, machine, name) for _, _, name in rules}
    wrong = {name: (number, theirs[name]) for number, _, name in rules if theirs[name] >= 0 and theirs[name] != number}
    assert wrong == {}
    assert sum(number >= 0 for number in theirs.values()) > 0.9 * len(rules)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_is_answered_as_libseccomp_would(library: Any, machine: str, profile: seccomp.Profile) -> None:
    """Allowed, refused and unknown calls, over every number there is and many there are not."""
    arch = seccomp.ARCHITECTURES[machine]
    table = {number: (rule, name) for number, rule, name in seccomp._rules(arch, profile)}
    known = {number for number, (_, name) in table.items() if native(library, name) >= 0}
    rules = [
        (native(library, name), Rule(PLAIN[rule]))
        for number, (rule, name) in table.items()
        if rule in PLAIN and number in known
    ]
    theirs, ours = compiled(library, machine, ENOSYS, rules), seccomp.filter_program(machine, profile)
    for number in range(LARGEST_NUMBER):
        if number not in table or (table[number][0] in (*PLAIN, "enosys") and number in known):
            assert bpf.run(ours, arch.audit, number) == bpf.run(theirs, arch.audit, number), number


@pytest.mark.parametrize("profile", PROFILES[:2])
@pytest.mark.parametrize("machine", MACHINES)
def test_every_argument_rule_is_answered_as_libseccomp_would(
    library: Any, machine: str, profile: seccomp.Profile
) -> None:
    """Boundary and random arguments, bits above the low 32 among them."""
    arch, chance, compared = seccomp.ARCHITECTURES[machine], random.Random(42), 0  # noqa: S311 - a repeatable choice
    ours = seccomp.filter_program(machine, profile)
    for number, rule, name in seccomp._rules(arch, profile):
        if rule in (*PLAIN, "enosys") or native(library, name) < 0:
            continue
        wanted = expected(name, rule)
        numbered = [(native(library, name), each) for each in wanted.rules]
        theirs = compiled(library, machine, wanted.other, numbered)
        for arguments in argument_sets(wanted.rules, chance):
            answers = (bpf.run(program, arch.audit, number, *arguments) for program in (ours, theirs))
            assert len(set(answers)) == 1, (name, arguments)
        compared += 1
    assert compared >= 8


def test_the_reduced_tiers_table_names_calls_that_exist() -> None:
    """A misspelt name would leave the full tier's rule in force."""
    names = {name for arch in seccomp.ARCHITECTURES.values() for _, _, name in seccomp._rules(arch)}
    assert set(seccomp._differences("reduced-no-truncate")) - names == set()


@pytest.mark.parametrize("machine", MACHINES)
def test_other_machines_are_killed_as_libseccomp_would(library: Any, machine: str) -> None:
    """Every ABI but the machine's own."""
    arch = seccomp.ARCHITECTURES[machine]
    theirs, ours = compiled(library, machine, ENOSYS, [(0, Rule(ALLOW))]), seccomp.filter_program(machine)
    for audit in (0, 0x4000_0003, 0x4000_0028, 0xC000_0015, *(other.audit for other in seccomp.ARCHITECTURES.values())):
        if audit != arch.audit:
            assert bpf.run(ours, audit, 0) == bpf.run(theirs, audit, 0) == KILL
