r"""The inside of `$'…'`, where `\x72m` is `rm`."""

from __future__ import annotations

from openskills_core.policy.patterns import UNKNOWN
from openskills_core.policy.syntax import UnreadableError

_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_ITSELF = frozenset("\\'\"?")
_OCTAL, _HEXADECIMAL = "01234567", "0123456789abcdefABCDEF"
_NUMBERS = {"x": 2, "u": 4, "U": 8}
_OCTAL_DIGITS = 3
_PRINTABLE = range(0x20, 0x7F)


def ansi_text(inside: str) -> str:
    """Return what bash makes of it, with `UNKNOWN` for what is not worth imitating.

    Raises:
        UnreadableError: a quote within it is not escaped.
    """
    parts: list[str] = []
    at = 0
    while at < len(inside):
        if inside[at] == "'":
            raise UnreadableError("a quote ends elsewhere")
        if inside[at] == "\\":
            part, at = _escape(inside, at + 1)
        else:
            part, at = inside[at], at + 1
        parts.append(part)
    return "".join(parts)


def _escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at : at + 1]
    if letter in _ITSELF or letter in _LETTERS:
        return _LETTERS.get(letter, letter), at + 1
    if letter in _NUMBERS:
        return _character(text, at + 1, _HEXADECIMAL, _NUMBERS[letter])
    if letter and letter in _OCTAL:
        return _character(text, at, _OCTAL, _OCTAL_DIGITS)
    return UNKNOWN, at + (2 if letter == "c" else 1)


def _character(text: str, at: int, digits: str, most: int) -> tuple[str, int]:
    end = at
    while end < min(len(text), at + most) and text[end] in digits:
        end += 1
    code = int(text[at:end], 8 if digits is _OCTAL else 16) if end > at else 0
    # A NUL ends the string, and a byte beyond ASCII joins its neighbours.
    return (chr(code) if code in _PRINTABLE else UNKNOWN), end
