"""Characters that nobody sees, and text without them.

A description that a person reviewed must not say more to a model than it said to the person. Unseen are controls,
format characters (bidirectional marks, tags, zero-width characters), fillers, variation selectors and what is no
character at all.
"""

from __future__ import annotations

import re
import unicodedata

# Joiners are invisible too, but several scripts and emoji cannot be written without them.
_JOINERS = "\u200c\u200d"
_EMOJI_STYLE = "\ufe0f"
_HAS_EMOJI_STYLE = ("So", "Sm", "Po", "Pd", "Nd")
_FIRST_BEYOND_LATIN = "\u0300"
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt) beyond the categories above, and noncharacters.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufdd0-\ufdef\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)


def is_seen(character: str) -> bool:
    """Whether a person can see this character, or needs it to write: the joiners."""
    return character in _JOINERS or unicodedata.category(character) not in _UNSEEN


def one_line(text: str) -> str:
    """Return `text` on one line, each run of blank space as one space, without characters that nobody sees.

    A joiner stays behind a character that can join, and the emoji style behind a character that has one.
    """
    folded = " ".join(text.split())
    if folded.isprintable() and not _IGNORABLE.search(folded):
        return folded
    kept: list[str] = []
    for character in text:
        if _is_kept(character, kept[-1] if kept else ""):
            kept.append(character)
    return " ".join("".join(kept).split())


def _is_kept(character: str, before: str) -> bool:
    if character in _JOINERS:
        return before >= _FIRST_BEYOND_LATIN and before not in _JOINERS and not before.isspace()
    if character == _EMOJI_STYLE:
        return bool(before) and unicodedata.category(before) in _HAS_EMOJI_STYLE
    return character.isspace() or (is_seen(character) and not _IGNORABLE.match(character))
