"""Small pieces of text that the report and the charts share."""

from __future__ import annotations

import re
import unicodedata

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
MARKDOWN_SPECIAL = re.compile(r"([\\`*\[\]<>|])")
WHOLE_LIMIT = 1e15
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))


def number(value: float) -> str:
    """Return `value` for people: thousands separated, at most four digits that matter behind the point."""
    if value == int(value) and abs(value) < WHOLE_LIMIT:
        return f"{int(value):,}"
    if 0.01 <= abs(value) < WHOLE_LIMIT:  # noqa: PLR2004 - below a hundredth two decimals would say nothing
        return f"{value:,.2f}"
    return f"{value:.3g}"


def compact(value: float) -> str:
    """Return `value` short enough for an axis, as in `25,000` or `1.5M`."""
    for size, unit in UNITS:
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{round(value, 6):,g}"


def plural(count: int, noun: str) -> str:
    """Return `1 row` or `2 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def clean(text: str) -> str:
    """Return `text` on one line, without characters that Markdown or XML cannot show."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())


def width(text: str) -> int:
    """Return the width of `text` in columns: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def shorten(text: str, limit: int = 40) -> str:
    """Return `text` cleaned and cut to `limit` columns, with an ellipsis where something is gone."""
    text = clean(text)
    if width(text) <= limit:
        return text
    while width(text) > limit - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def markdown(text: str) -> str:
    """Return `text` so that Markdown shows it as it is, in a table cell too."""
    return MARKDOWN_SPECIAL.sub(r"\\\1", shorten(text, 60))


def code(text: str) -> str:
    """Return `text` as a code span, which shows it as it is."""
    return f"`{shorten(text).replace('`', chr(39))}`"
