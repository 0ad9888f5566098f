"""The bytes of a SKILL.md → bytes that are meant as UTF-8 with Unix line ends, whatever editor saved them.

A file of 8 MiB is looked at in pieces: its text would take four times its size in memory.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.format.notes import Notes

_PIECE = 256 * 1024
_LONGEST = 4
_CONTINUES = 0x80
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# A file that begins with an ASCII character shows its encoding by where the zero bytes are.
_WIDE_WITHOUT_MARK = {
    "UTF-32-LE": re.compile(rb"[^\0]\0\0\0", re.DOTALL),
    "UTF-32-BE": re.compile(rb"\0\0\0[^\0]", re.DOTALL),
    "UTF-16-LE": re.compile(rb"[^\0]\0[^\0]\0", re.DOTALL),
    "UTF-16-BE": re.compile(rb"\0[^\0]\0[^\0]", re.DOTALL),
}


def as_utf8(data: bytes, notes: Notes) -> bytes:
    """Return `data` without byte-order mark, from UTF-16 or UTF-32 where it is that; note what is not UTF-8.

    Bytes that are no UTF-8 stay where they are: whoever decodes the result replaces them.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    codec = _wide_codec(data)
    if codec:
        name = codec[:6]
        notes.add("not-utf-8", f"save the file as UTF-8: it is {name}, which other clients cannot read")
        data = data.decode(codec, errors="replace").encode("utf-8")
    else:
        _note_bad_bytes(data, notes)
    if b"\n" not in data and b"\r" in data:
        notes.add("bare-cr", "save the file with LF or CRLF line ends: other clients read it as one single line")
        data = data.replace(b"\r", b"\n")
    return data


def _wide_codec(data: bytes) -> str:
    """Return the codec of a UTF-16 or UTF-32 file, "" for any other."""
    for mark, codec in _WIDE.items():
        if data.startswith(mark):
            return codec
    if 0 not in data[:4]:
        return ""
    return next((codec for codec, form in _WIDE_WITHOUT_MARK.items() if form.match(data)), "")


def _note_bad_bytes(data: bytes, notes: Notes) -> None:
    offset = _first_bad_byte(data)
    if offset is not None:
        line = data.count(b"\n", 0, offset) + 1
        advice = f"save the file as UTF-8: byte 0x{data[offset]:02x} is none; such bytes were replaced"
        notes.add("not-utf-8", advice, line)


def _first_bad_byte(data: bytes) -> int | None:
    """Return where `data` stops to be UTF-8, None when all of it is."""
    if data.isascii():
        return None
    for start, piece in _pieces(data, 0, len(data)):
        try:
            piece.decode("utf-8")
        except UnicodeDecodeError as error:
            return start + error.start
    return None


def decode(data: bytes, start: int, end: int) -> str:
    """Return a part of `data` as text, bytes that are no UTF-8 replaced.

    In pieces, because one character beyond ASCII makes decoding a large text at once ten times as slow.
    """
    if end - start <= _PIECE:
        return data[start:end].decode("utf-8", errors="replace")
    return "".join([piece.decode("utf-8", errors="replace") for _, piece in _pieces(data, start, end)])


def _pieces(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield a part of `data` in pieces with their offsets, none of which ends within a character."""
    while start < end:
        cut = min(start + _PIECE, end)
        if cut < end:
            cut = next((cut - back for back in range(_LONGEST) if data[cut - back] & 0xC0 != _CONTINUES), cut)
        yield start, data[start:cut]
        start = cut
