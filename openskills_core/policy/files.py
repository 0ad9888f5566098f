"""The files in a command line that rules about files have a say in: redirections, and operands of well-known programs.

It is a best effort, as in Claude Code: a program may open any file without naming it.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from openskills_core.policy.commands import Known, reading
from openskills_core.policy.patterns import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openskills_core.policy.shell import Word, Words

# Connected with these a command writes to no file.
STREAMS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
_ELSEWHERE = "where it writes is known only when it runs"
_MAX_DIRECTORIES = 20
_READERS = frozenset(
    {"cat", "tac", "head", "tail", "less", "more", "nl", "wc", "grep", "egrep", "fgrep", "rg", "sed", "awk", "sort"}
    | {"uniq", "cut", "diff", "cmp", "comm", "od", "xxd", "hexdump", "strings", "base64", "file", "stat", "ls", "cp"}
    | {"mv", "source", "."}
)
_WRITERS = frozenset({"tee", "touch", "rm", "rmdir", "mkdir", "mv", "cp", "ln", "truncate", "chmod", "chown", "sed"})


@dataclass(frozen=True, slots=True)
class Files:
    """Paths as the command has them, relative ones seen from the workspace, and from where it may have gone.

    `doubt` says why it may write to others, "" if it may not.
    """

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    doubt: str = ""


@lru_cache(maxsize=16)
def files_of(line: str, known: Known = ()) -> Files:
    """Return the files that a command line names, as far as its text can be read."""
    seen = reading(line, known)
    places = _places(seen.commands)
    redirected = [redirect for redirect in seen.redirects if redirect.writes]
    targets = [redirect.target for redirect in redirected if redirect.target.value not in STREAMS]
    inputs = [redirect.target for redirect in seen.redirects if not redirect.writes]
    return Files(
        read=tuple(_paths([*inputs, *_operands(seen.commands, _READERS)], places)),
        written=tuple(_paths([*targets, *_operands(seen.commands, _WRITERS)], places)),
        doubt=seen.doubt or ("" if all(target.known for target in targets) else _ELSEWHERE),
    )


def _operands(commands: Iterable[Words], programs: frozenset[str]) -> Iterator[Word]:
    for program, *rest in commands:
        if program.value.rpartition("/")[2] in programs:
            yield from (word for word in rest if not word.value.startswith("-"))


def _places(commands: Iterable[Words]) -> list[str]:
    """Return the directories that the command may be in, as seen from where it begins."""
    places = [""]
    for program, *rest in commands:
        to = next((word.value for word in rest if word.known and not word.value.startswith("-")), "")
        if program.value in ("cd", "pushd") and to and len(places) < _MAX_DIRECTORIES:
            places.append(posixpath.join(places[-1], to))
    return places


def _paths(words: Iterable[Word], places: list[str]) -> Iterator[str]:
    for word in words:
        # Of a glob the directory is known, and a rule for all of a directory is one for it, too.
        path = word.value.partition(UNKNOWN)[0].rpartition("/")[0] if UNKNOWN in word.value else word.value
        if path and word.home:
            yield path
        elif path:
            yield from dict.fromkeys(posixpath.join(place, path) for place in places)
