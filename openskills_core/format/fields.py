"""The field table: frontmatter nodes → Manifest, with a diagnostic for whatever an author should write differently.

Loading is as tolerant as Claude Code: a value of the wrong shape falls back to the field's default, unknown fields are
kept as text, and no rule about length or spelling keeps a skill from loading.
Sources: Claude Code, "Frontmatter reference"; the Agent Skills specification for lengths and the form of names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from openskills_core.format.extensions import read_actions, read_requires, understands_requires
from openskills_core.format.foreign import note_foreign_field
from openskills_core.format.hooks import read_hooks
from openskills_core.format.values import (
    choice,
    is_null,
    read_argument_names,
    read_boolean,
    read_globs,
    read_granted_tools,
    read_metadata,
    read_negated,
    read_removed_tools,
    read_sentences,
    read_text,
)
from openskills_core.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openskills_core.format.nodes import Node
    from openskills_core.format.notes import Notes


class _Field(NamedTuple):
    """Where a field goes and what reads it; `understands` is False for a value of another client, kept as text."""

    attribute: str
    read: Callable[[str, Node, Notes], Any]
    understands: Callable[[Node], bool] | None = None


def _no_map(node: Node) -> bool:
    return node.kind != "map"


def _read_compatibility(field: str, node: Node, notes: Notes) -> str | None:
    """Text; earlier OpenSkills and agentskills-core made it a map of versions, which only they can read."""
    return read_text(field, node, notes) if _no_map(node) else None


FIELDS: Mapping[str, _Field] = {
    "name": _Field("name", read_text),
    "description": _Field("description", read_text),
    "when_to_use": _Field("when_to_use", read_sentences),
    "license": _Field("license", read_text),
    "compatibility": _Field("compatibility", _read_compatibility, _no_map),
    "metadata": _Field("metadata", read_metadata),
    "allowed-tools": _Field("allowed_tools", read_granted_tools),
    "disallowed-tools": _Field("disallowed_tools", read_removed_tools),
    "argument-hint": _Field("argument_hint", read_text),
    "arguments": _Field("arguments", read_argument_names),
    "user-invocable": _Field("user_invocable", read_boolean),
    "disable-model-invocation": _Field("model_invocable", read_negated),
    "model": _Field("model", read_text),
    "effort": _Field("effort", choice("low", "medium", "high", "xhigh", "max")),
    "context": _Field("context", choice("fork")),
    "agent": _Field("agent", read_text),
    "background": _Field("background", read_boolean),
    "hooks": _Field("hooks", read_hooks),
    "paths": _Field("paths", read_globs),
    "shell": _Field("shell", choice("bash", "powershell")),
    "requires": _Field("requires", read_requires, understands_requires),
    "actions": _Field("actions", read_actions),
}


def read_fields(fields: Mapping[str, Node], lines: Mapping[str, int], directory: str, notes: Notes) -> Manifest:
    """Build the manifest of the skill in `directory`, which names it where no field does. Never raises."""
    values: dict[str, Any] = {"name": directory}
    extra: dict[str, str] = {}
    for name, node in fields.items():
        field = FIELDS.get(name)
        if field is None:
            extra[name] = node.text
            note_foreign_field(name, FIELDS, lines[name], notes)
            continue
        if is_null(node):
            continue
        if field.understands and not field.understands(node):
            extra[name] = node.text
        value = field.read(name, node, notes)
        if value is not None:
            values[field.attribute] = value
    return Manifest(**values, extra=extra)
