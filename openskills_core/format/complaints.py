"""What YAML's complaints mean for the author of a frontmatter: the line at fault and what to write there."""

from __future__ import annotations

from typing import Any

from openskills_core.format.nodes import FIRST_FIELD_LINE, YamlError

# Parts of the messages of libyaml and PyYAML, which differ in words.
_MEANINGS = (
    ("mapping values are not allowed", "put a value that holds a colon and a space in quotes"),
    ("could not find expected ':'", "write `field: value`, with a colon after the name"),
    ("unexpected end of stream", "close the quotes that are opened here"),
    ("unexpected document", "close the quotes that are opened here"),
    ("expected ',' or ']'", "close the [, or put the value in quotes"),
    ("expected ',' or '}'", "close the {, or put the value in quotes"),
    ("sequence entries are not allowed", "begin a list on the line below its field"),
    ("block collection", "begin each item of a list with - and indent them alike"),
    ("<document start>", "write one YAML document: remove the line that is only ..."),
    ("escape character", "write a backslash in double quotes as \\\\"),
    ("hex", "write a backslash in double quotes as \\\\"),
    ("alphabetic or numeric", "put a value that begins with * or & in quotes"),
    ("tag handle", "put a value that begins with ! in quotes"),
    ("expected key", "indent lines of one level alike, and write each as `name: value`"),
    ("<block end>", "indent lines of one level alike, and write each as `name: value`"),
    ("cannot start any token", "put a value that begins with @ ` or % in quotes"),
)


def explained(error: Any, source: str) -> YamlError:
    """Return what a `yaml.YAMLError` about `source` means; its own words where we have no better ones."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return YamlError("a character is not allowed in YAML", FIRST_FIELD_LINE)
    complaint = f"{error.problem} ({error.context})"
    if error.context_mark and ("unexpected" in complaint or "flow" in complaint):
        mark = error.context_mark
    lines = source.split("\n")
    text = lines[mark.line] if mark.line < len(lines) else ""
    indent = text[: len(text) - len(text.lstrip())]
    if "\t" in indent:
        return YamlError("indent with spaces, YAML takes no tabs", mark.line + FIRST_FIELD_LINE)
    meaning = next((meaning for part, meaning in _MEANINGS if part in complaint), error.problem or complaint)
    return YamlError(meaning, mark.line + FIRST_FIELD_LINE)
