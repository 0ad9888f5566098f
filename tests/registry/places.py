"""Directories of skills to look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from openskills_core.registry import Location, Registry

REPOSITORY = Path(__file__).parents[2]


def write_skill(directory: Path, body: str = "Body\n", fields: str = "description: D") -> Path:
    """Write a SKILL.md into `directory`, made when missing."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "SKILL.md").write_text(f"---\n{fields}\n---\n{body}", encoding="utf-8")
    return directory


def write_skills(directory: Path, count: int) -> Path:
    """Write many skills, s0000 and so on, each with a description of its own."""
    for number in range(count):
        write_skill(directory / f"s{number:04}", fields=f"description: The skill of number {number}")
    return directory


def registry(*directories: Path, watch: bool = True) -> Registry:
    """Return a registry of these directories."""
    return Registry([Location(directory) for directory in directories], watch=watch)


def ids(found: Registry) -> list[str]:
    """Return the ids of all skills, in order."""
    return [info.id for info in found.infos()]


def codes(found: Registry) -> list[str]:
    """Return the codes of all diagnostics, in order."""
    return [note.code for note in found.diagnostics]


def run_python(code: str, *arguments: object) -> str:
    """Run a program in a process of its own and return what it printed."""
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
