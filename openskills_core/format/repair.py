"""Frontmatter that is no YAML only because a value needs quotes: quote that value and read again.

To its author the text of a value may hold anything, `: ` and a leading `@` included. Repairs keep every line where it
is, so that later findings name the right one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openskills_core.format.composer import compose
from openskills_core.format.nodes import FIRST_FIELD_LINE, Node, YamlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.format.notes import Notes

_MAX_TRIED = 300

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_ENTRY = re.compile(r"(?P<key>[A-Za-z_][\w-]*)[ \t]*:(?P<gap>[ \t]*)(?P<value>(?!//)\S.*)")
_VALUE = re.compile(r"(?P<lead>[ \t]*+(?:-[ \t]++(?:[\w-]++:[ \t]++)?|[\w-]++:[ \t]++))(?P<value>\S.*)")
_LIST_HEAD = re.compile(r"[\w-]+[ \t]*:[ \t]*(?:-[ \t].*)?")
_BLOCK_HEADER = re.compile(r"[|>](?:[-+]?[1-9]?|[1-9][-+])(?:[ \t]+#.*|[ \t]*)")
_IN_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"')
_IN_SINGLE = re.compile(r"'(?:[^']|(?<=\w)'(?=\w)|'')*'")


def compose_or_repair(source: str, notes: Notes) -> Node | None:
    """Return the map that the frontmatter is, None when it is empty; note each value that had to be repaired.

    Raises:
        YamlError: it cannot be read even then.
    """
    try:
        return _compose_map(source)
    except YamlError as error:
        if error.final:
            raise
        repair = _Repair(notes.fresh())
        try:
            repaired = repair.apply(source)
        except _PastHelpError:
            raise error from None
        if repaired == source:
            raise
    root = _compose_map(repaired)
    notes.take(repair.notes)
    return root


def _compose_map(source: str) -> Node | None:
    root = compose(source)
    if root is not None and root.kind != "map":
        raise YamlError("write each one as `field: value`", root.line)
    return root


class _PastHelpError(Exception):
    """So much had to be looked at that the frontmatter is no author's slip."""


class _Repair:
    """Changes the values of one frontmatter that keep it from being YAML, and notes each."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self._tries_left = _MAX_TRIED

    def apply(self, source: str) -> str:
        """Return `source` with what was at fault repaired."""
        source = self._without_control_characters(source)
        lines: list[str] = []
        for number, entry in _entries(source):
            lines += entry if self._reads("\n".join(entry)) else self._entry(entry, number)
        return "\n".join(lines)

    def _without_control_characters(self, source: str) -> str:
        found = _CONTROL.search(source)
        if found is None:
            return source
        line = source.count("\n", 0, found.start()) + FIRST_FIELD_LINE
        advice = f"delete the control character U+{ord(found[0]):04X}: YAML takes none, and they were left out"
        self.notes.add("control-character", advice, line)
        return _CONTROL.sub("", source)

    def _reads(self, entry: str) -> bool:
        """Whether an entry is YAML by itself. Raises _PastHelpError when it is one of too many."""
        self._tries_left -= 1
        if self._tries_left < 0:
            raise _PastHelpError
        try:
            _compose_map(entry)
        except YamlError:
            return False
        return True

    def _entry(self, entry: list[str], number: int) -> list[str]:
        """Return as many lines in a form that YAML takes; as they are where there is none."""
        first, *rest = entry
        match = _ENTRY.match(first)
        if match is None:
            return self._lines(entry, number)
        key, value = match["key"], match["value"].strip()
        if _BLOCK_HEADER.fullmatch(value):
            return entry
        below = [line.strip() for line in rest if line.strip()]
        if not match["gap"]:
            self.notes.add("missing-space", f"write a space after the colon of {key!r}", number)
            written = f"{key}: {value}"
            if self._reads("\n".join([written, *rest])):
                return [written, *rest]
        elif value.startswith("- ") and below and all(line.startswith("- ") for line in below):
            advice = f"begin the list of {key!r} on the next line: no item may stand beside the colon"
            self.notes.add("yaml-repaired", advice, number)
            items = ", ".join(_in_quotes(line[2:].strip()) for line in (value, *below))
            return _as_one_line(f"{key}: [{items}]", rest)
        else:
            advice = f"write {key}: >- and the value on the next line, indented by two spaces: as it is it is no YAML"
            self.notes.add("yaml-repaired", advice, number)
        return _as_one_line(f"{key}: {_in_quotes(' '.join([value, *below]))}", rest)

    def _lines(self, entry: list[str], number: int) -> list[str]:
        """Quote what is no YAML by itself on the lines of a list or map, such as `- **/*.py` or `note: a: b`."""
        lines: list[str] = []
        for offset, (line, value) in enumerate(_values(entry)):
            context = "items:\n" if line.lstrip().startswith("-") else ""
            if value and not self._reads(context + line.strip()):
                field = entry[0].strip(" :")[:40]
                advice = f"put the value on this line of {field!r} in quotes: as it is it is no YAML"
                self.notes.add("yaml-repaired", advice, number + offset)
                line = value["lead"] + _in_quotes(value["value"].strip())  # noqa: PLW2901 - the line as repaired
            lines.append(line)
        return lines


def _entries(source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each top-level line and its number in the file, with the lines that follow it and begin no other entry."""
    start, entry = FIRST_FIELD_LINE, list[str]()
    for number, line in enumerate(source.split("\n"), FIRST_FIELD_LINE):
        item = line.startswith("- ") and entry and _LIST_HEAD.fullmatch(entry[0])
        if entry and line.strip() and not line[0].isspace() and not item:
            yield start, entry
            start, entry = number, []
        entry.append(line)
    yield start, entry


def _values(entry: list[str]) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Yield each line of an entry, with the item or value that stands on it; text of a block scalar is neither."""
    block: int | None = None
    for line in entry:
        indent = len(line) - len(line.lstrip())
        if block is not None and (indent > block or not line.strip()):
            yield line, None
            continue
        value = _VALUE.fullmatch(line)
        block = indent if value and _BLOCK_HEADER.fullmatch(value["value"]) else None
        yield line, value if block is None else None


def _as_one_line(line: str, rest: list[str]) -> list[str]:
    return [line, *("" for _ in rest)]


def _in_quotes(text: str) -> str:
    """Put a text into quotes that YAML takes, without those it has around it already."""
    if _IN_DOUBLE.fullmatch(text):
        text = re.sub(r"\\(['\"\\])", r"\1", text[1:-1])
    elif len(text) > 1 and _IN_SINGLE.fullmatch(text):
        text = text[1:-1].replace("''", "'")
    elif text.count('"') == 1:
        text = text.removeprefix('"')
    return "'" + text.replace("'", "''") + "'"
