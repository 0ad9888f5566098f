"""What the largest and the most hostile files may cost in steps, whatever they hold."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core.format import MAX_BYTES, ParsedSkill, parse_skill
from openskills_core.format.sections import MAX_FRONTMATTER

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = Path("/skills/my-skill/SKILL.md")
FIELDS = b"---\nname: my-skill\ndescription: D\n---\n"


def parse(data: bytes) -> ParsedSkill:
    """Parse `data` as the SKILL.md of `my-skill`."""
    return parse_skill(data, PATH, "my-skill")


def steps(work: Callable[[], object]) -> int:
    """Return how many functions were called while `work` was done; unlike its time, that is the same everywhere."""
    parse(b"---\nname: loads what is loaded once\n---\n")
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += "call" in event

    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(previous)
    return count


def _bomb() -> bytes:
    lines = [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in itertools.pairwise("abcdefghi")]
    return "\n".join(["a: &a [x, x, x, x, x, x, x, x, x]", *lines, "description: *i"]).encode()


def _with(fields: bytes) -> bytes:
    return b"---\n" + fields[: MAX_FRONTMATTER - 10] + b"\n---\nBody"


BODIES = {
    "one-line": FIELDS + b"x" * (MAX_BYTES - len(FIELDS)),
    "short-lines": FIELDS + b"word\n" * 2_000_000,
    "headings": FIELDS.replace(b"description", b"mine") + b"#\n" * 5_000_000,
    "blanks": b" \n" * 5_000_000 + b"---\n",
    "carriage-returns": b"---\r" * 2_500_000,
    "dashes": b"---\n" * 2_500_000,
    "near-fences": b"---\n" + b"--- x\n" * 1_500_000,
    "blanks-after-a-fence": b"---" + b" " * 10_000_000 + b"x",
    "unclosed": b"---\n" + b"k: v\n" * 2_000_000,
    "all-frontmatter": b"---\n" + b"k: v\n" * 2_000_000 + b"---\nBody",
    "zeros": b"---\n" + b"\0" * 10_000_000,
    "no-utf-8": b"\xff" * 10_000_000,
    "emoji": FIELDS + "🎉".encode() * 2_500_000,
}
FRONTMATTERS = {
    "bomb": _bomb(),
    "many-aliases": b"a: &a x\nb: [" + b"*a, " * 20_000 + b"]",
    "nest": b"name: " + b"[" * 1000 + b"]" * 1000,
    "nest-of-dashes": b"metadata:\n  " + b"- " * 1000 + b"x",
    "open-nest": b"a: " + b"[" * 60_000,
    "many-fields": b"".join(b"k%d: v\n" % number for number in range(8_000)),
    "many-equal-fields": b"k: v\n" * 12_000,
    "many-bad-values": b"k: a: b\n" * 8_000,
    "many-bad-items": b"paths:\n" + b"- *\n" * 15_000,
    "many-items": b"allowed-tools: [" + b"a," * 30_000 + b"]",
    "colons": b"description: " + b"a: " * 20_000,
    "control-characters": b"description: " + b"\x01" * 60_000,
    "hashes": b"description: a" + b" #" * 30_000,
    "long-names": b"".join(b"x" * 200 + b"%d: v\n" % number for number in range(300)),
    "misspellings": b"".join(b"descripton%d: v\n" % number for number in range(3_000)),
    "unbalanced": b"allowed-tools: " + b"(" * 60_000,
    "braces": b"paths: " + b"{,}" * 20_000,
}


@pytest.mark.parametrize("name", BODIES)
def test_ten_megabytes_take_few_steps(name: str) -> None:
    """No loop goes over the lines or the letters of a body."""
    assert steps(lambda: parse(BODIES[name])) < 10_000


@pytest.mark.parametrize("name", FRONTMATTERS)
def test_hostile_frontmatter_takes_few_steps(name: str) -> None:
    """What is not refused by a limit is read in few steps: some for each letter at most."""
    data = _with(FRONTMATTERS[name])
    assert steps(lambda: parse(data)) < 150_000


def test_a_file_beyond_the_limit_is_reported_and_not_read() -> None:
    """The skill is named by its directory."""
    skill = parse(b"---\nname: x\n---\n" + b"x" * MAX_BYTES)
    assert (skill.manifest.name, skill.body, skill.diagnostics[0].code) == ("my-skill", "", "file-too-large")


def test_a_file_at_the_limit_is_read() -> None:
    """Its fields count and its body is whole."""
    skill = parse(BODIES["one-line"])
    assert (skill.description, len(skill.body)) == ("D", MAX_BYTES - len(FIELDS))
