"""Reading a file in parts, the same way wherever the file is."""

from __future__ import annotations

from openskills_core.tools.spec import ToolCallError, ToolResult
from openskills_core.tools.texts import MAX_LINES, named, window

OFFSET = {"type": "integer", "minimum": 1, "default": 1, "description": "First line to return, counted from 1."}
LIMIT = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_LINES,
    "default": MAX_LINES,
    "description": "How many lines to return at most.",
}


def file_result(path: str, text: str, offset: int, limit: int) -> ToolResult:
    """Return one window of a file. Its `data` has the lines exactly as they are.

    Raises:
        ToolCallError: when the offset is past the end.
    """
    try:
        page = window(text, offset, limit)
    except ValueError as error:
        raise ToolCallError(f"{named(path)}: {error}.", code="invalid_arguments") from None
    data = {
        "path": path,
        "content": page.text,
        "first_line": page.first,
        "last_line": page.last,
        "total_lines": page.total,
        "next_offset": page.next_line,
    }
    return ToolResult(page.with_note() or "[the file is empty]", data, truncated=page.is_partial)
