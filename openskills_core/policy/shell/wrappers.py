"""Programs that start other programs: which are looked through, and what they start.

What allows looks through the few wrappers that Claude Code strips, in the forms that are certain. What denies looks
through everything known to start a program from its arguments, whatever the options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openskills_core.policy.patterns import UNKNOWN
from openskills_core.policy.shell.words import Word
from openskills_core.policy.syntax import UnreadableError, hides

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Words = tuple[Word, ...]

_MAX_STRIPPED = 8
_MAX_STARTS = 64


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """The options that a wrapper may have: by themselves, with a value; and a pattern for the word after them."""

    flags: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()
    operand: str = ""


_STRIPPED: Mapping[str, _Wrapper] = {
    "timeout": _Wrapper(
        frozenset({"-v", "--verbose", "--foreground", "--preserve-status"}),
        frozenset({"-k", "--kill-after", "-s", "--signal"}),
        operand=r"\d+(\.\d+)?[smhd]?",
    ),
    "time": _Wrapper(frozenset({"-p"})),
    "nice": _Wrapper(valued=frozenset({"-n", "--adjustment"})),
    "nohup": _Wrapper(),
    "stdbuf": _Wrapper(valued=frozenset({"-i", "-o", "-e", "--input", "--output", "--error"})),
    "command": _Wrapper(),
    "builtin": _Wrapper(),
    "noglob": _Wrapper(),
    "xargs": _Wrapper(),
}
# Started through these a program is beyond what a prefix can promise.
_NEVER_BY_PREFIX = frozenset({"watch", "setsid", "ionice", "flock"})
_FIND_ACTIONS = frozenset({"-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"})
# Each with the number of its own operands before the program.
_STARTERS: Mapping[str, int] = {
    **dict.fromkeys(("time", "nice", "nohup", "stdbuf", "command", "builtin", "noglob", "nocorrect", "exec", "env"), 0),
    **dict.fromkeys(
        ("sudo", "doas", "watch", "setsid", "ionice", "xargs", "parallel", "busybox", "toybox", "coproc"), 0
    ),
    **dict.fromkeys(("strace", "ltrace", "unshare", "nsenter", "setpriv", "systemd-run", "unbuffer", "script", "!"), 0),
    **dict.fromkeys(("timeout", "flock", "chrt", "taskset", "chroot", "setarch", "runuser", "su"), 1),
}
_FILLED_IN = frozenset({"xargs", "parallel", "find"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "fish"})
_TAKE_CODE = frozenset(
    {"su", "runuser", "script", "watch", "flock", "env", "parallel", "systemd-run", "unshare", "mapfile", "readarray"}
)
# Bash evaluates a subscript in what these are given, and runs a `$(…)` in it, quoted or not.
_EVALUATE = frozenset(
    {"let", "test", "[", "printf", "read", "unset", "declare", "typeset", "local", "export", "readonly", "wait"}
)
_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/", "<(", "-")
_CODE_OPTION = re.compile(r"-[A-Za-z]*c[A-Za-z]*")


def stripped(words: Words) -> list[Words]:
    """Return the command and what is left of it as one wrapper after the other is taken away."""
    forms = [words]
    while len(forms) <= _MAX_STRIPPED and (inner := _without_wrapper(forms[-1])):
        forms.append(inner)
    return forms


def is_beyond_prefixes(words: Words) -> bool:
    """Whether only a rule with the whole text may allow this command: what it runs is in its arguments."""
    program = _name(words[0])
    if program == "find":
        return any(not word.known or word.value in _FIND_ACTIONS for word in words[1:])
    return program in _NEVER_BY_PREFIX


def starts(words: Words) -> list[Words]:
    """Return the command and every command that it may start by its arguments, the likeliest reading first.

    Raises:
        UnreadableError: there are too many.
    """
    found = [words]
    known = {len(words)}
    for one in found:
        for inner in _started(one):
            if inner and len(inner) not in known:
                known.add(len(inner))
                found.append(inner)
            if len(found) > _MAX_STARTS:
                raise UnreadableError("too many programs start each other in it")
    return found


def code_in(words: Words, stdin: Word | None) -> Iterator[str]:
    """Yield the shell texts that a command is given to run.

    Raises:
        UnreadableError: it is given one that the text does not say.
    """
    program, rest = _name(words[0]), words[1:]
    if program == "eval":
        yield _text(Word("", " ".join(word.value for word in rest), all(word.single for word in rest)))
    elif program == "trap":
        yield from map(_text, rest)
    elif program == "alias":
        yield from (_text(Word("", word.value.partition("=")[2])) for word in rest if "=" in word.value)
    elif program in ("source", ".") and rest:
        _check_file(rest[0])
    elif program in _SHELLS:
        yield from _shell_code(rest, stdin)
    elif program in _TAKE_CODE:
        yield from (_text(word) for word in rest if any(letter.isspace() for letter in word.value))
    elif program in _EVALUATE:
        yield from data_as_code(rest)


def data_as_code(words: Iterable[Word]) -> Iterator[str]:
    """Yield a command for each word that holds a `$(…)` or backquotes as plain text, for it may be evaluated."""
    yield from (f": {word.value}" for word in words if word.known and hides(word.value))


def _shell_code(rest: Words, stdin: Word | None) -> Iterator[str]:
    code = next((place for place, word in enumerate(rest) if _CODE_OPTION.fullmatch(word.value)), None)
    operands = [word for word in rest[code or 0 :] if not word.value.startswith(("-", "+"))]
    if code is not None:
        if not operands:
            raise UnreadableError("it gives a shell a text that only the running shell knows")
        yield _text(operands[0])
    elif operands and not any(word.value == "-s" for word in rest):
        _check_file(operands[0])
    elif not any(word.value in ("--version", "--help", "-n") for word in rest):
        yield _text(stdin or Word("", UNKNOWN))


def _text(word: Word) -> str:
    if not word.known:
        raise UnreadableError("it gives a shell a text that only the running shell knows")
    return word.value


def _check_file(word: Word) -> None:
    if word.raw.startswith(_STREAMS) and word.raw not in ("--", "-c"):
        raise UnreadableError("it gives a shell a text that only the running shell knows")


def _name(word: Word) -> str:
    return word.value.rpartition("/")[2]


def _without_wrapper(words: Words) -> Words:
    wrapper = _STRIPPED.get(words[0].value) if words[0].known else None
    if wrapper is None:
        return ()
    at = _after_options(words, wrapper)
    if wrapper.operand and at and at < len(words):
        at = at + 1 if words[at].known and re.fullmatch(wrapper.operand, words[at].value) else 0
    if not at or at >= len(words) or words[at].value.startswith("-"):
        return ()
    # What xargs reads becomes further arguments, so a rule for exactly these words is not about it.
    more = (Word("…", UNKNOWN, single=False),) if words[0].value == "xargs" else ()
    return words[at:] + more


def _after_options(words: Words, wrapper: _Wrapper) -> int:
    """Return the place of the first word that is no option, 0 when an option is not known."""
    at = 1
    while at < len(words) and words[at].value.startswith("-"):
        option = words[at].value
        if not words[at].known:
            return 0
        if option in wrapper.valued:
            at += 2
        elif option in wrapper.flags or _holds_its_value(option, wrapper):
            at += 1
        else:
            return 0
    return at


def _holds_its_value(option: str, wrapper: _Wrapper) -> bool:
    if option.partition("=")[0] in wrapper.valued or option[:2] in wrapper.valued:
        return True
    return "--adjustment" in wrapper.valued and option[1:].isdigit()


def _started(words: Words) -> Iterator[Words]:
    program = _name(words[0])
    if program in _FILLED_IN:
        words = _filled_in(words)
    if program == "find":
        yield from (words[at + 1 :] for at, word in enumerate(words) if word.value in _FIND_ACTIONS)
    if program not in _STARTERS or (program == "command" and any(_asks_only(word) for word in words[1:2])):
        return
    operands = _STARTERS[program]
    for at, word in enumerate(words[1:], 1):
        yield words[at:]
        is_number = word.value[:1].isdigit()
        if _is_about_the_starter(word) or (at > 1 and words[at - 1].value.startswith("-")):
            continue
        if not operands and not is_number:
            return
        operands = max(0, operands - 1)


def _asks_only(word: Word) -> bool:
    return word.value in ("-v", "-V")


def _is_about_the_starter(word: Word) -> bool:
    """Whether a word may be an option or an assignment and not yet the program."""
    return not word.known or word.value.startswith("-") or "=" in word.value


def _filled_in(words: Words) -> Words:
    """Return the words with `UNKNOWN` for what is filled in: `{}`, and whatever `xargs -I` names."""
    marks = {"{}"}
    for at, word in enumerate(words[:-1]):
        if word.value in ("-I", "-J", "--replace"):
            marks.add(words[at + 1].value)
        elif word.value.startswith("-I"):
            marks.add(word.value[2:])
    marks.discard("")
    return tuple(_marked(word, marks) for word in words)


def _marked(word: Word, marks: set[str]) -> Word:
    value = word.value
    for mark in sorted(marks, key=len, reverse=True):
        value = value.replace(mark, UNKNOWN)
    return word if value == word.value else replace(word, value=value)
