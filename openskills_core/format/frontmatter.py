"""SKILL.md bytes → the value of each field, untyped, so that `1.0` and `yes` stay what was written.

Nothing here raises for bad input: what cannot be read is a diagnostic, and the rest of the file still counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openskills_core.format.nodes import FIRST_FIELD_LINE, Node, YamlError, merge_pairs, quoted
from openskills_core.format.repair import compose_or_repair
from openskills_core.format.sections import Sections, split_sections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.format.notes import Notes

_LINE_END = re.compile(r"\r+\n")
# Line breaks to YAML 1.1 and to nobody else: no editor counts them and no author sees them.
_STRAY_BREAKS = {"\x85": " ", "\u2028": " ", "\u2029": " ", "\ufeff": ""}
# A value that YAML ends at ` #`, in fields where an author hardly means a comment.
_CUT = re.compile(r"^(description|when_to_use|argument-hint)[ \t]*:[ \t]+[^\s|>\"'\[{#].*?[ \t](#.*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One SKILL.md taken apart. `fields` is empty where its YAML was none; `lines` has the line of each field."""

    sections: Sections
    fields: Mapping[str, Node] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


def read_document(data: bytes, notes: Notes) -> Document:
    """Read the fields of one SKILL.md; whatever is wrong goes to `notes`. Never raises."""
    sections = split_sections(data, notes)
    source = _plain_breaks(sections.source)
    try:
        root = compose_or_repair(source, notes)
    except YamlError as error:
        notes.add("bad-yaml", f"no field could be read: {error.problem}", error.line)
        return Document(sections)
    if root is None:
        return Document(sections)
    lines = {key.text: key.line for key in root.children[::2] if key.kind == "text"}
    fields = merge_pairs(root, notes)
    if " #" in source or "\t#" in source:
        _note_cut_values(source, fields, notes)
    return Document(sections, fields, lines)


def _plain_breaks(source: str) -> str:
    if "\r" in source:
        source = _LINE_END.sub("\n", source)
    if not source.isascii():
        for mark, blank in _STRAY_BREAKS.items():
            source = source.replace(mark, blank)
    return source


def _note_cut_values(source: str, fields: Mapping[str, Node], notes: Notes) -> None:
    for cut in _CUT.finditer(source):
        name, tail = cut[1], cut[2]
        if name in fields and tail not in fields[name].text:
            line = source.count("\n", 0, cut.start()) + FIRST_FIELD_LINE
            advice = f"put the value of {name!r} in quotes if {quoted(tail)} is part of it: YAML takes it for a comment"
            notes.add("comment-in-value", advice, line)
