"""What YAML complains of, in words that tell an author what to write, with and without libyaml."""

from __future__ import annotations

import pytest
import yaml

from openskills_core.format.composer import compose
from openskills_core.format.nodes import YamlError


@pytest.fixture(params=["libyaml", "python"])
def _reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read with and without PyYAML's C part, whose messages differ."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader")


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize(
    ("source", "line", "advice"),
    [
        ("a: b\nc: d: e", 3, "put a value that holds a colon and a space in quotes"),
        ("a: b\nc\nd: e", 4, "write `field: value`, with a colon after the name"),
        ('a: b\nc: "d\n\ne: f', 3, "close the quotes that are opened here"),
        ("a: b\nc: 'd\n...\n", 3, "close the quotes that are opened here"),
        ("a: [b\nc: d", 2, "close the [, or put the value in quotes"),
        ("a: [b", 2, "close the [, or put the value in quotes"),
        ("a: {b: c", 2, "close the {, or put the value in quotes"),
        ("a: - b", 2, "begin a list on the line below its field"),
        ("a:\n  - b\n  c: d", 4, "begin each item of a list with -"),
        ("a: b\n...\nc: d", 4, "remove the line that is only ..."),
        ("a: b\n--- c\n", 3, "remove the line that is only ..."),
        ('a: b\nc: "\\q"', 3, "write a backslash in double quotes as \\\\"),
        ('a: "\\xzz"', 2, "write a backslash in double quotes as \\\\"),
        ("a: !x!y z", 2, "put a value that begins with ! in quotes"),
        ("a:\n   b: c\n  d: e", 4, "indent lines of one level alike"),
        ("a: b\nc: @d", 3, "put a value that begins with @ ` or % in quotes"),
        ("a: `b`", 2, "put a value that begins with @ ` or % in quotes"),
        ("a: *b", 2, "put the value in quotes: *b names nothing"),
        ("a: *.py", 2, "put a value that begins with * or & in quotes"),
        ("a:\n\tb: c", 3, "indent with spaces, YAML takes no tabs"),
        ("a:\n  b: c\n  \td: e", 4, "indent with spaces, YAML takes no tabs"),
        ("a: \x01", 2, "a character is not allowed in YAML"),
    ],
)
def test_a_complaint_names_the_line_and_what_to_write(source: str, line: int, advice: str) -> None:
    """The frontmatter begins on the second line of its file."""
    with pytest.raises(YamlError) as caught:
        compose(source)
    assert caught.value.line == line
    assert advice in caught.value.problem
