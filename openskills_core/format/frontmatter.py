"""SKILL.md bytes → frontmatter nodes, body and diagnostics.

The frontmatter runs from a `---` on the first line to the next line that is `---`; trailing blanks are allowed and the
closing one may end the file. Its YAML is read as untyped nodes, so `1.0` and `yes` stay the text that was written.
Nothing here raises for bad input: what cannot be read is a diagnostic, and the rest of the file still counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from openskills_core.manifest import Diagnostic, Severity
from openskills_core.models import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_BYTES = 10 * MIB
MAX_FRONTMATTER = 256 * 1024
MAX_DEPTH = 32
MAX_ALIASED = 100_000
MAX_NOTES = 200

_BOM = b"\xef\xbb\xbf"
_FENCE = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
_LATE_FENCE = re.compile(r"\s+---[ \t]*\r?$", re.MULTILINE)
_ENTRY = re.compile(r"(?P<key>\w[\w-]*)[ \t]*:[ \t]+(?P<value>\S.*)")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*[ \t]*(?:#.*)?")
_FIRST_FIELD_LINE = 2


@dataclass(slots=True)
class Notes:
    """Collects the diagnostics of one SKILL.md while it is read, at most `MAX_NOTES` of them."""

    path: Path
    skill_id: str
    items: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, message: str, line: int = 1) -> None:
        """Note that part of the file could not be used."""
        self._add("error", code, message, line)

    def warning(self, code: str, message: str, line: int = 1) -> None:
        """Note that something works here but is likely wrong, or fails in other clients."""
        self._add("warning", code, message, line)

    def info(self, code: str, message: str, line: int = 1) -> None:
        """Note something the author may want to know."""
        self._add("info", code, message, line)

    def _add(self, severity: Severity, code: str, message: str, line: int) -> None:
        if len(self.items) < MAX_NOTES:
            self.items.append(Diagnostic(code, severity, message, self.path, line, self.skill_id))


@dataclass(frozen=True, slots=True)
class Node:
    """One untyped YAML value that begins on `line` of the file.

    `text` is a scalar's text, or the source of a list or map as it was written. `children` holds a list's items, or a
    map's keys and values in turn. `plain` says that a scalar was written without quotes.
    """

    kind: Literal["text", "list", "map"]
    text: str
    line: int
    children: tuple[Node, ...] = ()
    plain: bool = False

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Yield a map's keys with their values, in the order written, duplicates included."""
        return zip(self.children[::2], self.children[1::2], strict=True)


@dataclass(frozen=True, slots=True)
class Document:
    """One SKILL.md taken apart: field name → value, and the text after the frontmatter."""

    fields: Mapping[str, Node]
    body: str


