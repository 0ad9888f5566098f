"""The corpus itself: every case is well formed, every file is read, and the README says what is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.conformance import corpus
from tests.conformance.comparing import differences
from tests.conformance.ours import DIFFERS
from tests.conformance.schema import SCHEMA, faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROMISED = 150
README = (corpus.HERE / "README.md").read_text(encoding="utf-8")
CASES = corpus.cases()


@pytest.mark.parametrize("file", corpus.FILES, ids=[f"{file.parent.name}/{file.name}" for file in corpus.FILES])
def test_a_file_of_cases_is_what_the_schema_describes(file: Path) -> None:
    """So that an implementation in another language can rely on it."""
    document = json.loads(file.read_text(encoding="utf-8"))
    assert not list(faults(document))
    assert document["area"] == file.parent.name


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"area": "render", "about": "x", "cases": []}, "holds too few"),
        ({"area": "nonsense", "about": "x", "cases": []}, "none of the values allowed"),
        ({"area": "render", "cases": []}, "has no about"),
        ({"area": "render", "about": "x", "cases": [{"id": "A b"}]}, "does not match"),
        ({"area": "render", "about": "x", "cases": [{"id": "a", "colour": 1}]}, "has an unknown colour"),
        ({"area": "render", "about": 1, "cases": []}, "is no string"),
    ],
)
def test_the_checker_finds_what_the_schema_forbids(document: object, fault: str) -> None:
    """A checker that finds nothing would pass every file."""
    assert any(fault in found for found in faults(document))


def test_the_checker_refuses_a_schema_that_it_does_not_understand() -> None:
    """A word of JSON Schema that is passed over would be a check that is not made."""
    with pytest.raises(ValueError, match="maxItems"):
        list(faults([], {"maxItems": 1}))


def test_names_of_cases_are_unique_and_there_are_as_many_as_promised() -> None:
    """A name stands for one case in reports."""
    assert not [name for name, count in Counter(case.name for case in CASES).items() if count > 1]
    assert len(CASES) >= PROMISED


def test_nothing_beneath_cases_is_left_out() -> None:
    """Every file there is a file of cases, and every area of the schema has some."""
    found = [path for path in (corpus.HERE / "cases").rglob("*") if path.is_file()]
    assert sorted(found) == sorted(corpus.FILES)
    areas = {
        area
        for name, kind in SCHEMA["$defs"].items()
        if name.endswith("-file")
        for area in kind["properties"]["area"]["enum"]
    }
    assert areas == {case.area for case in CASES}


def test_every_expectation_says_something() -> None:
    """An outcome with neither a value that is specified nor one that is recorded would pass anything."""
    for case in CASES:
        outcomes = [value for label, value in case.expect.items() if isinstance(value, dict) and label != "entries"]
        for outcome in [case.expect, *outcomes]:
            assert set(outcome) - {"unspecified", "here"} or outcome.get("here"), case.name
            assert ("unspecified" in outcome) == ("here" in outcome), case.name


def test_the_readme_lists_what_is_unspecified_and_explains_every_key() -> None:
    """The table is printed by corpus.py; the words are those of the schema."""
    assert "\n".join(corpus.unspecified()) in README
    definitions = SCHEMA["$defs"]
    words = {*definitions["problem"]["enum"], *definitions["advice"]["enum"], *_keys(SCHEMA)}
    assert not [word for word in sorted(words) if not re.search(rf"[`\"]{word}[`\"]", README)]


def _keys(schema: object) -> Iterator[str]:
    """Yield the name of every key that a case can have."""
    if isinstance(schema, list):
        yield from (key for item in schema for key in _keys(item))
    elif isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (key for item in schema.values() for key in _keys(item))


def test_the_readme_says_where_this_repository_differs() -> None:
    """No difference is kept quiet, and each is about a case that there is."""
    assert set(DIFFERS) <= {case.name for case in CASES}
    assert not [name for name, why in DIFFERS.items() if f"| {name} | {why} |" not in README]


def test_the_example_of_the_readme_is_a_case() -> None:
    """Readers copy it."""
    example = json.loads(README.partition("```json\n")[2].partition("```")[0])
    cases = json.loads((corpus.HERE / "cases/fields/specification.json").read_text(encoding="utf-8"))["cases"]
    assert example in cases


def test_the_readme_gives_no_count_that_could_grow_old() -> None:
    """Numbers of cases are counted by whoever runs them."""
    assert not re.search(r"\d+ (cases|files|tests)", README)


def test_cases_can_be_written_as_real_files(tmp_path: Path) -> None:
    """For tools that take a path: a directory a case, with the bytes as described."""
    target = tmp_path / "unpacked"
    subprocess.run([sys.executable, corpus.HERE / "corpus.py", target], check=True)
    assert len(list(target.rglob("case.json"))) == len(CASES)
    assert (target / "parse/encoding/byte-order-mark/demo/SKILL.md").read_bytes().startswith(b"\xef\xbb\xbf---\n")
    assert (target / "parse/encoding/crlf/demo/SKILL.md").read_bytes().startswith(b"---\r\n")
    assert (target / "discovery/tree/linked-skill/repo/.claude/skills/deploy").is_symlink()


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"problems": ["a"]}, {"problems": ["a", "b"]}),
        ({"problems": []}, {}),
        ({"includes": ["a"]}, {"problems": ["b"]}),
        ({"reports": ["a"]}, {"reports": []}),
        ({"loads": True}, {"loads": False}),
        ({"fields": {"x": True}}, {"fields": {"x": 1}}),
        ({"fields": {"x": None}}, {"fields": {}}),
        ({"fields": {"x": {"any": ["a", "b"]}}}, {"fields": {"x": "c"}}),
        ({"text": "a"}, {"text": "a "}),
        ({"text": "a", "appended": "ARGUMENTS: b"}, {"text": "a ARGUMENTS: b"}),
        ({"text": "a"}, {"text": "a\n\nARGUMENTS: b"}),
        ({"aborts": "permission"}, {"text": "a"}),
        ({"absent": ["a"]}, {"text": "cab"}),
        ({"entries": {"x": ["a", "b"]}}, {"entries": {"x": "a"}}),
        ({"longest": 3}, {"entries": {"x": "abcd"}}),
        ({"uses": ["allow", "none"]}, {"uses": ["allow"]}),
        ({"uses": [{"tool": "Bash", "detail": "ls", "outcome": "allow"}]}, {"uses": ["none"]}),
        ({"skills": {"a": "b"}}, {"skills": {"a": "b", "c": "d"}}),
    ],
)
def test_a_wrong_outcome_is_a_difference(expected: dict[str, object], actual: dict[str, object]) -> None:
    """Each rule of comparison can fail."""
    assert len(differences(expected, actual)) >= 1
