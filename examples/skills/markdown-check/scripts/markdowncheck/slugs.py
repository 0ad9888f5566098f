"""Anchors as GitHub makes them from headings."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CODE_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
IMAGE = re.compile(r"!\[[^\[\]]*\](?:\([^()]*\)|\[[^\[\]]*\])")
LINK = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
TAG = re.compile(r"(?<!\\)</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>")
UNDERSCORES = re.compile(r"(?<![\w\\])(_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")


def slug(heading: str) -> str:
    """Return the anchor of a heading: its visible text in lower case, punctuation dropped, spaces as hyphens."""
    return "".join("-" if char == " " else char for char in visible_text(heading).lower() if is_kept(char))


def is_kept(char: str) -> bool:
    """Say whether GitHub keeps this character in an anchor."""
    return char in " -" or char.isalnum() or unicodedata.category(char) in ("Mn", "Mc", "Me", "Nl", "Pc")


def visible_text(heading: str) -> str:
    """Return a heading's text without its Markdown; what stands in code stays as it is."""
    parts, position = [], 0
    for match in CODE_SPAN.finditer(heading):
        parts += [without_markup(heading[position : match.start()]), match[2].strip()]
        position = match.end()
    return ("".join(parts) + without_markup(heading[position:])).strip()


def without_markup(text: str) -> str:
    """Return `text` without images, link targets, tags and emphasis."""
    text = LINK.sub(r"\1", IMAGE.sub("", text))
    text = UNDERSCORES.sub(r"\2", TAG.sub("", text))
    return html.unescape(text)


def numbered(slugs: Iterable[str]) -> Iterator[str]:
    """Yield each slug, with `-1`, `-2` and so on added to those that came before."""
    seen: dict[str, int] = {}
    for base in slugs:
        anchor = base
        while anchor in seen:
            seen[base] += 1
            anchor = f"{base}-{seen[base]}"
        seen[anchor] = 0
        yield anchor
