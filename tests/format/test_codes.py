"""The table of diagnostic codes is complete, used, and what the documentation says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.format.codes import CODES
from openskills_core.format.profiles import CODES as PROFILE_CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
CORE = REPOSITORY / "openskills_core"
CODE = re.compile(r"[a-z]+(?:-[a-z0-9]+)*")
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (error|warning|info) \| (.+) \|$", re.MULTILINE)


def _emitted(path: Path) -> Iterator[str]:
    """Yield each code that a file gives to `notes.add(code, message, …)` or `Diagnostic(code, severity, …)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and len(node.args) > 1:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("add", "Diagnostic"):
                texts = (part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant))
                yield from (text for text in texts if isinstance(text, str) and CODE.fullmatch(text))


def test_every_code_that_is_emitted_is_in_a_table() -> None:
    """One table is for reading skills, the other for what a profile finds beyond that; no code is in both."""
    emitted = {code for path in CORE.rglob("*.py") for code in _emitted(path)}
    assert len(emitted) > 40
    assert emitted <= CODES.keys() | PROFILE_CODES.keys()
    assert not CODES.keys() & PROFILE_CODES.keys()


def test_every_code_of_the_table_is_emitted() -> None:
    """A line of the table that nothing can provoke would be a promise."""
    assert {code for path in CORE.rglob("*.py") for code in _emitted(path)} >= CODES.keys()


def test_reading_a_skill_finds_only_codes_of_the_table_for_it() -> None:
    """Nothing beneath the reader knows of profiles."""
    for path in (CORE / "format").glob("*.py"):
        if path.name not in ("validate.py", "profiles.py"):
            assert set(_emitted(path)) <= CODES.keys(), path.name


def test_the_documentation_lists_exactly_the_table() -> None:
    """Code, usual severity and meaning, in the same order."""
    page = (REPOSITORY / "docs" / "skill-format.md").read_text(encoding="utf-8")
    assert ROW.findall(page) == [(code, usual.severity, usual.meaning) for code, usual in CODES.items()]
