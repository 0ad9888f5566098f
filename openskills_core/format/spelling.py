"""Which known word an unknown one was meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEAR = 0.85
_MAX_LENGTH = 40


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that differs only in case or separators, else in a letter or two; "" for none."""
    if len(word) > _MAX_LENGTH:
        return ""
    import difflib

    folded = {fold(name): name for name in known}
    if fold(word) in folded:
        return folded[fold(word)]
    near = difflib.get_close_matches(fold(word), folded, n=1, cutoff=_NEAR)
    return folded[near[0]] if near else ""


def fold(word: str) -> str:
    """Return a name without the case and separators by which its spellings differ."""
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")
