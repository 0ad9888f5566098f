"""Which processes belong to a run and what they use together, on lists as the system would give them."""

from __future__ import annotations

import os
import struct
from collections import Counter
from dataclasses import dataclass, field

import pytest

from openskills_core.sandbox.macos import libproc
from openskills_core.sandbox.macos.processes import Bounds, Herd, Process, Usage, overuse, tree

ROOT = 100
LISTS = {
    "alone": ([Process(100, 90, 100)], {100}),
    "children and theirs": ([Process(100, 90, 100), Process(101, 100, 100), Process(102, 101, 100)], {100, 101, 102}),
    "a child that left the group": ([Process(100, 90, 100), Process(101, 100, 101)], {100, 101}),
    "its own child, adopted": ([Process(100, 90, 100), Process(101, 1, 100)], {100, 101}),
    "a child of the adopted that left": ([Process(101, 1, 100), Process(102, 101, 102)], {101, 102}),
    "the first one is gone": ([Process(101, 1, 100)], {101}),
    "others": ([Process(90, 1, 90), Process(95, 90, 90), Process(100, 90, 100)], {100}),
    "all gone": ([Process(90, 1, 90)], set()),
    "a list in any order": ([Process(103, 102, 9), Process(102, 100, 9), Process(100, 90, 100)], {100, 102, 103}),
    "a circle, as a list taken in pieces may hold": ([Process(100, 101, 100), Process(101, 100, 100)], {100, 101}),
}


@pytest.mark.parametrize("name", LISTS)
def test_the_tree_of_a_run(name: str) -> None:
    """Descendants, and everything in the group, by whatever parent it was adopted."""
    listed, expected = LISTS[name]
    assert tree(listed, ROOT) == expected


@dataclass
class Recorded:
    """A table that was written down: who there is, and who carries the mark."""

    listed: list[Process]
    carriers: set[int]
    asked: Counter[int] = field(default_factory=Counter)

    def processes(self) -> list[Process]:
        """Return what was written down."""
        return self.listed

    def marked(self, pid: int, mark: str) -> bool:
        """Whether it was written down as marked."""
        self.asked[pid] += 1
        return mark == "mark" and pid in self.carriers

    def usage(self, pid: int) -> Usage:
        """Return one MiB and one second for each."""
        assert pid
        return Usage(1 << 20, 1000.0)


def test_a_process_that_left_everything_is_found_by_its_mark() -> None:
    """A daemon has another parent, group and session, but the sandbox it was born in."""
    table = Recorded([Process(100, 90, 100), Process(777, 1, 777), Process(888, 1, 888)], {100, 777})
    assert Herd(table, ROOT, "mark").members() == {100, 777}
    assert Herd(table, ROOT, "another run's").members() == {100}


def test_the_system_and_the_supervisor_are_never_members() -> None:
    """Whatever a table says of them."""
    spared = [0, 1, os.getpid(), os.getppid()]
    table = Recorded([Process(pid, ROOT, ROOT) for pid in spared], set(spared))
    assert Herd(table, ROOT, "mark").members() == set()


def test_strangers_are_asked_once() -> None:
    """Looking ten times a second must not cost a question for each process of the user."""
    table = Recorded([Process(100, 90, 100), Process(500, 1, 500)], {100})
    herd = Herd(table, ROOT, "mark")
    herd.members()
    table.listed.append(Process(501, 1, 501))
    table.carriers.add(501)
    assert herd.members() == {100, 501}
    assert table.asked == Counter({500: 1, 501: 1})


def test_what_cannot_be_listed_is_not_said_to_be_gone() -> None:
    """An end that nobody saw is none."""

    class Blind(Recorded):
        def processes(self) -> list[Process]:
            raise OSError("the list of processes cannot be read")

    assert Herd(Blind([], set()), ROOT, "mark").end(0.02) == 1
    assert Herd(Recorded([], set()), ROOT, "mark").end(0.02) == 0


@pytest.mark.parametrize(
    ("usages", "reached"),
    [
        ([], ""),
        ([Usage(50, 10.0), Usage(50, 10.0)], ""),
        ([Usage(51, 10.0), Usage(50, 10.0)], "limit:memory"),
        ([Usage(1, 1.0)] * 4, "limit:processes"),
        ([Usage(1, 60.0), Usage(1, 41.0)], "limit:cpu"),
    ],
)
def test_a_limit_is_reached_by_all_together(usages: list[Usage], reached: str) -> None:
    """And it is named."""
    assert overuse(usages, Bounds(processes=3, memory=100, cpu_ms=100.0)) == reached
    if reached == "limit:cpu":
        assert overuse(usages, Bounds(processes=3, memory=100, cpu_ms=None)) == ""


def test_what_the_kernel_tells_of_a_process_is_read_as_its_headers_say() -> None:
    """Its proc_bsdshortinfo (<sys/proc_info.h>) is four numbers, a name of 16 bytes and eight more numbers."""
    rest = (b"python3".ljust(16, b"\0"), *range(8))
    assert struct.calcsize("=4I16s8I") == libproc._SHORT_INFO_SIZE
    assert libproc.process_of(struct.pack("=4I16s8I", 7, 3, 5, 2, *rest)) == Process(7, 3, 5)
    assert libproc.process_of(struct.pack("=4I16s8I", 7, 3, 5, 5, *rest)) is None


def test_what_the_kernel_tells_of_usage_is_read_as_its_headers_say() -> None:
    """Its rusage_info_v2 (<sys/resource.h>) is an identity of 16 bytes and 18 numbers; times are ticks."""
    names = (
        *("user_time", "system_time", "pkg_idle_wkups", "interrupt_wkups", "pageins", "wired_size", "resident_size"),
        *("phys_footprint", "start_abstime", "exit_abstime", "child_user_time", "child_system_time"),
        *("child_pkg_idle_wkups", "child_interrupt_wkups", "child_pageins", "child_elapsed", "read", "written"),
    )
    told = {"user_time": 24_000, "system_time": 12_000, "child_user_time": 6_000, "child_system_time": 6_000}
    values = [told.get(name, 4096 if name == "phys_footprint" else 99) for name in names]
    raw = struct.pack("=16s18Q", b"identity", *values)
    assert libproc.usage_of(raw, (125, 3)) == Usage(4096, 2.0)
    assert libproc.usage_of(raw, (1, 1)).cpu_ms == 0.048
