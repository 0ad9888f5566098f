"""What a rule such as `Bash(git *)` says about a command line.

What allows must hold for every command in it, read with certainty. What denies or asks holds for the whole if it holds
for any part, wherever that stands and however it is quoted; and where a part cannot be read it is taken to hold.
Sources: Claude Code, "Configure permissions": compound commands, wrappers, redirections.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from openskills_core.policy.patterns import BLANK, UNKNOWN, may_be, to_word_end
from openskills_core.policy.shell import (
    UnreadableError,
    code_in,
    data_as_code,
    is_beyond_prefixes,
    read_scripts,
    starts,
    stripped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.policy.shell import Command, Redirect, Words

Known = tuple[tuple[str, str], ...]

_MAX_TEXTS = 20
# A value of these cannot name a program, a library or a file to load.
_SAFE_VARIABLES = frozenset(
    {"NODE_ENV", "CI", "DEBUG", "VERBOSE", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_NUMERIC"}
    | {"LC_TIME", "LC_MESSAGES", "TZ", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"}
    | {"COLUMNS", "LINES", "RUST_BACKTRACE", "RUST_LOG", "GOOS", "GOARCH", "CGO_ENABLED", "GO111MODULE"}
    | {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONUTF8", "DEBIAN_FRONTEND"}
)
_SPOILS_CANONICAL = frozenset("'\"\\$`")
_LEAVES = frozenset({"cd", "pushd", "popd"})
_QUOTES = str.maketrans("", "", "'\"\\")


@dataclass(frozen=True, slots=True)
class Part:
    """One command of a line that is to be allowed, in every form in which a rule may be about it.

    `needs` is the text with which a rule must begin because the command sets variables that may change what runs.
    `by_text_only` says that a rule with `*` cannot allow it. `problem` says why no rule can.
    """

    forms: tuple[str, ...] = ()
    needs: str = ""
    by_text_only: bool = False
    redirects: tuple[Redirect, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Approvable:
    """The parts of a line, each of which a rule must allow. `leaves` says that it changes the directory."""

    parts: tuple[Part, ...] = ()
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line may run, as the texts that rules are compared with, and why that may not be all of it.

    `paths` are texts that only a rule about a program's path is compared with.
    """

    texts: tuple[str, ...]
    paths: tuple[str, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    commands: tuple[Words, ...] = ()
    doubt: str = ""


def allows(pattern: str, part: Part) -> bool:
    """Whether a rule with this pattern allows one part of a line."""
    if part.problem or (part.by_text_only and "*" in pattern):
        return False
    pattern = squeezed(pattern)
    if part.needs and not pattern.partition("*")[0].startswith(part.needs):
        return False
    return any(to_word_end(pattern, form) for form in part.forms)


def speaks_of(pattern: str, read: Reading) -> str | None:
    """Return None when a rule with this pattern is about no part of a line, else "" or what makes that uncertain."""
    pattern = squeezed(pattern)
    forms = {pattern, pattern.translate(_QUOTES)}
    texts = read.texts
    if "/" in pattern.partition(" ")[0]:
        texts += read.paths
    found = [text for text in texts if any(may_be(form, text) for form in forms)]
    if any(UNKNOWN not in text for text in found):
        return ""
    if found:
        return "a part of the command is known only when it runs"
    return read.doubt or None


def squeezed(text: str) -> str:
    """Return a command as the shell separates its words: by blanks, however many."""
    return re.sub(r"[ \t]+", " ", text).strip(" \n")


@lru_cache(maxsize=16)
def approvable(line: str, known: Known = ()) -> Approvable | None:
    """Return the parts of a line that all have to be allowed, None when it cannot be read or more than they may run."""
    try:
        scripts = read_scripts(line, known)
    except UnreadableError:
        return None
    if any(script.odd for script in scripts):
        return None
    commands = [command for script in scripts for command in script.commands]
    leaves = any(command.words and command.words[0].value in _LEAVES for command in commands)
    return Approvable(tuple(map(_part, commands)), leaves)


@lru_cache(maxsize=16)
def reading(line: str, known: Known = ()) -> Reading:
    """Return everything a line may run, also by way of other programs, as far as its text says."""
    reader = _Reader([squeezed(line)])
    pending = [(line, known)]
    for count, (text, variables) in enumerate(pending):
        if count >= _MAX_TEXTS:
            reader.doubts.append("it holds too many texts for other shells")
            break
        pending += [(code, ()) for code in reader.read(text, variables)]
        if reader.doubts:
            # Everything that denies or asks holds now; hostile texts would only take time.
            break
    return reader.result()


@dataclass(slots=True)
class _Reader:
    texts: list[str]
    paths: list[str] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    commands: list[Words] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def read(self, text: str, known: Known) -> list[str]:
        """Take in one text and return those that it hands to other shells."""
        inner: list[str] = []
        try:
            for script in read_scripts(text, known):
                for command in script.commands:
                    inner += self._command(command)
        except UnreadableError as error:
            self.doubts.append(str(error))
        return inner

    def _command(self, command: Command) -> Iterator[str]:
        self.texts.append(squeezed(command.text))
        self.redirects += command.redirects
        yield from data_as_code(value for _, value in command.assigned if value is not None)
        for words in starts(command.words) if command.words else ():
            self.commands.append(words)
            self.texts += _texts(words)
            self.paths += _paths(words)
            try:
                yield from code_in(words, command.stdin)
            except UnreadableError as error:
                self.doubts.append(str(error))

    def result(self) -> Reading:
        return Reading(
            texts=tuple(dict.fromkeys(self.texts)),
            paths=tuple(self.paths),
            redirects=tuple(self.redirects),
            commands=tuple(self.commands),
            doubt=next(iter(self.doubts), ""),
        )


def _part(command: Command) -> Part:
    unsafe = [
        name for name, value in command.assigned if name not in _SAFE_VARIABLES or value is None or not value.known
    ]
    if not command.words:
        looped = all(value is None and _is_harmless(name) for name, value in command.assigned)
        problem = "it sets a variable that may change what runs" if unsafe and not looped else ""
        return Part(redirects=command.redirects, problem=problem)
    levels = stripped(command.words)
    if not all(words[0].known for words in levels):
        return Part(problem="its program is known only when it runs")
    forms = [form for words in levels for form in _forms(words)]
    needs = ""
    if command.lead:
        forms += [f"{command.lead} {form}" for form in forms]
        needs = f"{command.lead} " if unsafe else ""
    return Part(tuple(forms), needs, any(map(is_beyond_prefixes, levels)), command.redirects)


def _is_harmless(name: str) -> bool:
    """Whether the variable of a loop changes nothing: shells and programs look at names in capitals."""
    return name.islower() and not name.endswith("_proxy")


def _forms(words: Words) -> tuple[str, ...]:
    """Return a command as it is written, and with its quotes resolved."""
    written = " ".join(word.raw for word in words)
    resolved = " ".join(word.raw if not word.known or word.home else _canonical(word.value, word.raw) for word in words)
    return (squeezed(written), resolved)


def _canonical(value: str, raw: str) -> str:
    if not value or not _SPOILS_CANONICAL.isdisjoint(value):
        return raw
    return re.sub(r"\s", BLANK, value)


def _texts(words: Words) -> Iterator[str]:
    """Yield the texts that a denial is compared with: as written, with quotes resolved, and by the program's name."""
    program, rest = words[0], " ".join(["", *(word.value for word in words[1:])])
    yield squeezed(" ".join(word.raw for word in words))
    if UNKNOWN not in program.value:
        yield program.value + rest
        yield program.value.rpartition("/")[2] + rest
        return
    tail = program.value.rpartition(UNKNOWN)[2]
    known_name = program.single and "/" in tail
    yield (tail.rpartition("/")[2] if known_name else UNKNOWN + tail) + rest


def _paths(words: Words) -> Iterator[str]:
    if UNKNOWN in words[0].value:
        yield " ".join(word.value for word in words)
