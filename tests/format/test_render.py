"""Substitutions in a skill's body."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core import LimitExceededError
from openskills_core.format import Filling, Injection, Variables, render
from openskills_core.format.render import MAX_INSERTED
from openskills_core.format.splitting import split_arguments

SKILL = Path("/skills/my skill")
HOSTILE = "$ARGUMENTS[]0129\\{}CLAUDE_SKILL_DIR '\"ab!`\n"


def fill(body: str, arguments: str = "", names: tuple[str, ...] = ()) -> str:
    """Render `body` for a skill in SKILL and no project."""
    return render(body, arguments, names=names, variables=Variables(skill_dir=SKILL))


@pytest.mark.parametrize(
    ("body", "arguments", "expected"),
    [
        ("Do $ARGUMENTS now", "a  'b c'", "Do a  'b c' now"),
        ("$ARGUMENTS", "", ""),
        ("$ARGUMENTS and $ARGUMENTS", "x", "x and x"),
        ("$0 then $1", "a 'b c' d", "a then b c"),
        ("$0 then $1", '"hello world" second', "hello world then second"),
        ("$ARGUMENTS[1]-$ARGUMENTS[0]", 'a "b c"', "b c-a"),
        ("$10 $1", "a b c d e f g h i j k", "k b"),
        ("$0", "don't stop", "don't"),
        ("$0", "'' b", ""),
        ("$0 $5", "a", "a $5"),
        ("$0 $ARGUMENTS[5]", "a", "a $ARGUMENTS[5]"),
        ("$ARGUMENTS[x] $ARGUMENTSx", "a", "a[x] ax"),
        ("cost $1.00", "a b", "cost b.00"),
        ("$5k $0", "a", "$5k a"),
        ("$HOME $ $$ ${X} $0", "a", "$HOME $ $$ ${X} a"),
        (
            "$99999999999999999999 $ARGUMENTS[99999999999999999999] $0",
            "a",
            "$99999999999999999999 $ARGUMENTS[99999999999999999999] a",
        ),
    ],
)
def test_placeholders(body: str, arguments: str, expected: str) -> None:
    """Each placeholder becomes its argument, or stays as written when there is none."""
    assert fill(body, arguments) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"cost \$1.00 $0", "cost $1.00 a"),
        (r"\$ARGUMENTS $0", "$ARGUMENTS a"),
        (r"\$ARGUMENTS[0] $0", "$ARGUMENTS[0] a"),
        (r"\$issue $0", "$issue a"),
        (r"\$5k $0", "$5k a"),
        (r"\$9 $0", "$9 a"),
        (r"\\$0", r"\\a"),
        (r"\\\$0", r"\\\a"),
        (r"\$HOME \$ \$issues $0", r"\$HOME \$ \$issues a"),
        (r"\${CLAUDE_SKILL_DIR} $0", r"\/skills/my skill a"),
    ],
)
def test_one_backslash_escapes_a_placeholder(body: str, expected: str) -> None:
    """It does so before a digit, `ARGUMENTS` or a declared name only; two or more stay and prevent nothing."""
    assert fill(body, "a", ("issue",)) == expected


@pytest.mark.parametrize(
    ("body", "arguments", "expected"),
    [
        ("Fix $issue on $branch", "12 main", "Fix 12 on main"),
        ("Fix $issue on $branch.", "12", "Fix 12 on ."),
        ("$issue_number", "12 13 99", "99"),
        ("$issues $issue", "12", "$issues 12"),
        ("$issue-x", "12", "12-x"),
        ("$issue-date", "1 2 3 4", "4"),
        ("$issue.$issue", "12", "12.12"),
    ],
)
def test_named_placeholders(body: str, arguments: str, expected: str) -> None:
    """A declared name stands for its position and is empty without an argument; the longest name wins."""
    assert fill(body, arguments, ("issue", "branch", "issue_number", "issue-date")) == expected


@pytest.mark.parametrize(
    ("body", "arguments", "names", "expected"),
    [
        ("Body\n", "a b", (), "Body\n\nARGUMENTS: a b"),
        ("Body", "", (), "Body"),
        ("Body", "  ", (), "Body"),
        ("", "a", (), "ARGUMENTS: a"),
        ("Only $7", "a", (), "Only $7\n\nARGUMENTS: a"),
        (r"Only \$0", "a", (), "Only $0\n\nARGUMENTS: a"),
        ("In ${CLAUDE_SKILL_DIR}", "a", (), "In /skills/my skill\n\nARGUMENTS: a"),
        ("Body", "$0 $ARGUMENTS", (), "Body\n\nARGUMENTS: $0 $ARGUMENTS"),
        ("Second: $second.", "a", ("first", "second"), "Second: ."),
    ],
)
def test_arguments_that_nothing_took_are_appended(
    body: str, arguments: str, names: tuple[str, ...], expected: str
) -> None:
    """After a blank line; a placeholder left literal took nothing, a named one did."""
    assert fill(body, arguments, names) == expected


def test_every_variable_stands_for_its_value() -> None:
    """Directories, the session and the effort level, and what the user configured for a plugin."""
    variables = Variables(
        skill_dir=SKILL,
        project_dir=Path("/project"),
        plugin_root=Path("/plugin"),
        plugin_data=Path("/data"),
        session_id="s1",
        effort="high",
        user_config={"api.url": "http://x"},
    )
    body = (
        "${CLAUDE_SKILL_DIR} ${CLAUDE_PROJECT_DIR} ${CLAUDE_PLUGIN_ROOT} ${CLAUDE_PLUGIN_DATA} ${CLAUDE_SESSION_ID} "
        "${CLAUDE_EFFORT} ${user_config.api.url}"
    )
    assert render(body, variables=variables) == "/skills/my skill /project /plugin /data s1 high http://x"


def test_a_variable_without_a_value_stays_as_written() -> None:
    """And so does what is no variable."""
    body = (
        "${CLAUDE_SKILL_DIR} ${CLAUDE_PROJECT_DIR} ${CLAUDE_PLUGIN_ROOT} ${CLAUDE_PLUGIN_DATA} ${CLAUDE_SESSION_ID} "
        "${CLAUDE_EFFORT} ${user_config.key} ${CLAUDE_USER_CONFIG} $CLAUDE_SKILL_DIR ${ARGUMENTS} ${0}"
    )
    assert render(body) == body


def test_variables_are_replaced_after_the_arguments_and_their_values_are_not_looked_at_again() -> None:
    """So an argument may name a directory, and a directory's name is no placeholder."""
    variables = Variables(skill_dir=Path("/s/$0"), user_config={"a": "${CLAUDE_SKILL_DIR}"})
    assert (
        render("<$0> ${user_config.a}", "'${CLAUDE_SKILL_DIR}'", variables=variables) == "</s/$0> ${CLAUDE_SKILL_DIR}"
    )
    assert render("Body", "${CLAUDE_SKILL_DIR}", variables=variables) == "Body\n\nARGUMENTS: /s/$0"


