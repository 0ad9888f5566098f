"""The field table: frontmatter nodes → Manifest, with a diagnostic for whatever an author should write differently.

Loading is as tolerant as Claude Code: a value of the wrong shape falls back to the field's default, unknown fields are
accepted, and no rule about length or spelling keeps a skill from loading.
Sources: Claude Code, "Frontmatter reference"; the Agent Skills specification for lengths and the form of names.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openskills_core.format.frontmatter import Node, Notes, merge_pairs
from openskills_core.format.tools import split_tools, tool_name
from openskills_core.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_NAME = 64
MAX_DESCRIPTION = 1024
MAX_COMPATIBILITY = 500

_SHOWN = 40

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NAME = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


def read_fields(fields: Mapping[str, Node], skill_id: str, notes: Notes) -> Manifest:
    """Build the manifest of the skill whose directory is `skill_id`. Never raises."""
    values: dict[str, Any] = {"name": skill_id}
    for field, node in fields.items():
        if field not in _TABLE:
            _note_unread(field, node.line, notes)
            continue
        attribute, read = _TABLE[field]
        value = None if _is_null(node) else read(field, node, notes)
        if value is not None:
            values[attribute] = value
    manifest = replace(Manifest(), **values)
    if "name" in fields:
        _check_name(manifest, skill_id, fields["name"].line, notes)
    _check_lengths(manifest, fields, notes)
    return manifest


def _is_null(node: Node) -> bool:
    return node.plain and node.text in _NULL


def _text(field: str, node: Node, notes: Notes) -> str | None:
    """Text as written. `argument-hint: [topic]` is a YAML list to YAML and plain text to every author."""
    if node.kind != "text" and not node.text.startswith(("[", "{")):
        notes.warning("expected-text", f"write {field!r} as one text; its source was taken as it stands", node.line)
    return node.text.strip() or None


def _choice(*allowed: str) -> Callable[[str, Node, Notes], str | None]:
    def read(field: str, node: Node, notes: Notes) -> str | None:
        if node.text in allowed:
            return node.text
        notes.warning("bad-value", f"write one of {', '.join(allowed)} for {field!r}, not {_short(node)}", node.line)
        return None

    return read


def _boolean(field: str, node: Node, notes: Notes) -> bool | None:
    value = _BOOLEANS.get(node.text.strip().lower())
    if value is None:
        notes.warning("bad-boolean", f"write true or false for {field!r}, not {_short(node)}", node.line)
    return value


def _negated(field: str, node: Node, notes: Notes) -> bool | None:
    value = _boolean(field, node, notes)
    return None if value is None else not value


def _strings(field: str, node: Node, notes: Notes) -> list[Node]:
    """Return the text nodes of a list, or the one text node itself."""
    if node.kind == "text":
        return [node]
    if node.kind == "map":
        notes.warning("expected-list", f"write {field!r} as a list of texts or one text, not a map", node.line)
        return []
    for item in node.children:
        if item.kind != "text":
            notes.warning("expected-text", f"write plain text in {field!r}, not {_short(item)}", item.line)
    return [item for item in node.children if item.kind == "text" and not _is_null(item)]


def _words(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    return tuple(word for item in _strings(field, node, notes) for word in item.text.split())


def _granted_tools(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    """Tool rules as written; one with unbalanced parentheses grants nothing."""
    granted: list[str] = []
    for item in _strings(field, node, notes):
        rules, unbalanced = split_tools(item.text)
        granted += rules
        for rule in unbalanced:
            _note_unbalanced(rule, "it grants nothing", item.line, notes)
    return tuple(granted)


def _removed_tools(field: str, node: Node, notes: Notes) -> tuple[str, ...]:
    """Tool rules as written; one with unbalanced parentheses removes its whole tool, the safer reading."""
    removed: list[str] = []
    for item in _strings(field, node, notes):
        rules, unbalanced = split_tools(item.text)
        removed += rules + [name for name in map(tool_name, unbalanced) if name]
        for rule in unbalanced:
            _note_unbalanced(rule, "it removes the whole tool", item.line, notes)
    return tuple(removed)


def _note_unbalanced(rule: str, effect: str, line: int, notes: Notes) -> None:
    notes.warning("unbalanced-parentheses", f"balance the parentheses of {rule[:60]!r}: as written {effect}", line)


def _metadata(field: str, node: Node, notes: Notes) -> dict[str, str] | None:
    if node.kind != "map":
        notes.warning("expected-map", f"write {field!r} as `key: value` lines, indented by two spaces", node.line)
        return None
    return {key: value.text for key, value in merge_pairs(node, notes).items()}


def _short(node: Node) -> str:
    """Quote a value for a message, cut to what fits one line."""
    return repr(node.text if len(node.text) <= _SHOWN else node.text[:_SHOWN] + "…")


_TABLE: Mapping[str, tuple[str, Callable[[str, Node, Notes], Any]]] = {
    "name": ("name", _text),
    "description": ("description", _text),
    "when_to_use": ("when_to_use", _text),
    "license": ("license", _text),
    "compatibility": ("compatibility", _text),
    "metadata": ("metadata", _metadata),
    "allowed-tools": ("allowed_tools", _granted_tools),
    "disallowed-tools": ("disallowed_tools", _removed_tools),
    "argument-hint": ("argument_hint", _text),
    "arguments": ("arguments", _words),
    "user-invocable": ("user_invocable", _boolean),
    "disable-model-invocation": ("model_invocable", _negated),
    "model": ("model", _text),
    "effort": ("effort", _choice("low", "medium", "high", "xhigh", "max")),
    "context": ("context", _choice("fork")),
    "agent": ("agent", _text),
}
_WITHOUT_EFFECT = frozenset({"background", "hooks", "paths", "shell"})


def _note_unread(field: str, line: int, notes: Notes) -> None:
    if field in _WITHOUT_EFFECT:
        notes.info("field-without-effect", f"{field!r} works in Claude Code; this runtime ignores it", line)
        return
    import difflib

    near = difflib.get_close_matches(field.lower().replace("_", "-"), _TABLE, n=1, cutoff=0.8)
    advice = f"did you mean {near[0]!r}?" if near else "put your own fields under metadata:"
    notes.info("unknown-field", f"{field[:_SHOWN]!r} is no field of the format and is ignored; {advice}", line)


def _check_name(manifest: Manifest, skill_id: str, line: int, notes: Notes) -> None:
    name = unicodedata.normalize("NFKC", manifest.name)
    if len(name) > MAX_NAME:
        notes.warning("name-too-long", f"shorten the name to {MAX_NAME} characters; it has {len(name)}", line)
    if not _NAME.fullmatch(name) or name != name.lower():
        notes.warning("bad-name", f"write {name[:MAX_NAME]!r} in lowercase letters, digits and single hyphens", line)
    if name != unicodedata.normalize("NFKC", skill_id):
        problem = (
            f"the name {name[:MAX_NAME]!r} is not the directory's: the skill is called {skill_id!r}; make them equal"
        )
        notes.warning("name-mismatch", problem, line)


def _check_lengths(manifest: Manifest, fields: Mapping[str, Node], notes: Notes) -> None:
    for field, text, limit in (
        ("description", manifest.description, MAX_DESCRIPTION),
        ("compatibility", manifest.compatibility, MAX_COMPATIBILITY),
    ):
        if len(text) > limit:
            advice = f"shorten the {field} to {limit} characters; it has {len(text)} and other clients refuse it"
            notes.warning(f"{field}-too-long", advice, fields[field].line)
