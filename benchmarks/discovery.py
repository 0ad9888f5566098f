"""What finding ten thousand skills costs: for the first time, after a restart, and asked again."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from openskills_core import OpenSkillRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SKILLS = 10_000

_BODY = "Read the input first. Then write what was asked for, and nothing else.\n" * 40
_SKILL = """---
name: skill-{0:05}
description: Does number {0} of the many things that somebody may want to have done. Use it when a benchmark runs and
  asks for number {0}, or for something much like it.
license: MIT
allowed-tools: Read, Grep, Bash(git add *)
metadata:
  version: 1.0
---
# Number {0}

{1}"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways to do about the same: `ours`, and the plain thing that it is measured against."""

    name: str
    ours: Callable[[], object]
    plain: Callable[[], object]
    turns: int
    target: float | None = None


def comparisons(folder: Path) -> Iterator[Comparison]:
    """Yield what is to be measured. `folder` is an empty directory on the file system to measure."""
    skills, cache = folder / "skills", folder / "cache"
    paths = [str(write_skill(skills, number)) for number in range(SKILLS)]

    def found(cache_dir: str | Path) -> OpenSkillRuntime:
        runtime = OpenSkillRuntime.from_directory(skills, cache_dir=cache_dir)
        assert len(runtime.list_skills()) == SKILLS
        return runtime

    def cold() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as empty:
            found(empty)

    def parse() -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for path in paths:
            with open(path, "rb") as file:  # noqa: PTH123 - the plain way
                yaml.load(file.read(4096).split(b"---")[1], loader)  # noqa: S506 - a safe loader

    def stat() -> None:
        for path in paths:
            os.stat(path)  # noqa: PTH116 - the plain way

    yield Comparison(f"discovery of {SKILLS:,} skills", cold, parse, turns=5, target=2.5)
    yield Comparison("the same after a restart", lambda: found(cache), stat, turns=15, target=3)
    runtime = found(cache)
    for _ in range(5):
        runtime.list_skills()
    yield Comparison("the same asked again", runtime.list_skills, stat, turns=30)
    yield Comparison("one of them asked for", lambda: runtime.list_skill_files("skill-00007"), stat, turns=30)
    runtime.close()


def write_skill(folder: Path, number: int) -> Path:
    """Write one skill of usual size and return its SKILL.md."""
    file = folder / f"skill-{number:05}" / "SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_text(_SKILL.format(number, _BODY), encoding="utf-8")
    return file
