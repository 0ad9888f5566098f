"""One SKILL.md taken apart: the YAML of its frontmatter and its body, which stays bytes until somebody asks for it.

The frontmatter runs from a `---` on the first line to the next line that is `---`; trailing blanks are allowed and the
closing one may end the file. Without both, the whole file is body, as in Claude Code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.format.encoding import as_utf8, decode
from openskills_core.format.fences import note_missing, note_unclosed
from openskills_core.models import MIB

if TYPE_CHECKING:
    from openskills_core.format.notes import Notes

MAX_BYTES = 8 * MIB
MAX_FRONTMATTER = 64 * 1024

_OPENING = re.compile(rb"---[ \t]*+\r*+(?:\n|\Z)")
_CLOSING = re.compile(rb"\n---[ \t]*+\r*+(?:\n|\Z)")
_NEWLINE = 0x0A
_BLANKS = re.compile(rb"\s*")


@dataclass(frozen=True, slots=True)
class Sections:
    """The UTF-8 bytes of a file: its frontmatter's YAML, "" without one, and where the body's first text begins."""

    data: bytes
    source: str = ""
    start: int = 0

    def body(self) -> str:
        """Return the body without blanks around it; bytes that are no UTF-8 are replaced."""
        # Trimmed before it is decoded: each copy of a text may take four times the bytes.
        return decode(self.data, self.start, max(len(self.data.rstrip()), self.start))

    def head(self, size: int) -> str:
        """Return the text of the body's first `size` bytes."""
        return decode(self.data, self.start, self.start + size)

    def body_line(self) -> int:
        """Return the line of the file on which the body begins."""
        return self.data.count(b"\n", 0, self.start) + 1


def split_sections(data: bytes, notes: Notes) -> Sections:
    """Find the frontmatter and the body of one SKILL.md; whatever is wrong goes to `notes`. Never raises."""
    if len(data) > MAX_BYTES:
        notes.add("file-too-large", f"SKILL.md is over {MAX_BYTES // MIB} MiB: move the bulk into references/")
        return Sections(b"")
    data = as_utf8(data, notes)
    opening = _OPENING.match(data)
    if opening is None:
        note_missing(data, notes)
        return Sections(data, start=_after_blanks(data, 0))
    # From the newline of the opening one, so that the two may follow each other, and no further than the limit.
    first, last = opening.end(), opening.end() + MAX_FRONTMATTER
    closing = _CLOSING.search(data, first - 1, last)
    if closing is None or (closing.end() == last < len(data) and data[last - 1] != _NEWLINE):
        note_unclosed(data, notes, too_long=len(data) > last)
        return Sections(data, start=_after_blanks(data, 0))
    source = data[first : closing.start()].decode("utf-8", errors="replace")
    return Sections(data, source, _after_blanks(data, closing.end()))


def _after_blanks(data: bytes, start: int) -> int:
    blanks = _BLANKS.match(data, start)
    return blanks.end() if blanks else start
