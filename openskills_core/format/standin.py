"""The text that describes a skill whose frontmatter does not: the first line of its body that says something.

Source: Claude Code, "Frontmatter reference": the first non-empty line. A heading says little and a comment or a code
fence nothing, so these give way to any other line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STAND_IN = 1024
LOOKED_AT = 16 * 1024

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LIST_MARKER = re.compile(r"\A(?:[-*+]|\d{1,9}[.)])[ \t]+")


def stand_in(text: str) -> str:
    """Return the first line of `text` that is no heading, else its first heading, else ""."""
    heading = ""
    for line in _lines(_COMMENT.sub("", text)):
        if not line.startswith("#"):
            return _LIST_MARKER.sub("", line, count=1)[:MAX_STAND_IN].rstrip()
        heading = heading or line.lstrip("#").strip()
    return heading[:MAX_STAND_IN].rstrip()


def _lines(text: str) -> Iterator[str]:
    """Yield what stands on each line, rules, empty headings and code fences left out."""
    for line in map(str.strip, text.splitlines()):
        if line.strip("#-") and not line.startswith(("```", "~~~")):
            yield line
