r"""Where a skill's body asks for the output of commands: `` !`command` `` and blocks fenced with ```` ```! ````.

The inline form counts where `!` begins a line or follows white space, and stays on one line; `` KEY=!`command` `` is
text. A block opens with a line that holds three backquotes and `!`, and closes at the next line of three backquotes;
one that never closes is text. Like in Claude Code nothing else of Markdown is looked at, so an example within a table
or a code block counts too. Source: Claude Code, "Inject dynamic context".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = re.compile(
    r"^[ \t]*(?P<open>```!)[ \t]*\r?$|^[ \t]*(?P<close>```)[ \t]*\r?$|(?P<inline>(?<!\S)!`(?P<command>[^`\n]+)`)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Injection:
    """One command in a body, as written there, to be replaced by its output.

    `text` is all of it, marks included, and stands at `body[start:end]`; `line` counts from 1 within the body.
    """

    text: str
    command: str
    line: int
    start: int
    end: int


def injections(body: str) -> tuple[Injection, ...]:
    """Return the commands in a body in their order. They never overlap, and a blank one is none."""
    found, line, at = [], 1, 0
    for start, end, command in _spans(body):
        if command.strip():
            line, at = line + body.count("\n", at, start), start
            found.append(Injection(body[start:end], command.replace("\r\n", "\n").strip(), line, start, end))
    return tuple(found)


def _spans(body: str) -> Iterator[tuple[int, int, str]]:
    """Yield where each command begins and ends, and the command."""
    opened: re.Match[str] | None = None
    inside: list[tuple[int, int, str]] = []
    for mark in _MARKS.finditer(body):
        if mark["inline"]:
            inside.append((*mark.span("inline"), mark["command"]))
        elif opened is None:
            yield from inside
            inside = []
            opened = mark if mark["open"] else None
        elif mark["close"]:
            yield opened.start("open"), mark.end("close"), body[opened.end() : mark.start()]
            opened, inside = None, []
    # What follows a block that never closes is ordinary text again.
    yield from inside
