"""How text is made fit for a model: no control characters, never too long, and honest about what is missing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from openskills_core.unseen import is_seen

MAX_CHARACTERS = 100_000
MAX_LINES = 2_000
MAX_ENTRIES = 1_000

# ECMA-48: CSI sequences, OSC and the other strings up to their terminator, then any two-character escape.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_SURROGATES = re.compile("[\ud800-\udfff]")


def cleaned(text: str) -> str:
    """Return `text` without terminal escapes and control characters; a lone carriage return becomes a line end."""
    return _CONTROLS.sub("", _LONE_RETURN.sub("\n", _ESCAPES.sub("", text)))


def named(name: str) -> str:
    """Return a file's name or path for one line: as it is, or quoted with escapes when it holds what is not seen."""
    return name if name.isprintable() or all(map(is_seen, name)) else repr(name)


def encodable(value: Any) -> Any:
    """Return JSON data that UTF-8 can hold: half of a surrogate pair spelled out, None for what nests too deeply."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        spelled = _SURROGATES.sub(lambda half: f"\\\\u{ord(half[0]):x}", text)
        return value if spelled == text else json.loads(spelled)
    except RecursionError:
        return None


@dataclass(frozen=True, slots=True)
class Window:
    """Some whole lines of a longer text. Lines count from 1; `next_line` is None at the end of the text."""

    text: str
    first: int
    last: int
    total: int
    next_line: int | None
    cut_line: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether anything of the whole text is missing."""
        return self.first > 1 or self.next_line is not None or self.cut_line

    def with_note(self) -> str:
        """Return the lines, and for a part of a text where it stands and how to go on."""
        return f"{self.text.removesuffix(chr(10))}\n{self._note()}" if self.is_partial else self.text

    def _note(self) -> str:
        cut = f"; line {self.last} is longer than {MAX_CHARACTERS:,} characters and cut" if self.cut_line else ""
        more = f"; continue with offset={self.next_line}" if self.next_line else ""
        return f"[lines {self.first}-{self.last} of {self.total}{cut}{more}]"


def window(text: str, offset: int, limit: int) -> Window:
    """Return up to `limit` whole lines from line `offset`, and at most `MAX_CHARACTERS` characters.

    Raises:
        ValueError: when the text has fewer lines than `offset`.
    """
    lines = text.split("\n")
    lines = [line + "\n" for line in lines[:-1]] + lines[-1:] * bool(lines[-1])
    if offset > max(len(lines), 1):
        raise ValueError(f"offset {offset} is past the end: there are {len(lines)} lines")
    count = fitting(lines[offset - 1 : offset - 1 + limit])
    shown = "".join(lines[offset - 1 : offset - 1 + count])
    last = offset - 1 + count
    return Window(
        text=shown[:MAX_CHARACTERS],
        first=min(offset, len(lines)),
        last=last,
        total=len(lines),
        next_line=last + 1 if last < len(lines) else None,
        cut_line=len(shown) > MAX_CHARACTERS,
    )


def fitting(lines: list[str], limit: int = MAX_CHARACTERS) -> int:
    """How many of the first lines fit; a first line that is too long alone counts, so that reading always advances."""
    size = 0
    for count, line in enumerate(lines):
        size += len(line)
        if size > limit:
            return max(count, 1)
    return len(lines)


def head(text: str, how_to_get_rest: str, limit: int = MAX_CHARACTERS) -> tuple[str, bool]:
    """Return the start of `text` within `limit` characters, cut at a line end, and whether anything was cut."""
    if len(text) <= limit:
        return text, False
    kept = text[: text.rfind("\n", 0, limit) + 1 or limit]
    return f"{kept.rstrip()}\n[{len(text) - len(kept):,} more characters; {how_to_get_rest}]", True


def head_and_tail(text: str, limit: int, name: str) -> tuple[str, bool]:
    """Return both ends of `text` within about `limit` characters: a program's end matters as much as its start."""
    if len(text) <= limit:
        return text, False
    half = limit // 2
    start = text[: text.rfind("\n", half // 2, half) + 1 or half]
    end = text[text.find("\n", len(text) - half, len(text) - half // 2) + 1 or len(text) - half :]
    cut = len(text) - len(start) - len(end)
    rest = "to see all of it, have it written to a file in the workspace and read that in parts"
    return f"{start.rstrip()}\n[{cut:,} characters of {name} cut here; {rest}]\n{end}", True


def listing(entries: list[str], limit: int, how_to_get_rest: str) -> tuple[str, bool]:
    """Return one entry per line, at most `limit` of them and within `MAX_CHARACTERS`, and whether any is missing."""
    shown = entries[: min(limit, fitting([entry + "\n" for entry in entries[:limit]]))]
    if len(shown) == len(entries):
        return "\n".join(entries), False
    return "\n".join([*shown, f"[{len(shown)} of {len(entries)} entries; {how_to_get_rest}]"]), True


def counted(number: int, noun: str) -> str:
    """Return "1 line", "2 lines", "1,234 bytes"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
