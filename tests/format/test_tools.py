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
        ("Bash(git:*),Read  ,\tEdit(src/**)", ["Bash(git:*)", "Read", "Edit(src/**)"]),
        ("Bash(git add * && git commit -m *) Bash(ls)", ["Bash(git add * && git commit -m *)", "Bash(ls)"]),
        ("Bash(\ngit *\n), Read", ["Bash(\ngit *\n)", "Read"]),
        ("shell(git:*), write, execute/runInTerminal", ["shell(git:*)", "write", "execute/runInTerminal"]),
        ("Agent(Explore, Plan) Skill(pdf *)", ["Agent(Explore, Plan)", "Skill(pdf *)"]),
        ("Bash(${CLAUDE_SKILL_DIR}/a b *)", ["Bash(${CLAUDE_SKILL_DIR}/a b *)"]),
        ("Bash,(x)", ["Bash", "(x)"]),
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
        ("Read Bash (git *) Edit", ["Read", "Edit"], ["Bash (git *)"]),
        ("Bash\n(git *)", [], ["Bash\n(git *)"]),
        ("Bash (git", [], ["Bash (git"]),
        ("Bash(a) (b)", [], ["Bash(a) (b)"]),
        ("(" * 3, [], ["((("]),
    ],
)
def test_malformed_rules_are_set_apart(text: str, items: list[str], unbalanced: list[str]) -> None:
    """A parenthesis that never closes takes the rest with it; one too many, or apart from its tool, spoils its rule."""
    assert split_tools(text) == (items, unbalanced)


def test_every_surface_form_of_a_list_is_the_same_list() -> None:
    """Spaces, commas, both, and the items of a YAML list one by one."""
    wanted = ["Bash(git add *)", "Read", "mcp__db__query"]
    for separator in (" ", ",", ", ", " , ", "\n", ",\n  ", "\t,,"):
        assert split_tools(separator.join(wanted)) == (wanted, [])
    assert [item for text in wanted for item in split_tools(text)[0]] == wanted


def test_a_hostile_list_is_split_in_linear_time() -> None:
    """The runner's limit ends a test that hangs."""
    assert split_tools("(" * 100_000) == ([], ["(" * 100_000])
    assert len(split_tools("a (" * 50_000)[1]) == 1
    assert len(split_tools("a, " * 100_000)[0]) == 100_000


@pytest.mark.parametrize(
    ("rule", "name"), [("Read", "Read"), ("Bash(git *)", "Bash"), ("Bash)", "Bash"), ("Bash (x", "Bash"), ("(x)", "")]
)
def test_the_tool_of_a_rule(rule: str, name: str) -> None:
    """It is what stands before the parenthesis."""
    assert tool_name(rule) == name
