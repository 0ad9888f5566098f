"""Values put into a command stay values."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openskills_core.dynamic.quoting import filled_command
from openskills_core.dynamic.shell import is_search
from openskills_core.format import Filling, Variables

EVIL = 'b; touch `x` $(y) "'


def fill(command: str, arguments: str = "", skill_dir: str = "/s k", names: tuple[str, ...] = ("issue",)) -> str:
    """Return `command` with `arguments` filled in."""
    return filled_command(Filling(arguments, names, Variables(skill_dir=Path(skill_dir))).pieces(command))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gh view $1", f"gh view '{EVIL}'"),
        ("gh view $ARGUMENTS[1]", f"gh view '{EVIL}'"),
        ("gh view $issue", "gh view a"),
        ("gh view $ARGUMENTS", f"gh view a '{EVIL}'"),
        ("gh --q=$1", f"gh --q='{EVIL}'"),
        ('gh "x $1 y"', 'gh "x b; touch \\`x\\` \\$(y) \\" y"'),
        ('gh "$ARGUMENTS"', 'gh "a \'b; touch \\`x\\` \\$(y) \\"\'"'),
        ("gh $1 | head", f"gh '{EVIL}' | head"),
        ("gh $1 > out", f"gh '{EVIL}' > out"),
        ("! gh $1", f"! gh '{EVIL}'"),
        ("echo $(gh $1)", f"echo $(gh '{EVIL}')"),
        ('echo "$(gh "$1")"', 'echo "$(gh "b; touch \\`x\\` \\$(y) \\"")"'),
        ("x=$(gh $1); echo $x", f"x=$(gh '{EVIL}'); echo $x"),
        ("if gh $1; then gh $0; fi", f"if gh '{EVIL}'; then gh a; fi"),
        ('[ -n "$0" ] && gh $0', '[ -n "a" ] && gh a'),
        ('[[ "$0" == b ]] || gh', '[[ "a" == b ]] || gh'),
        ("test -f $0 && echo yes", "test -f a && echo yes"),
        ("[ -f $1 ]", f"[ -f '{EVIL}' ]"),
        ('test "$0" = b', 'test "a" = b'),
        ('"${CLAUDE_SKILL_DIR}/x.sh" $0', '"/s k/x.sh" a'),
        ("python3 -u x.py $ARGUMENTS", f"python3 -u x.py a '{EVIL}'"),
        ("bash x.sh $0", "bash x.sh a"),
        ("/usr/bin/env.sh $0", "/usr/bin/env.sh a"),
        ("awk '{print \\$1}' $0", "awk '{print $1}' a"),
        ("printf '%s' $0", "printf '%s' a"),
        ("gh \\\\$0", "gh \\\\a"),
        ("gh\nls $0", "gh\nls a"),
    ],
)
def test_an_argument_is_one_word_of_the_command(command: str, expected: str) -> None:
    """Quoted as a word, escaped in double quotes; all of the arguments are a word each outside of quotes."""
    assert fill(command, f"a '{EVIL}'") == expected


@pytest.mark.parametrize(
    "command",
    [
        "$0",
        "$0 x",
        "./$0 x",
        '"$0" x',
        "x; $0",
        "x | $0",
        "echo $($0)",
        "'$0'",
        "awk '{print $0}'",
        "awk $0",
        "echo `gh $0`",
        'echo "`gh $0`"',
        "cat <<EOF\n$0\nEOF",
        "cat <<< $0",
        "cat > $0",
        "cat < $0",
        "x=$0 gh",
        "x=$0; gh $x",
        "export x=$0",
        "echo $(($0 + 1))",
        "[[ $0 -eq 1 ]]",
        '[[ "$0" -eq 1 ]]',
        '[ -v "$0" ]',
        "[ -f $ARGUMENTS ]",
        "test -n x -o -v $0",
        "test -n $0 -o x",
        "[ -n x -o -v $0 ]",
        "[ $0 ]",
        "test $0",
        '"eval" $0',
        '"a;b" $0',
        'test -v "$0"',
        "case $0 in a) ;; esac",
        "for x in $0; do gh; done",
        "f() { gh $0; }; f",
        "echo ${x:-$0}",
        'echo "${x:-$0}"',
        "echo $'$0'",
        "echo a # $0",
        "echo \\\\\\$0",
        'echo "\\\\\\$0"',
        "eval $0",
        'eval "gh $0"',
        "exec $0",
        ". $0",
        "source $0",
        "command $0",
        "env $0",
        "env A=1 $0",
        "timeout 5 $0",
        "xargs $0",
        "sudo $0",
        "find . -name $0",
        "sed -n $0",
        "bash $0",
        'bash -c "gh $0"',
        "bash -o pipefail $0",
        "/bin/sh -c $0",
        "python3 -m $0",
        'python3 -c "print($0)"',
        'perl -e "$0"',
        "printf -v $0 x",
        "printf $0",
        "declare $0",
        "read $0",
        "$X $0",
        "'eval' $0",
        "e\\val $0",
        "gh 'unbalanced $0",
        "gh " + "$0 " * 200,
        "gh " + "( " * 200 + "$0",
        "gh $0 " + "x" * 200_000,
    ],
)
def test_an_argument_is_refused_where_a_shell_could_run_it(command: str) -> None:
    """However harmless the argument is, for the skill is to be written differently. Its placeholder is named."""
    with pytest.raises(ValueError, match=r"^\$(0|ARGUMENTS)$"):
        fill(command, "a b")


def test_without_an_argument_any_command_stays_as_written() -> None:
    """What is not filled in needs no quotes; a name without an argument is nothing."""
    assert fill("awk '{print $1}' f | while read x; do $x; done") == "awk '{print $1}' f | while read x; do $x; done"
    assert fill("eval gh $issue '$ARGUMENTS'") == "eval gh  ''"


@pytest.mark.parametrize(
    ("command", "skill_dir", "expected"),
    [
        ("${CLAUDE_SKILL_DIR}/x.sh", "/skills/a", "/skills/a/x.sh"),
        ("cat <<EOF\n${CLAUDE_SKILL_DIR}\nEOF", "/skills/a", "cat <<EOF\n/skills/a\nEOF"),
        ("awk '{print \"${CLAUDE_SKILL_DIR}\"}'", "/skills/a", "awk '{print \"/skills/a\"}'"),
        ("${CLAUDE_SKILL_DIR}/x.sh", "/s k", "'/s k'/x.sh"),
        ('"${CLAUDE_SKILL_DIR}/x.sh"', "/s k", '"/s k/x.sh"'),
        ('"${CLAUDE_SKILL_DIR}/x.sh"', "/s$(k)", '"/s\\$(k)/x.sh"'),
        ("cat < ${CLAUDE_SKILL_DIR}/x", "/s;k", "cat < '/s;k'/x"),
        ("D=${CLAUDE_SKILL_DIR} gh", "/s;k", "D='/s;k' gh"),
        ("timeout 5 ${CLAUDE_SKILL_DIR}/x.sh", "/skills/a", "timeout 5 /skills/a/x.sh"),
        ("bash ${CLAUDE_SKILL_DIR}/x.sh $0", "/s k", "bash '/s k'/x.sh a"),
    ],
)
def test_a_directory_may_name_the_command(command: str, skill_dir: str, expected: str) -> None:
    """It is the host's; it is quoted where its name is not plain."""
    assert fill(command, "a" if "$0" in command else "", skill_dir) == expected


