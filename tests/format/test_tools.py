"""The grammar of tool rules."""

from __future__ import annotations

import pytest

from openskills_core.format.tools import split_tools, tool_name


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        (" , ,\n", []),
        ("Read", ["Read"]),
        ("Read, Grep,Glob", ["Read", "Grep", "Glob"]),
        ("Read\tGrep\nGlob", ["Read", "Grep", "Glob"]),
        ("Bash(git:*) Bash(jq:*) Read", ["Bash(git:*)", "Bash(jq:*)", "Read"]),
        ("Bash(git add *) Read", ["Bash(git add *)", "Read"]),
        ("Bash(a, b), Read", ["Bash(a, b)", "Read"]),
        ("Bash(source .env && uv run pytest *),Edit", ["Bash(source .env && uv run pytest *)", "Edit"]),
        ("Bash(echo $(date) (x)) Read", ["Bash(echo $(date) (x))", "Read"]),
        ("mcp__server__* WebFetch(domain:*.example.com)", ["mcp__server__*", "WebFetch(domain:*.example.com)"]),
    ],
)
def test_rules_are_split_outside_parentheses_only(text: str, items: list[str]) -> None:
    """Blanks and commas inside a specifier belong to it."""
    assert split_tools(text) == (items, [])


@pytest.mark.parametrize(
    ("text", "items", "unbalanced"),
    [
        ("Read Bash(git add *", ["Read"], ["Bash(git add *"]),
        ("Bash(git Read, Write", [], ["Bash(git Read, Write"]),
        ("Read) Write", ["Write"], ["Read)"]),
        ("Bash(a)) Write", ["Write"], ["Bash(a))"]),
        (")( Read", ["Read"], [")("]),
    ],
)
def test_unbalanced_rules_are_set_apart(text: str, items: list[str], unbalanced: list[str]) -> None:
    """A parenthesis that never closes takes the rest with it; one too many spoils its own rule."""
    assert split_tools(text) == (items, unbalanced)


@pytest.mark.parametrize(("rule", "name"), [("Read", "Read"), ("Bash(git *)", "Bash"), ("Bash)", "Bash"), ("(x)", "")])
def test_the_tool_of_a_rule(rule: str, name: str) -> None:
    """It is what stands before the parenthesis."""
    assert tool_name(rule) == name
