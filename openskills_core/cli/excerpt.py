"""A line of a file as a diagnostic shows it: its number, its text, and a mark beneath what the message speaks of."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING

from openskills_core.cli.output import visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openskills_core.manifest import Diagnostic

_MAX_BYTES = 16 * 1024 * 1024
_WIDTH = 100
_BEFORE = 40  # characters kept in front of the mark where a line is cut
_OF_THE_FILE = frozenset({"broken-symlink", "symlink-outside", "unreadable-skill", "wrong-case"})
_QUOTED = re.compile(r"""(?<!\w)(["'])(.+?)\1(?!\w)""")


def excerpt(note: Diagnostic) -> list[str]:
    """Return the lines to print beneath a diagnostic; none when its file cannot be shown, or is what is wrong."""
    lines = () if note.code in _OF_THE_FILE else _lines(note.path)
    if not 0 < note.line <= len(lines) or not lines[note.line - 1].strip():
        return []
    text = lines[note.line - 1].expandtabs(1).rstrip()
    start, end = _marked(text, note.message)
    cut = max(0, start - _BEFORE) if len(text) > _WIDTH else 0
    shown = ("…" if cut else "") + text[cut : cut + _WIDTH] + ("…" if len(text) > cut + _WIDTH else "")
    before = ("…" if cut else "") + text[cut:start]
    mark = " " * _width(before) + "^" * max(1, _width(text[start : min(end, cut + _WIDTH)]))
    return [f"{note.line:>7} | {visible(shown)}", f"{'':>7} | {mark}"]


def _marked(text: str, message: str) -> tuple[int, int]:
    """Return where in a line the longest thing stands that the message quotes, else where its text begins and ends."""
    quoted = max((words for _, words in _QUOTED.findall(message) if words in text), key=len, default="")
    start = text.index(quoted) if quoted else len(text) - len(text.lstrip())
    return start, start + len(quoted) if quoted else len(text)


def _width(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    return sum(map(_columns, visible(text)))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@functools.lru_cache(maxsize=1)
def _lines(path: Path) -> Sequence[str]:
    """Return a file's lines; none when it is no text, or cannot be read without waiting."""
    try:
        # Never what a link leads to: it may be anybody's file.
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return ()
        data = path.read_bytes()
    except OSError:
        return ()
    if b"\0" in data:
        return ()
    return data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