def test_a_configured_value_that_runs_its_words_takes_no_argument() -> None:
    """It is read as what it is, not as a word in its place."""
    filling = Filling("a", (), Variables(user_config={"tool": "eval"}))
    with pytest.raises(ValueError, match=r"\$0"):
        filled_command(filling.pieces("${user_config.tool} $0"))


def test_a_directory_that_is_not_plain_is_refused_where_it_cannot_be_quoted() -> None:
    """In single quotes a quotation mark in its name would end them."""
    with pytest.raises(ValueError, match="CLAUDE_SKILL_DIR"):
        fill("echo '${CLAUDE_SKILL_DIR}'", "", "/it's; ls")


def test_a_variable_named_in_an_argument_stays_text() -> None:
    """The value would not be quoted."""
    assert fill("echo $0", "'${CLAUDE_SKILL_DIR}'", "/it's") == "echo '${CLAUDE_SKILL_DIR}'"


HOSTILE = st.text(alphabet="a ;'\"\\$(){}`|&<>\n#!~*[]=-\t", max_size=12)


@settings(deadline=None, max_examples=60)
@given(HOSTILE, HOSTILE)
def test_bash_agrees(first: str, second: str) -> None:
    """What a real shell hands to the program is what was typed, to the letter."""
    words = Filling("", (), Variables())
    words._words = (first, second)
    words._arguments = "whole " + first
    template = (
        'printf \'<%s>\' $0 "$1" "x$ARGUMENTS" --q=$1\n'
        'true && printf \'<%s>\' "$(printf %s "$0"; echo .)"\n'
        "if [ -n \"x$1\" ]; then printf '<%s>' $1; fi"
    )
    script = filled_command(words.pieces(template))
    printed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    values = (first, second, f"xwhole {first}", f"--q={second}", f"{first}.", second)
    wanted = "".join(f"<{value}>" for value in values)
    assert (printed.stdout, printed.stderr) == (wanted, "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("grep x f", True),
        ("rg x", True),
        ("egrep x f", True),
        ("fgrep x f", True),
        ("find . -name x", True),
        ("diff a b", True),
        ("test -e x", True),
        ("[ -e x ]", True),
        ("[[ -e x ]]", True),
        ("git diff --exit-code", True),
        ("git grep x", True),
        ("/usr/bin/grep x f", True),
        ("LC_ALL=C grep x f", True),
        ("cat f | grep x", True),
        ("cd d && grep x f", True),
        ("a; grep x f  # why", True),
        ("grep x f > out", True),
        ("(cd d; grep x f)", True),
        ("cmp a b", False),
        ("pgrep x", False),
        ("jq -e .x", False),
        ("git status", False),
        ("git", False),
        ("grep x f | head", False),
        ("grep x f; false", False),
        ("! grep x f", False),
        ("if grep x f; then exit 1; fi", False),
        ("$grep x", False),
        ("x=1", False),
        ("", False),
        ("grep " + "x" * 200_000, False),
    ],
)
def test_which_commands_answer_with_status_one(command: str, expected: bool) -> None:
    """The last simple command decides the status, and searches and comparisons alone may end with 1."""
    assert is_search(command) is expected


@pytest.mark.parametrize("unit", ["(", "$(", "[[ ", "a;", "'a'", "{", "`", "if ", '"$(', "<(", "| ", "\\"])
def test_a_hostile_command_is_read_in_linear_time(unit: str) -> None:
    """Otherwise the test would be stopped."""
    command = unit * (100_000 // len(unit))
    is_search(command)
    with pytest.raises(ValueError, match="0"):
        fill(f"{command} $0 '", "a")
