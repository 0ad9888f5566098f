"""The grammar of `allowed-tools` and `disallowed-tools`.

    list = item *( separator item )       separator = 1*( space / tab / newline / "," ), outside parentheses only
    item = tool [ "(" specifier ")" ]     a specifier may hold spaces, commas and balanced parentheses

Source: Claude Code, "Frontmatter reference" and "Permission rule syntax".
"""

from __future__ import annotations

import re

_PARTS = re.compile(r"[\s,]+|[()]|[^\s,()]+")
_MALFORMED = -1


def split_tools(text: str) -> tuple[list[str], list[str]]:
    """Split one string of tool rules; return the items as written: well-formed ones, malformed ones.

    Malformed are unbalanced parentheses, and a blank before them: `Bash (git *)` must not become the whole of `Bash`.
    """
    items: list[str] = []
    malformed: list[str] = []
    for item, depth in _items(text):
        (malformed if depth else items).append(item)
    return items, malformed


def tool_name(item: str) -> str:
    """Return the tool that a rule such as `Bash(git *)` is about."""
    return re.split(r"[()]", item, maxsplit=1)[0].strip()


def _items(text: str) -> list[tuple[str, int]]:
    """Return each item with what its parentheses do not add up to, `_MALFORMED` for any other fault."""
    found: list[tuple[str, int]] = []
    parts: list[str] = []
    depth, gap, detached = 0, "", False
    for part in [*_PARTS.findall(text), None]:
        if part is None or (depth <= 0 and (part[0].isspace() or part[0] == ",")):
            if parts:
                found.append(("".join(parts).rstrip(), depth or detached * _MALFORMED))
            parts, depth, gap, detached = [], 0, part or "", False
            continue
        if part == "(" and not parts and gap.isspace() and found:
            parts, detached = [found.pop()[0], gap], True
        parts.append(part)
        if depth >= 0:
            depth += {"(": 1, ")": -1}.get(part, 0)
    return found
