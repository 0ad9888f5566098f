"""Which parts of a body are commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.format import Invocations, injections, split_invocations


def commands(body: str) -> list[str]:
    """Return the commands in `body`."""
    return [injection.command for injection in injections(body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("!`git status`", ["git status"]),
        ("- Diff: !`git diff` and !`git log`.", ["git diff", "git log"]),
        ("text\n!`a`\n\t!`b`", ["a", "b"]),
        ("!`  a  `", ["a"]),
        ("KEY=!`a`", []),
        ("(!`a`)", []),
        ("x!`a`", []),
        ("!!`a`", []),
        ("`!`a``", []),
        ("! `a`", []),
        ("!``", []),
        ("!` `", []),
        ("!`a\nb`", []),
        ("!`a", []),
        ("!`a`!`b`", ["a"]),
        ("\N{NO-BREAK SPACE}!`a`", ["a"]),
    ],
)
def test_the_inline_form(body: str, expected: list[str]) -> None:
    """It begins a line or follows white space, and stays on one line."""
    assert commands(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("```!\na\nb\n```", ["a\nb"]),
        ("text\n  ```!  \n  a\n  ``` \nmore", ["a"]),
        ("```!\r\na\r\nb\r\n```\r\n", ["a\nb"]),
        ("```!\na\n```\n```!\nb\n```", ["a", "b"]),
        ("```!\na !`b`\n```", ["a !`b`"]),
        ("```!\na\n```!\nb\n```", ["a\n```!\nb"]),
        ("```!\na\n```\n!`b`", ["a", "b"]),
        ("```bash\na\n```\n!`b`", ["b"]),
        ("!`a`\n```!\nb", ["a"]),
        ("```!\nb\n!`a`", ["a"]),
        ("```! bash\na\n```", []),
        ("````!\na\n````", []),
        ("> ```!\n> a\n> ```", []),
        ("```!\n\n```", []),
        ("```!\n```", []),
        ("``` !\na\n```", []),
    ],
)
def test_the_fenced_form(body: str, expected: list[str]) -> None:
    """A line with three backquotes and `!` opens it, the next line of three closes it; an open end is text."""
    assert commands(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [("| syntax | !`cmd` |", ["cmd"]), ("```markdown\n!`cmd`\n```", ["cmd"]), ("`` !`cmd` ``", ["cmd"])],
)
def test_examples_are_commands_too(body: str, expected: list[str]) -> None:
    """Tables, code blocks and code spans protect nothing; that is how Claude Code reads them."""
    assert commands(body) == expected


def test_each_injection_says_what_stands_where() -> None:
    """Text as written, its offsets and its line."""
    body = "one\n - !`a`\n\n  ```!\n  b\n  ```\n!`c`\n"
    found = injections(body)
    assert [(injection.text, injection.line) for injection in found] == [
        ("!`a`", 2),
        ("```!\n  b\n  ```", 4),
        ("!`c`", 7),
    ]
    assert all(body[injection.start : injection.end] == injection.text for injection in found)


@given(st.text(alphabet="!` \na$\r") | st.text())
def test_injections_are_in_order_and_never_overlap(body: str) -> None:
    """Whatever the body is."""
    at = 0
    for injection in injections(body):
        assert at <= injection.start < injection.end
        assert body[injection.start : injection.end] == injection.text
        assert injection.command
        assert injection.line == 1 + body.count("\n", 0, injection.start)
        at = injection.end


@pytest.mark.parametrize(
    ("message", "names", "arguments"),
    [
        ("/a 123", ("a",), "123"),
        ("/a /b 123", ("a", "b"), "123"),
        ("  /a\n/b  1  2 ", ("a", "b"), "1  2"),
        ("/a", ("a",), ""),
        ("/a /etc/passwd", ("a",), "/etc/passwd"),
        ("/a x /b", ("a",), "x /b"),
        ("/a /fork /b x", ("a",), "/fork /b x"),
        ("/fork /b x", ("fork",), "/b x"),
        ("/unknown /b x", ("unknown",), "/b x"),
        ("/a /b /c /d /e /f /g x", ("a", "b", "c", "d", "e", "f"), "/g x"),
        ("/plugin:a x", ("plugin:a",), "x"),
        ("do /a x", (), "do /a x"),
        ("/ a", (), "/ a"),
        ("", (), ""),
    ],
)
def test_stacked_skills(message: str, names: tuple[str, ...], arguments: str) -> None:
    """Up to six in a row share the text after them; what cannot be stacked ends the row."""
    inline = {"a", "b", "c", "d", "e", "f", "g", "plugin:a"}
    assert split_invocations(message, inline) == Invocations(names, arguments)
