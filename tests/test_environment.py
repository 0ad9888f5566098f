"""What a script is given: input of any characters by two ways, and words that a program can be started with."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core.environment import as_json, check_words, environment
from openskills_core.errors import LimitExceededError
from openskills_core.models import Call, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openskills_core import OpenSkillRuntime

ECHO = "import json, os, sys\nprint(sys.stdin.buffer.read().decode(), os.environ.get('SKILL_INPUT'), sep='|')\n"
HALF = "\ud83d"


def variable(value: Any, workspace: Path) -> str | None:
    """Return the variable that a call with this input gets."""
    call = Call("script", "scripts/main.py", "one", input=value)
    return environment(call, None, workspace, Limits()).get("SKILL_INPUT")


@pytest.mark.parametrize(
    ("value", "is_set"),
    [
        ("x" * (64 * 1024 - 3), True),
        ("x" * (64 * 1024 - 2), False),
        ("é" * (32 * 1024 - 2), True),
        ("é" * (32 * 1024 - 1), False),
        ("\U0001f600" * 16_383, True),
        ("\U0001f600" * 16_384, False),
        ("\U0001f600" * 40_000, False),
        ({}, True),
        (0, True),
        (None, False),
    ],
)
def test_the_input_variable_is_bounded_by_its_bytes(tmp_path: Path, value: Any, is_set: bool) -> None:
    """A character can take four, and the system counts bytes."""
    found = variable(value, tmp_path)
    assert found == (json.dumps(value, ensure_ascii=False) if is_set else None)


@pytest.mark.parametrize("value", [HALF, "a\udcff", ["\\", HALF], {HALF: {"deep": [f'"\\u{HALF}\\']}}])
def test_input_with_half_a_pair_is_escaped_and_has_no_variable(tmp_path: Path, value: Any) -> None:
    """The escape is JSON's, so what a script reads is the very value."""
    assert variable(value, tmp_path) is None
    text = as_json(value)
    assert json.loads(text.encode()) == value
    assert "\\ud83d" in text or "\\udcff" in text


def test_whole_text_is_not_escaped() -> None:
    """Only halves are: everything else is written as it is."""
    assert as_json({"ü": "\U0001f600\n"}) == '{"ü": "\U0001f600\\n"}'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"a{HALF}", '"a\\ud83d"|None\n'),
        ("\U0001f600", '"\U0001f600"|"\U0001f600"\n'),
    ],
)
def test_a_script_reads_what_it_was_given(
    make_skill: Callable[..., Path], runtime: OpenSkillRuntime, value: str, expected: str
) -> None:
    """Halves of pairs come over standard input only; whole characters by both ways."""
    make_skill("echo", main_py=ECHO)
    result = runtime.execute_skill("echo", input=value)
    assert (result.status, result.stdout, result.stderr) == ("success", expected, "")


def test_large_input_of_large_characters_starts(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """The system would refuse to start a program with this as a variable."""
    make_skill("echo", main_py=ECHO)
    faces = "\U0001f600" * 40_000
    result = runtime.execute_skill("echo", input=faces)
    assert (result.status, result.stdout) == ("success", f'"{faces}"|None\n')


@pytest.mark.parametrize("word", [HALF, "a\udc7fb", "\udd00", f"\udcff{HALF}"])
def test_a_word_that_cannot_be_encoded_is_a_limit(word: str) -> None:
    """With the number of the argument, and a culprit that can be printed."""
    with pytest.raises(LimitExceededError, match="argument 1 holds half of a surrogate pair") as caught:
        check_words(["fine", word])
    assert caught.value.culprit.encode()


def test_calls_with_such_words_are_refused(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """Arguments and commands alike, and each refusal is recorded."""
    make_skill("echo", main_py=ECHO)
    with pytest.raises(LimitExceededError, match="surrogate"):
        runtime.execute_skill("echo", args=[HALF])
    with pytest.raises(LimitExceededError, match="surrogate"):
        runtime.run_command(f"echo {HALF}")
    assert [record["status"] for record in runtime.audit.records()] == ["refused", "refused"]


def test_bytes_that_are_no_text_are_words(make_skill: Callable[..., Path], runtime: OpenSkillRuntime) -> None:
    """As Python hands them over from a command line or a file name."""
    make_skill("bytes", main_py="import os, sys\nprint(os.fsencode(sys.argv[1]))\n")
    check_words([os.fsdecode(b"\xff\x80")])
    assert runtime.execute_skill("bytes", args=[os.fsdecode(b"\xff\x80")]).stdout == "b'\\xff\\x80'\n"
