"""How commands speak: results on standard output, everything else on standard error, never a crash over a character."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

Style = Literal["bold", "dim", "red", "green", "yellow"]
_CODES: dict[Style, int] = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}
_MIN_WIDTH = 20


def prepare_streams() -> None:
    """Make our streams write what their encoding lacks as an escape: file names and skills may hold anything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it stays open as long as we live
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """Print a line of a result. Terminal control characters in it are shown, not obeyed."""
    print(visible(text))  # noqa: T201 - this is where commands speak


def warn(text: str) -> None:
    """Print a line about a result, on standard error."""
    print(visible(text), file=sys.stderr)  # noqa: T201 - likewise


def aside(text: str) -> None:
    """Print a line about a result, on standard error and dim where that is a terminal."""
    print(styled(visible(text), "dim", sys.stderr), file=sys.stderr)  # noqa: T201 - likewise


def headline(text: str, style: Style = "bold") -> None:
    """Print a line of a result, styled on a terminal."""
    print(styled(visible(text), style, sys.stdout))  # noqa: T201 - likewise


def print_json(value: Any) -> None:
    """Print one JSON document, ASCII only: it survives every terminal and every pipe."""
    print(json.dumps(value, indent=2, default=str))  # noqa: T201 - likewise


def styled(text: str, style: Style, stream: TextIO) -> str:
    """Return `text` in a style where `stream` is a terminal and NO_COLOR is not set (https://no-color.org)."""
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def visible(text: str) -> str:
    """Return `text` with control characters but line feeds and tabs, and those that reorder text, as escapes."""
    return "".join(character if _harmless(character) else ascii(character)[1:-1] for character in text)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns: on a terminal with headings and cut to its width, else whole, one row a line."""
    if sys.stdout.isatty():
        widths = _widths([headings, *rows])
        room = max(_MIN_WIDTH, shutil.get_terminal_size().columns - 1)
        headline(_row(headings, widths)[:room])
        for row in rows:
            say(_cut(_row(row, widths), room))
        return
    for row in rows:
        say(_row(row, _widths(rows)))


def one_line(text: str) -> str:
    """Return `text` on one line, every run of white space one space."""
    return " ".join(text.split())


def _harmless(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf") or character in "\u200c\u200d"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 3]}..."
