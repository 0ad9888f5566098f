"""Untyped YAML nodes: what the frontmatter says before any field gives it a meaning, and the limits on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.format.notes import Notes

MAX_DEPTH = 32
MAX_NODES = 5_000
MAX_ALIASED = 100_000
FIRST_FIELD_LINE = 2


class Node(NamedTuple):
    """One untyped YAML value that begins on `line` of the file.

    `text` is a scalar's text, or the source of a list or map as it was written. `children` holds a list's items, or a
    map's keys and values in turn. `plain` says that a scalar was written without quotes.
    """

    # A tuple and no dataclass: ten thousand skills make a hundred thousand of these, at a third of the time.
    kind: Literal["text", "list", "map"]
    text: str
    line: int
    children: tuple[Node, ...] = ()
    plain: bool = False

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Yield a map's keys with their values, in the order written, duplicates included."""
        return zip(self.children[::2], self.children[1::2], strict=True)


class YamlError(Exception):
    """The frontmatter is no YAML, or breaks a limit (`final`), in which case reading it again is pointless."""

    def __init__(self, problem: str, line: int, *, final: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.final = final


def merge_pairs(node: Node, notes: Notes) -> dict[str, Node]:
    """Return a map as a dict. Of duplicate keys the last wins, as in most YAML readers, and each is noted."""
    values: dict[str, Node] = {}
    for key, value in node.pairs():
        if key.kind != "text":
            notes.add("bad-field-name", f"write plain text before the colon, not {quoted(key.text)}", key.line)
            continue
        if key.text in values:
            advice = f"{quoted(key.text)} is given twice: keep one; the last counts"
            notes.add("duplicate-field", advice, key.line)
        values[key.text] = value
    return values


def quoted(text: str, limit: int = 40) -> str:
    """Quote a text for a message, cut to what fits one line."""
    return repr(text if len(text) <= limit else text[:limit] + "…")
