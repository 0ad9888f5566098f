"""What `*` in a rule matches. All of it takes linear time: skills write patterns too, and models write the text."""

from __future__ import annotations

# Stands in a text for what only the running shell knows: the value of a variable, the output of a command.
UNKNOWN = "\0"
# Stand for a blank and an asterisk that are part of one word, in patterns and in the text they are compared with.
BLANK = "\x1f"
STAR = "\x1e"


def glob(pattern: str, text: str) -> bool:
    """Whether `pattern` is `text`, with `*` for any characters, none included."""
    first, *rest = pattern.split("*")
    if not rest:
        return _literal(pattern) == text
    *middle, last = map(_literal, rest)
    first = _literal(first)
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def to_word_end(pattern: str, text: str) -> bool:
    """Do what `glob` does, with a trailing ` *` or `:*` ending at a word boundary.

    `ls *` is `ls` and `ls -la`, not `lsof`; `ls*` is all three.
    """
    return any(glob(form, text) for form in _forms(pattern))


def may_be(pattern: str, text: str) -> bool:
    """Whether `to_word_end` could hold if each `UNKNOWN` in `text` turned out to be the worst. True in doubt."""
    if UNKNOWN not in text:
        return to_word_end(pattern, text)
    before, after = text[: text.index(UNKNOWN)], text[text.rindex(UNKNOWN) + 1 :]
    return any(_fits(form, before, after) for form in _forms(pattern))


def _fits(pattern: str, before: str, after: str) -> bool:
    first, last = (_literal(part) for part in (pattern.partition("*")[0], pattern.rpartition("*")[2]))
    starts = first.startswith(before) or (before.startswith(first) and "*" in pattern)
    ends = last.endswith(after) or (after.endswith(last) and "*" in pattern)
    return starts and ends


def _forms(pattern: str) -> tuple[str, ...]:
    if not pattern.endswith((" *", ":*")):
        return (pattern,)
    return (pattern[:-2], f"{pattern[:-2]} *")


def _literal(piece: str) -> str:
    return piece.replace(STAR, "*") if STAR in piece else piece
