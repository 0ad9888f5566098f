"""How one node is read as text, as a boolean, as a list: what a field's kind of value may look like.

Each reader takes (field name, node, notes) and returns None where the field's default is to hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openskills_core.format.nodes import Node, merge_pairs, quoted
from openskills_core.format.tools import split_tools, tool_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openskills_core.format.notes import Notes

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_SMART_QUOTES = frozenset("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb")
_ARGUMENT = re.compile(r"[^\W\d]\w*(?:-\w+)*")
_GLOB_MARKS = re.compile(r"[{},]")
_BRACES = {"{": 1, "}": -1}


def is_null(node: Node) -> bool:
    """Whether YAML would read nothing: no value, `~` or `null`."""
    return node.plain and node.text in _NULL


def read_text(field: str, node: Node, notes: Notes) -> str | None:
    """Text as written. `argument-hint: [topic]` is a YAML list to YAML and plain text to every author."""
    text = node.text.strip()
    if node.kind != "text" and not text.startswith(("[", "{")):
        notes.add("expected-text", f"write {field!r} as one text; its source was taken as it stands", node.line)
    elif node.plain and text[:1] in _SMART_QUOTES and text[-1] in _SMART_QUOTES:
        shown = quoted(text)
        notes.add("smart-quotes", f"write straight quotes around {field!r} or none: {shown} includes them", node.line)
    return text or None


def read_sentences(field: str, node: Node, notes: Notes) -> str | None:
    """Text, or a list of texts that are read as one, as some clients write `when_to_use`."""
    if node.kind != "list":
        return read_text(field, node, notes)
    items = [item.text.strip() for item in text_items(field, node, notes)]
    return "; ".join(filter(None, items)) or None


def choice(*allowed: str) -> Callable[[str, Node, Notes], str | None]:
    """Return a reader that takes exactly these words."""

    def read(field: str, node: Node, notes: Notes) -> str | None:
        if node.text in allowed:
            return node.text
        advice = f"write one of {', '.join(allowed)} for {field!r}, not {quoted(node.text)}"
        notes.add("bad-value", advice, node.line)
        return None

    return read


def read_boolean(field: str, node: Node, notes: Notes) -> bool | None:
    """One of Claude Code's eight words for yes and no, in any case."""
    value = _BOOLEANS.get(node.text.strip().lower())
    if value is None:
        notes.add("bad-boolean", f"write true or false for {field!r}, not {quoted(node.text)}", node.line)
    return value


def read_negated(field: str, node: Node, notes: Notes) -> bool | None:
    """The opposite of a boolean."""
    value = read_boolean(field, node, notes)
    return None if value is None else not value


def text_items(field: str, node: Node, notes: Notes) -> list[Node]:
    """Return the text nodes of a list, or the one text node itself."""
    if node.kind == "text":
        return [] if is_null(node) else [node]
    if node.kind == "map":
        notes.add("expected-list", f"write {field!r} as a list of texts or one text, not a map", node.line)
        return []
    for item in node.children:
        if item.kind != "text":
            notes.add("expected-text", f"write plain text in {field!r}, not {quoted(item.text)}", item.line)
    return [item for item in node.children if item.kind == "text" and not is_null(item)]


def read_words(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    """Names, each an item of a list or separated by spaces or commas."""
    items = text_items(field, node, notes)
    return tuple(word for item in items for word in item.text.replace(",", " ").split())


def read_argument_names(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    """Names for `$name` in the body; one that no placeholder can spell keeps its position."""
    words = read_words(field, node, notes)
    for word in words:
        if not _ARGUMENT.fullmatch(word):
            advice = f"write argument names in letters, digits, _ and -: {quoted(word)} is no placeholder"
            notes.add("bad-argument-name", advice, node.line)
    return words


def read_globs(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    """Patterns, each an item of a list or separated by commas that stand outside of braces."""
    items = text_items(field, node, notes)
    return tuple(pattern for item in items for pattern in _split_globs(item.text))


def _split_globs(text: str) -> list[str]:
    depth, start, patterns = 0, 0, []
    for mark in _GLOB_MARKS.finditer(text):
        depth = max(depth + _BRACES.get(mark[0], 0), 0)
        if mark[0] == "," and not depth:
            patterns.append(text[start : mark.start()])
            start = mark.end()
    return [pattern.strip() for pattern in (*patterns, text[start:]) if pattern.strip()]


def read_granted_tools(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    """Tool rules as written; one with unbalanced parentheses grants nothing."""
    granted: list[str] = []
    for item in text_items(field, node, notes):
        rules, unbalanced = split_tools(item.text)
        granted += rules
        for rule in unbalanced:
            _note_unbalanced(rule, "it grants nothing", item.line, notes)
    return tuple(granted)


def read_removed_tools(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    """Tool rules as written; one with unbalanced parentheses removes its whole tool, the safer reading."""
    removed: list[str] = []
    for item in text_items(field, node, notes):
        rules, unbalanced = split_tools(item.text)
        removed += rules + [name for name in map(tool_name, unbalanced) if name]
        for rule in unbalanced:
            _note_unbalanced(rule, "it removes the whole tool", item.line, notes)
    return tuple(removed)


def _note_unbalanced(rule: str, effect: str, line: int, notes: Notes) -> None:
    advice = f"balance the parentheses of {quoted(rule, 60)}: as written {effect}"
    notes.add("unbalanced-parentheses", advice, line)


def read_metadata(field: str, node: Node, notes: Notes) -> Mapping[str, str] | None:
    """A map of texts; what is no text is kept as its source."""
    values = read_map(field, node, notes)
    return None if values is None else {key: value.text for key, value in values.items()}


def read_map(field: str, node: Node, notes: Notes) -> dict[str, Node] | None:
    """The values of a map by key, None with a diagnostic for anything else."""
    if node.kind != "map":
        notes.add("expected-map", f"write {field!r} as `key: value` lines, indented by two spaces", node.line)
        return None
    return merge_pairs(node, notes)


def text_at(values: Mapping[str, Node], key: str) -> str:
    """Return the text under a key of a map, "" where there is none."""
    node = values.get(key)
    return "" if node is None or is_null(node) else node.text.strip()
