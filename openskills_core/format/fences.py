"""What an author may have meant where the frontmatter has no beginning or no end: one sentence for each slip."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from openskills_core.format.nodes import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.format.notes import Notes

_LOOKED_AT = 16 * 1024
_MAX_LINES = 200
_LINES_ABOVE = 10

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015"
_INVISIBLE = " \t\r\v\f\xa0\u200b\u200c\u200d\u2060\ufeff"
_FIELD = re.compile(r"[A-Za-z][\w-]*[ \t]*:(?:\s|$)")
_MEANT_FIELD = re.compile(r"(?:name|description)[ \t]*:")


def note_missing(data: bytes, notes: Notes) -> None:
    """Note why the file has no frontmatter: its first line is not `---`."""
    lines = [line for _, line in _lines(data)]
    first, second = (*lines, "", "")[:2]
    number, top = next(((number, line) for number, line in enumerate(lines, 1) if line), (1, ""))
    late = _late_fence(lines)
    if late:
        shown = quoted(top) if top.startswith(("```", "~~~")) else ""
        above = "the blank lines" if top == "---" else f"the line {shown}" if shown else "what is"
        notes.add("late-frontmatter", f"delete {above} above the first ---: frontmatter must begin on line 1", late)
    elif _is_near_fence(first) and _FIELD.match(second):
        advice = f"write line 1 as --- and nothing else, not {quoted(first)}: no field was read"
        notes.add("bad-fence", advice)
    elif _MEANT_FIELD.match(top):
        advice = "write a line --- above the fields, on line 1, and another below them: as it is they are text"
        notes.add("unfenced-frontmatter", advice, number)
    else:
        notes.add("no-frontmatter", "begin the file with ---, a name: and a description: line, and --- again")


def note_unclosed(data: bytes, notes: Notes, *, too_long: bool) -> None:
    """Note that no line ends the frontmatter, at the line that most likely was to do so."""
    for number, line in islice(_lines(data), 1, None):
        if _is_near_fence(line):
            advice = f"write this line as --- and nothing else, not {quoted(line)}: the frontmatter never ends"
            notes.add("unclosed-frontmatter", advice, number)
            return
    where = "within 64 KiB" if too_long else "in the file"
    advice = f"write a line with only --- after the last field: there is none {where}, so no field was read"
    notes.add("unclosed-frontmatter", advice)


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the first lines without the blanks after them, with their numbers."""
    text = data[:_LOOKED_AT].decode("utf-8", errors="replace")
    return ((number, line.rstrip()) for number, line in enumerate(text.split("\n")[:_MAX_LINES], 1))


def _late_fence(lines: list[str]) -> int:
    """Return the number of the `---` that is followed by a field, or has only blank lines above; 0 for none."""
    for number, line in enumerate(lines[:_LINES_ABOVE], 1):
        below = lines[number] if number < len(lines) else ""
        if line == "---" and (_MEANT_FIELD.match(below) or not any(lines[: number - 1])):
            return number
    return 0


def _is_near_fence(line: str) -> bool:
    """Whether a line that is no fence was likely meant as one: dashes of another kind or number, or more than those."""
    text = line.strip(_INVISIBLE)
    if text in ("", "-"):
        return False
    if text in ("+++", "...") or not text.strip(_DASHES):
        return True
    return text.startswith("---") and "|" not in text
