"""The commands in a shell text: everything it may start, wherever it stands, and every file it is connected with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from openskills_core.policy.shell.drafts import Draft, Reader
from openskills_core.policy.syntax import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.policy.shell.words import RawWord, Word

_MAX_INNER = 8
_CONTINUED = re.compile(r"(?<!\\)((?:\\\\)*)\\\n")
# These give variables a value, or run text of which nothing is known here.
_ASSIGNERS = frozenset(
    {"read", "mapfile", "readarray", "printf", "declare", "typeset", "local", "export", "readonly", "unset", "let"}
    | {"getopts", "wait", "set", "eval", "source", ".", "trap", "alias", "shopt", "enable", "builtin", "command"}
)
# Bash gives these values of its own; `$_` is the last word of the command before.
_BASHS_OWN = (
    *("_", "BASH", "COPROC", "DIRSTACK", "EPOCH", "EUID", "FUNCNAME", "GROUPS", "HIST", "IFS", "LINENO", "MAPFILE"),
    *(
        "OLDPWD",
        "OPT",
        "PIPESTATUS",
        "PPID",
        "PWD",
        "RANDOM",
        "READLINE",
        "REPLY",
        "SECONDS",
        "SHLVL",
        "SRANDOM",
        "UID",
    ),
)


@dataclass(frozen=True, slots=True)
class Redirect:
    """A file that a command reads from or `writes` to."""

    target: Word
    writes: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command. `text` is its source; there are no `words` where there are only assignments or redirections.

    `assigned` are the variables that it sets, for itself or for what follows; None stands for the values of a loop and
    of an array. `lead` is how those before a command are written. `stdin` is what a here-document or here-string feeds
    it, if there is one.
    """

    text: str
    lead: str = ""
    words: tuple[Word, ...] = ()
    assigned: tuple[tuple[str, Word | None], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    stdin: Word | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What a text runs. `odd` names a construct in which something may run that is not among the `commands`."""

    commands: tuple[Command, ...]
    odd: str = ""


@lru_cache(maxsize=16)
def read_scripts(text: str, known: tuple[tuple[str, str], ...] = ()) -> tuple[Script, ...]:
    """Return what a shell may make of `text`; of several readings the last is the likeliest.

    There are two where a line ends in a backslash: a shell joins the lines, except in quotes and comments.

    Args:
        text: A command line or a whole script.
        known: Variables that are set when it starts.

    Raises:
        UnreadableError: the text cannot be read with certainty. The message says why.
    """
    joined = _CONTINUED.sub(r"\1", text)
    readings = (text, joined) if joined != text and any(sign in text for sign in ("'", "#", "<<")) else (joined,)
    return tuple(_script(reading, dict(known), _MAX_INNER) for reading in readings)


def _script(text: str, known: Mapping[str, str], depth: int) -> Script:
    reader = Reader(text)
    commands = _commands(reader, known)
    if reader.inner and not depth:
        raise UnreadableError("it is nested too deeply")
    for inner in reader.inner:
        commands += _script(inner, {}, depth - 1).commands
    return Script(commands, reader.odd)


def _commands(reader: Reader, known: Mapping[str, str]) -> tuple[Command, ...]:
    """Return the commands with those variables filled in whose values are certain."""
    drafts = reader.drafts
    lasting = {} if reader.odd else _lasting(drafts)
    assigned = {name for draft in drafts for name, _ in draft.assigned}
    given = {name: value for name, value in known.items() if name not in assigned}
    if not lasting and not given:
        return tuple(_command(draft, reader, {}) for draft in drafts)
    commands = tuple(_command(draft, reader, _at(draft, lasting, given)) for draft in drafts)
    # What follows from the values that were filled in must not be that there are others.
    if "IFS" in assigned or any(_may_assign(command) for command in commands):
        return tuple(_command(draft, reader, {}) for draft in drafts)
    return commands


def _lasting(drafts: list[Draft]) -> dict[str, tuple[int, str]]:
    """Return each variable that is assigned once, for all that follows, with where that is and its value."""
    found: dict[str, tuple[int, str]] = {}
    names = [name for draft in drafts for name, _ in draft.assigned]
    for draft in drafts:
        for name, value in draft.assigned if draft.lasting else ():
            text = value.read({}) if value is not None else None
            certain = text is not None and text.known and names.count(name) == 1 and not name.startswith(_BASHS_OWN)
            if text is not None and certain and text.value:
                found[name] = (draft.end, text.value)
    return found


def _at(draft: Draft, lasting: Mapping[str, tuple[int, str]], given: Mapping[str, str]) -> dict[str, str]:
    return {**given, **{name: value for name, (end, value) in lasting.items() if end <= draft.start}}


def _may_assign(command: Command) -> bool:
    """Whether a variable may have another value after this command; an assigner may stand behind `time`."""
    unknown = bool(command.words) and not command.words[0].known
    return unknown or any(word.value in _ASSIGNERS for word in command.words)


def _command(draft: Draft, reader: Reader, variables: Mapping[str, str]) -> Command:
    def read(raw: RawWord | None) -> Word | None:
        return None if raw is None else raw.read(variables)

    return Command(
        text=reader.source(draft),
        lead=" ".join(draft.lead),
        words=tuple(word.read(variables) for word in draft.words),
        assigned=tuple((name, read(value)) for name, value in draft.assigned),
        redirects=tuple(Redirect(word.read(variables), writes) for word, writes in draft.redirects),
        stdin=read(draft.stdin),
    )
