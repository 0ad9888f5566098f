"""The arguments of a skill, split as a shell would."""

from __future__ import annotations

import re

_PIECE = re.compile(
    r"(?P<blank>[ \t\r\n]+)|(?P<bare>[^ \t\r\n'\"\\]+)|'(?P<single>[^']*)'"
    r"|\"(?P<double>[^\"\\]*(?:\\.[^\"\\]*)*)\"|\\(?P<escaped>.)",
    re.DOTALL,
)
_ESCAPED_IN_QUOTES = re.compile(r"\\([\"\\])")


def split_arguments(arguments: str) -> list[str]:
    """Split like a shell; at blanks alone when the quotes do not balance, so that `don't stop` is two arguments.

    Like `shlex.split`, whose time grows with the square of a long word's length; here it is linear.
    """
    words: list[list[str]] = []
    at, in_word = 0, False
    while at < len(arguments):
        piece = _PIECE.match(arguments, at)
        if piece is None:
            return arguments.split()
        at = piece.end()
        if piece.lastgroup == "blank":
            in_word = False
            continue
        if not in_word:
            words.append([])
        words[-1].append(_unquoted(piece))
        in_word = True
    return ["".join(word) for word in words]


def _unquoted(piece: re.Match[str]) -> str:
    text = piece[piece.lastgroup or 0]
    return _ESCAPED_IN_QUOTES.sub(r"\1", text) if piece.lastgroup == "double" else text
