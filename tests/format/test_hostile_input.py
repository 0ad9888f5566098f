"""What a SKILL.md made to hurt costs: its reader's memory is bounded, its time is printed for those who run with `-s`.

Memory is the peak of Python's own allocations, beside the file itself.
"""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from openskills_core.format import MAX_BYTES, ParsedSkill, parse_skill

MIB = 1024 * 1024
MAX_COST = 50 * MIB
FILE = Path("/skills/my-skill/SKILL.md")
FIELDS = b"---\nname: my-skill\ndescription: Does it.\n---\n"


def _full(text: str | bytes, start: str | bytes = b"---\n") -> bytes:
    """Return a file of the greatest size that is read: `start`, and `text` over and over."""
    data, head = (part.encode() if isinstance(part, str) else part for part in (text, start))
    return head + data * ((MAX_BYTES - len(head)) // len(data))


def _frontmatter(fields: str) -> bytes:
    """Return a SKILL.md that has these lines as its frontmatter."""
    return f"---\n{fields}\n---\nBody\n".encode()


def _many(line: str, size: int = 60_000) -> bytes:
    """Return a SKILL.md whose frontmatter is about as long as is read: one line over and over, numbered by `#`."""
    lines = (line.replace("#", str(number)) for number in range(size // (len(line) + 4)))
    return _frontmatter("\n".join(lines))


def _bomb(indent: str = "") -> str:
    """Return ten lines of ten aliases each: as many texts as there are stars in a small galaxy."""
    lines = [f"{indent}a0: &a0 [{', '.join(['lol'] * 10)}]"]
    lines += [f"{indent}a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


LARGE = {
    "words": lambda: _full("word word\n", FIELDS),
    "one emoji among words": lambda: _full("word ", FIELDS + "\U0001f600".encode()),
    "emoji": lambda: _full("\U0001f600", FIELDS),
    "headings without frontmatter": lambda: _full("# \n", b""),
    "fields": lambda: _full("k: v\n"),
    "fences": lambda: _full("---\n"),
    "almost fences": lambda: _full("--- x\n"),
    "blanks behind the fence": lambda: _full(" ", "---")[:-1] + b"x",
    "blank lines": lambda: _full(" \n", ""),
    "zero bytes": lambda: bytes(MAX_BYTES),
    "carriage returns": lambda: _full("---\r", ""),
    "bytes that are no UTF-8": lambda: _full(b"\xff\xfe\xfd", ""),
    "UTF-16": lambda: _full("a\n".encode("utf-16-le"), "\ufeff".encode("utf-16-le")),
    "one byte too many": lambda: bytes(MAX_BYTES + 1),
    "ten megabytes": lambda: FIELDS + b"word " * 2 * MIB,
}
MANY = {
    "fields": _many("k#: v"),
    "equal fields": _many("k: v"),
    "values to repair": _many("k#: a: b"),
    "items to repair": _many("- **/*.py"),
    "tools": _frontmatter(f"allowed-tools: [{'a, ' * 20_000}]"),
    "open parentheses": _frontmatter(f"allowed-tools: {'(' * 60_000}"),
    "open quotes": _frontmatter(f"""description: x: {"'" * 60_000}"""),
    "backslashes": _frontmatter('description: "\\' + "\\" * 60_000),
    "anchors": _many("k#: &a# v"),
}
BROKEN_LIMITS = {
    "1,000 open lists": _frontmatter("name: " + "[" * 1000),
    "1,000 lists": _frontmatter("metadata: " + "[" * 1000 + "]" * 1000),
    "1,000 maps": _frontmatter("metadata: " + "{a: " * 1000 + "}" * 1000),
    "1,000 lists in one line": _frontmatter("metadata:\n  " + "- " * 1000 + "x"),
    "300 indented maps": _frontmatter("".join(f"{' ' * depth}a:\n" for depth in range(300))),
    "30,000 keys": _frontmatter("? " * 30_000),
    "60,000 open lists": _frontmatter("name: " + "[" * 60_000),
    "alias bomb": _frontmatter(_bomb()),
    "alias bomb in metadata": _frontmatter("metadata:\n" + _bomb("  ")),
    "aliases": _frontmatter(f"a: &a x\nmetadata: [{'*a, ' * 15_000}]"),
}


def _parse(data: bytes) -> ParsedSkill:
    return parse_skill(data, FILE, "my-skill")


def _cost(name: str, data: bytes) -> tuple[int, int]:
    """Return the most bytes that loading a file held at a time, and its body too; print them and the time it took."""
    start = time.perf_counter()
    codes = sorted({note.code for note in _parse(data).diagnostics})
    milliseconds = (time.perf_counter() - start) * 1000
    tracemalloc.start()
    try:
        skill = _parse(data)
        parsed = tracemalloc.get_traced_memory()[1]
        assert skill.manifest.name == "my-skill"
        assert isinstance(skill.body, str)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    sizes = f"{parsed / MIB:.1f} MiB, with its body {peak / MIB:.1f} MiB"
    print(f"{name}: {len(data)} bytes, {milliseconds:.1f} ms, {sizes}, {codes}")  # noqa: T201 - for those who look
    return parsed, peak


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_files_cost_less_than_fifty_megabytes(name: str) -> None:
    """Whatever they hold; one emoji in a text makes Python use four bytes for each of its characters."""
    assert max(_cost(name, LARGE[name]())) < MAX_COST


@pytest.mark.parametrize("name", MANY)
def test_as_much_frontmatter_as_is_read_costs_little(name: str) -> None:
    """Many small things are no way around the limits."""
    assert max(_cost(name, MANY[name])) < MAX_COST / 5


@pytest.mark.parametrize("name", BROKEN_LIMITS)
def test_a_nest_or_an_alias_bomb_is_refused_where_it_stands(name: str) -> None:
    """It costs next to nothing, the one error names a line of the frontmatter, and the body still counts."""
    assert max(_cost(name, BROKEN_LIMITS[name])) < MIB
    skill = _parse(BROKEN_LIMITS[name])
    assert [note.line > 1 for note in skill.diagnostics if note.severity == "error"] == [True]
    assert (skill.body, skill.manifest.metadata) == ("Body", {})
