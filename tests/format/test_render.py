"""Substitutions in a skill's body."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openskills_core.format import render

SKILL = Path("/skills/my skill")


def fill(body: str, arguments: str = "", names: tuple[str, ...] = ()) -> str:
    """Render `body` for a skill in SKILL and no project."""
    return render(body, arguments, names=names, skill_dir=SKILL)


@pytest.mark.parametrize(
    ("body", "arguments", "expected"),
    [
        ("Do $ARGUMENTS now", "a  'b c'", "Do a  'b c' now"),
        ("$ARGUMENTS", "", ""),
        ("$ARGUMENTS and $ARGUMENTS", "x", "x and x"),
        ("$0 then $1", "a 'b c' d", "a then b c"),
        ("$ARGUMENTS[1]-$ARGUMENTS[0]", 'a "b c"', "b c-a"),
        ("$10 $1", "a b c d e f g h i j k", "k b"),
        ("$0", "don't stop", "don't"),
        ("$0 $5", "a", "a $5"),
        ("$0 $ARGUMENTS[5]", "a", "a $ARGUMENTS[5]"),
        ("cost $1.00", "a b", "cost b.00"),
        (r"cost \$1.00 $0", "a b", "cost $1.00 a"),
        (r"\$ARGUMENTS $0", "a", "$ARGUMENTS a"),
        (r"\$ARGUMENTS[0] $0", "a", "$ARGUMENTS[0] a"),
        (r"\\$0", "a", r"\\a"),
        (r"\$HOME $0", "a", r"\$HOME a"),
        (r"\$5k $0", "a", "$5k a"),
        ("$5k $0", "a", "$5k a"),
        ("$HOME $ $$ ${X} $0", "a", "$HOME $ $$ ${X} a"),
        ("$0", "'$1 $ARGUMENTS' b", "$1 $ARGUMENTS"),
        ("$99999999999999999999 $0", "a", "$99999999999999999999 a"),
    ],
)
def test_placeholders(body: str, arguments: str, expected: str) -> None:
    """Each placeholder becomes its argument, or stays as written when there is none."""
    assert fill(body, arguments) == expected


@pytest.mark.parametrize(
    ("body", "arguments", "expected"),
    [
        ("Fix $issue on $branch", "12 main", "Fix 12 on main"),
        ("Fix $issue on $branch.", "12", "Fix 12 on ."),
        ("$issue_number", "12 13 99", "99"),
        ("$issues $issue", "12", "$issues 12"),
        (r"\$issue $issue", "12", "$issue 12"),
        ("$issue-x", "12", "12-x"),
    ],
)
def test_named_placeholders(body: str, arguments: str, expected: str) -> None:
    """A declared name stands for its position and is empty without an argument."""
    assert fill(body, arguments, ("issue", "branch", "issue_number")) == expected


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


def test_directories_are_filled_in_and_cannot_be_escaped() -> None:
    """A backslash before them stays, and without a project its variable stays too."""
    body = r"${CLAUDE_SKILL_DIR}/x \${CLAUDE_SKILL_DIR} ${CLAUDE_PROJECT_DIR} ${CLAUDE_SESSION_ID}"
    both = render(body, skill_dir=SKILL, project_dir=Path("/work"))
    assert both == r"/skills/my skill/x \/skills/my skill /work ${CLAUDE_SESSION_ID}"
    assert "${CLAUDE_PROJECT_DIR}" in fill(body)


@given(st.text(alphabet="$ARGUMENTS[]0129\\{}CLAUDE_SKILL_DIR '\"ab"))
def test_an_argument_is_never_expanded_again(arguments: str) -> None:
    """What the user typed arrives as typed."""
    assert fill("<$ARGUMENTS>", arguments) == f"<{arguments}>"


@given(st.text(), st.text(), st.lists(st.text()))
def test_nothing_makes_rendering_fail(body: str, arguments: str, names: list[str]) -> None:
    """Any body, argument text and names give a text."""
    assert isinstance(fill(body, arguments, tuple(names)), str)


def test_a_run_of_backslashes_costs_linear_time() -> None:
    """A hostile body cannot stall the host."""
    start = time.process_time()
    fill("\\" * 2_000_000, "a")
    assert time.process_time() - start < 1