class _YamlError(Exception):
    """The frontmatter is no YAML, or breaks a limit, in which case reading it again is pointless."""

    def __init__(self, problem: str, line: int, *, final: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.final = final


def read_document(data: bytes, notes: Notes) -> Document:
    """Split one SKILL.md into frontmatter and body; whatever is wrong goes to `notes`. Never raises."""
    if len(data) > MAX_BYTES:
        notes.error("file-too-large", f"SKILL.md is over {MAX_BYTES // MIB} MiB: move the bulk into references/")
        return Document({}, "")
    text = _decode(data, notes)
    opening = _FENCE.match(text)
    if opening is None:
        _note_missing_frontmatter(text, notes)
        return Document({}, text)
    closing = _FENCE.search(text, opening.end())
    if closing is None:
        notes.error("unclosed-frontmatter", "the frontmatter never ends: write a line with only --- after the fields")
        return Document({}, text)
    source = text[opening.end() + 1 : closing.start()].replace("\r\n", "\n")
    return Document(_read_fields(source, notes), text[closing.end() + 1 :])


def merge_pairs(node: Node, notes: Notes) -> dict[str, Node]:
    """Return a map as a dict. Of duplicate keys the last wins, as in Claude Code's YAML reader, and each is noted."""
    fields: dict[str, Node] = {}
    for key, value in node.pairs():
        if key.kind != "text":
            notes.warning("bad-field-name", f"write plain text before the colon, not {key.text[:40]!r}", key.line)
            continue
        if key.text in fields:
            notes.warning("duplicate-field", f"{key.text!r} is given twice: keep one; the last counts", key.line)
        fields[key.text] = value
    return fields


def _decode(data: bytes, notes: Notes) -> str:
    data = data.removeprefix(_BOM)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        notes.error("not-utf-8", "this is not UTF-8: save the file as UTF-8; the bad bytes were replaced", line)
        return data.decode("utf-8", errors="replace")


def _note_missing_frontmatter(text: str, notes: Notes) -> None:
    if _LATE_FENCE.match(text):
        notes.warning("late-frontmatter", "delete what is above the first ---: frontmatter must begin on line 1")
        return
    notes.info("no-frontmatter", "begin the file with ---, a name: and a description: line, and --- again")


def _read_fields(source: str, notes: Notes) -> dict[str, Node]:
    try:
        root = _compose_or_repair(source, notes)
    except _YamlError as error:
        notes.error("bad-yaml", f"no field could be read: {error.problem}", error.line)
        return {}
    if root is None:
        return {}
    if root.kind != "map":
        notes.error("bad-yaml", "no field could be read: write each one as `field: value`", root.line)
        return {}
    return merge_pairs(root, notes)


def _compose_or_repair(source: str, notes: Notes) -> Node | None:
    if len(source) > MAX_FRONTMATTER:
        problem = f"the frontmatter is over {MAX_FRONTMATTER // 1024} KiB; move text into the body"
        raise _YamlError(problem, _FIRST_FIELD_LINE, final=True)
    try:
        return _compose(source)
    except _YamlError as error:
        if error.final:
            raise
        repaired, repairs = _quote_bad_entries(source)
        if not repairs:
            raise
        root = _compose(repaired)
    for key, line in repairs:
        notes.warning("yaml-repaired", f"put the value of {key!r} in double quotes: as written it is no YAML", line)
    return root


def _compose(source: str) -> Node | None:
    """Return the root node of one YAML document, None when it is empty. Raises _YamlError."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    composer = _Composer(source)
    try:
        for event in yaml.parse(source, Loader=loader):
            composer.feed(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line if mark else 0
        problem = getattr(error, "problem", None) or "a character is not allowed in YAML"
        raise _YamlError(problem, line + _FIRST_FIELD_LINE) from error
    return composer.root


def _quote_bad_entries(source: str) -> tuple[str, list[tuple[str, int]]]:
    """Quote each top-level `key: value` that is no YAML by itself; return the text and the (key, line) repaired."""
    lines: list[str] = []
    repairs: list[tuple[str, int]] = []
    for number, entry in _entries(source):
        match = _ENTRY.match(entry[0])
        if match is None or _BLOCK_HEADER.fullmatch(match["value"]) or _is_yaml("\n".join(entry)):
            lines += entry
            continue
        first, *rest = entry
        value = " ".join([first[match.start("value") :].strip(), *filter(None, map(str.strip, rest))])
        lines += [f"{match['key']}: '{value.replace(chr(39), chr(39) * 2)}'", *("" for _ in rest)]
        repairs.append((match["key"], number))
    return "\n".join(lines), repairs


def _entries(source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each top-level line with the indented or blank lines that follow it, and its line in the file."""
    start, entry = _FIRST_FIELD_LINE, list[str]()
    for number, line in enumerate(source.split("\n"), _FIRST_FIELD_LINE):
        if entry and line.strip() and not line[0].isspace():
            yield start, entry
            start, entry = number, []
        entry.append(line)
    yield start, entry


def _is_yaml(source: str) -> bool:
    try:
        _compose(source)
    except _YamlError:
        return False
    return True


@dataclass(slots=True)
class _Open:
    """A list or map whose end has not been read yet. `weight` counts its characters with every alias expanded."""

    kind: Literal["list", "map"]
    event: Any
    children: list[Node] = field(default_factory=list)
    weight: int = 1


class _Composer:
    """Builds nodes from YAML events without recursion.

    Aliases share the node they name. What they would expand to is counted, so a bomb is refused while it is small.
    """

    def __init__(self, source: str) -> None:
        self.root: Node | None = None
        self._source = source
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliased = 0

    def feed(self, event: Any) -> None:
        """Take the next event of `yaml.parse`. Raises _YamlError."""
        match type(event).__name__:
            case "ScalarEvent":
                self._add(self._scalar(event), 1 + len(event.value), event.anchor)
            case "AliasEvent":
                self._alias(event)
            case "SequenceStartEvent":
                self._begin("list", event)
            case "MappingStartEvent":
                self._begin("map", event)
            case "SequenceEndEvent" | "MappingEndEvent":
                self._end(event)

    def _scalar(self, event: Any) -> Node:
        plain = not event.style
        # `!important note` is a local tag to YAML and would lose its first word.
        tagged = plain and event.tag and event.tag.startswith("!") and event.tag != "!"
        text = " ".join(self._slice(event, event).split()) if tagged else event.value
        return Node("text", text, self._line(event), plain=plain)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise _YamlError(f"put the value in quotes: *{event.anchor} names nothing", self._line(event))
        node, weight = self._anchors[event.anchor]
        self._aliased += weight
        if self._aliased > MAX_ALIASED:
            problem = f"aliases add more than {MAX_ALIASED} characters; write the values out"
            raise _YamlError(problem, self._line(event), final=True)
        self._add(node, weight, None)

    def _begin(self, kind: Literal["list", "map"], event: Any) -> None:
        if len(self._open) >= MAX_DEPTH:
            problem = f"values are nested over {MAX_DEPTH} deep; write them flat"
            raise _YamlError(problem, self._line(event), final=True)
        self._open.append(_Open(kind, event))

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        text = self._slice(done.event, event).rstrip()
        node = Node(done.kind, text, self._line(done.event), tuple(done.children))
        self._add(node, done.weight, done.event.anchor)

    def _add(self, node: Node, weight: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = (node, weight)
        if self._open:
            self._open[-1].children.append(node)
            self._open[-1].weight += weight
            return
        if self.root is not None:
            raise _YamlError("write one YAML document: remove the line that is only ...", node.line)
        self.root = node

    def _slice(self, first: Any, last: Any) -> str:
        return self._source[first.start_mark.index : last.end_mark.index]

    def _line(self, event: Any) -> int:
        return int(event.start_mark.line) + _FIRST_FIELD_LINE