def test_what_is_injected_is_plain_text() -> None:
    """No placeholder, variable or command in it is looked at, and it took no argument."""
    output = "$0 $ARGUMENTS ${CLAUDE_SKILL_DIR} !`ls` \\$1"

    def inject(_injection: Injection, _filling: Filling) -> str:
        return output

    body = "$0 !`one` x\n```!\ntwo\n```\n$0"
    variables = Variables(skill_dir=SKILL)
    assert render(body, "a", variables=variables, inject=inject) == f"a {output} x\n{output}\na"
    assert render("!`$0`", "a", inject=inject) == f"{output}\n\nARGUMENTS: a"


def test_commands_come_from_the_body_alone() -> None:
    """An argument that looks like one, or that would close or open a block, changes no command."""
    seen: list[str] = []

    def inject(injection: Injection, _filling: Filling) -> str:
        seen.append(injection.command)
        return ""

    render("$ARGUMENTS\n!`a`\n$ARGUMENTS", "!`evil`\n```!\nevil\n```\n", inject=inject)
    assert seen == ["a"]


def test_without_an_injector_commands_are_text_like_any_other() -> None:
    """Placeholders in them are filled in."""
    assert fill("!`gh pr view $0`", "12") == "!`gh pr view 12`"


def test_a_body_cannot_multiply_its_arguments_without_end() -> None:
    """The limit is on what the arguments add."""
    arguments = "x" * (1 << 20)
    assert len(fill("$0" * 32, arguments)) == MAX_INSERTED
    with pytest.raises(LimitExceededError, match="repeats its arguments"):
        fill("$0" * 33, arguments)


@given(st.text(alphabet=HOSTILE))
def test_an_argument_arrives_as_typed(arguments: str) -> None:
    """Only a variable that it names is replaced in it."""
    assert fill("<$ARGUMENTS>", arguments) == f"<{arguments.replace('${CLAUDE_SKILL_DIR}', str(SKILL))}>"


@given(st.text(alphabet=HOSTILE), st.text(alphabet=HOSTILE))
def test_a_body_without_placeholders_stays_as_it_is(body: str, arguments: str) -> None:
    """Whatever the arguments are."""
    plain = re.sub(r"\$", "%", body)
    assert fill(plain, arguments).startswith(plain.rstrip().lstrip("\n") if arguments.strip() else plain)


@given(st.text() | st.text(alphabet=HOSTILE), st.text() | st.text(alphabet=HOSTILE), st.lists(st.text()))
def test_nothing_makes_rendering_fail(body: str, arguments: str, names: list[str]) -> None:
    """Any body, argument text and names give a text."""
    assert isinstance(fill(body, arguments, tuple(names)), str)
    assert isinstance(render(body, arguments, names=names, inject=lambda _injection, _filling: ""), str)


@given(st.text(alphabet="ab '\"\\\n\t$#é"))
def test_arguments_are_split_as_a_shell_would(arguments: str) -> None:
    """The standard library's own splitter agrees; where quotes do not balance, blanks alone separate."""
    try:
        expected = shlex.split(arguments)
    except ValueError:
        expected = arguments.split()
    assert split_arguments(arguments) == expected


@pytest.mark.parametrize(
    "unit",
    [
        "\\",
        "$",
        "$ARGUMENTS[",
        "$1",
        "$a-",
        "$a.b",
        "!`",
        "```!\n",
        " !`a` ",
        "${CLAUDE_SKILL_DIR",
        "'",
        '"',
        '\\"',
        " a",
    ],
)
def test_hostile_text_costs_linear_time(unit: str) -> None:
    """Time that grew with the square of these lengths would be hours, and the test be stopped."""
    names = tuple(f"a-{number}" for number in range(1000))
    text = unit * (2_000_000 // len(unit))
    assert render(text, "a", names=names, inject=lambda _injection, _filling: "")
    assert render("$1 $0", text)
