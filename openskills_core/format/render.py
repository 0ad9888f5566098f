r"""A skill's body and the arguments of one activation → the text the model reads.

| written | becomes |
|---|---|
| `$ARGUMENTS` | all arguments as typed |
| `$ARGUMENTS[N]`, `$N` | the argument at position N from 0, split like a shell does; unchanged when there is none |
| `$name` | the argument at the position of that name in `arguments:`; nothing when there is none |
| `\$…` | the placeholder itself, without the backslash; two or more backslashes stay and prevent nothing |
| `${CLAUDE_…}` | the directories and values of `Variables`; they cannot be escaped |

An argument is never looked at again, with one exception that is documented: variables are replaced after it was put in,
so it may name one. Source: Claude Code, "Available string substitutions" and "Pass arguments to skills".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from openskills_core.errors import LimitExceededError
from openskills_core.format.inject import Injection, injections
from openskills_core.format.splitting import split_arguments
from openskills_core.format.variables import VARIABLE, Variables
from openskills_core.models import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_INSERTED = 32 * MIB
_MAX_DIGITS = 8
# The look-behind keeps a long run of backslashes from being scanned once per backslash.
_ARGUMENT = (
    r"(?<!\\)(?P<slashes>\\*)\$(?:"
    r"ARGUMENTS\[(?P<index>[0-9]+)\]|(?P<all>ARGUMENTS)|(?P<number>[0-9]+)(?!\w)|(?P<digit>[0-9])"
)
_WITHOUT_NAMES = re.compile(rf"{_ARGUMENT})")
_WITH_NAMES = re.compile(rf"{_ARGUMENT}|(?P<name>[^\W\d][\w.-]{{0,63}}))")


def render(
    body: str,
    arguments: str = "",
    *,
    names: Sequence[str] = (),
    variables: Variables | None = None,
    inject: Callable[[Injection, Filling], str] | None = None,
) -> str:
    """Fill in a skill's body, in linear time.

    Args:
        body: the text after the frontmatter.
        arguments: what was typed after the skill's name. What no placeholder took is appended as `ARGUMENTS: …`.
        names: the skill's `arguments:` field, names in order of position.
        variables: the values of `${CLAUDE_…}`.
        inject: called for each command of the body, in order; what it returns stands there and is not looked at again.
            Without it commands are text like any other.

    Raises:
        LimitExceededError: the arguments, put in wherever the body names them, are over `MAX_INSERTED` characters.
        Exception: what `inject` raises.
    """
    filling = Filling(arguments, names, variables or Variables())
    parts, at = [], 0
    for injection in injections(body) if inject else ():
        parts.append(filling.text(body[at : injection.start]))
        parts.append(inject(injection, filling) if inject else "")
        at = injection.end
    parts.append(filling.text(body[at:]))
    text = "".join(parts)
    if filling.taken or not arguments.strip():
        return text
    return f"{text.rstrip()}\n\nARGUMENTS: {filling.appended()}".lstrip("\n")


@dataclass(frozen=True, slots=True)
class Value:
    """What stands for one placeholder: its text, and the words that a shell would make of it.

    `is_argument` tells what a user or a model typed from the value of a variable. `placeholder` is as written.
    """

    text: str
    words: tuple[str, ...]
    placeholder: str
    is_argument: bool = True


class Filling:
    """The values of one activation. `taken` says whether a placeholder took any of the arguments."""

    def __init__(self, arguments: str, names: Sequence[str], variables: Variables) -> None:
        self.taken = False
        self._inserted = 0
        self._arguments = arguments
        self._positions = {name: position for position, name in reversed(list(enumerate(names)))}
        self._pattern = _WITH_NAMES if self._positions else _WITHOUT_NAMES
        self._variables = variables

    def text(self, text: str) -> str:
        """Return ordinary text filled in: first the arguments, then the variables."""
        pieces = (piece.text if isinstance(piece, Value) else piece for piece in self._filled(text))
        return self._variables.expand("".join(pieces))

    def appended(self) -> str:
        """Return the arguments as they stand at the end of a body that took none of them."""
        return self._variables.expand(self._arguments)

    def pieces(self, command: str) -> Iterator[str | Value]:
        """Yield a command's own text and the values in it, in order. A variable named in an argument stays there."""
        for piece in self._filled(command):
            if isinstance(piece, Value):
                yield piece
            else:
                yield from self._with_variables(piece)

    def _with_variables(self, text: str) -> Iterator[str | Value]:
        at = 0
        for match in VARIABLE.finditer(text):
            value = self._variables.value(match)
            if value is not None:
                yield text[at : match.start()]
                yield Value(value, (value,), match[0], is_argument=False)
                at = match.end()
        yield text[at:]

    def _filled(self, text: str) -> Iterator[str | Value]:
        at = 0
        for match in self._pattern.finditer(text):
            yield text[at : match.start()]
            yield from self._replacement(match)
            at = match.end()
        yield text[at:]

    def _replacement(self, match: re.Match[str]) -> Iterator[str | Value]:
        """Yield what stands in the place of one placeholder, or of what only looks like one."""
        name = self._declared(match) if match.lastgroup == "name" else ""
        if match.lastgroup == "name" and not name:
            yield match[0]
            return
        if match["slashes"] == "\\":
            yield match[0][1:]
            return
        value = self._value(match, name)
        if value is None:
            yield match[0]
            return
        self.taken = True
        self._inserted += len(value.text)
        if self._inserted > MAX_INSERTED:
            raise LimitExceededError(
                f"the skill's text repeats its arguments to more than {MAX_INSERTED:,} characters: hand over "
                "shorter ones"
            )
        yield match["slashes"]
        yield value
        yield match["name"][len(name) :] if name else ""

    def _declared(self, match: re.Match[str]) -> str:
        """Return the longest declared name that the match begins with and no letter or digit follows, or ""."""
        token, following = match["name"], match.string[match.end() : match.end() + 1]
        for end in range(len(token), 0, -1):
            if token[:end] in self._positions and not _is_word(token[end : end + 1] or following):
                return token[:end]
        return ""

    def _value(self, match: re.Match[str], name: str) -> Value | None:
        placeholder = match[0][len(match["slashes"]) :]
        if match["all"]:
            return Value(self._arguments, self._words, placeholder)
        if name:
            word = self._word(self._positions[name])
            return Value(word or "", () if word is None else (word,), f"${name}")
        position = match["index"] or match["number"]
        word = self._word(int(position)) if position and len(position) < _MAX_DIGITS else None
        return None if word is None else Value(word, (word,), placeholder)

    @cached_property
    def _words(self) -> tuple[str, ...]:
        return tuple(split_arguments(self._arguments))

    def _word(self, position: int) -> str | None:
        return self._words[position] if position < len(self._words) else None


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
