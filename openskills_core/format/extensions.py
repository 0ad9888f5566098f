"""The fields that are OpenSkills' own: `requires:`, what a skill needs, and `actions:`, scripts with named inputs.

requires:
  bins: [git, jq]
  python-packages: [pandas]
actions:
  - id: convert
    description: Converts a table.
    capabilities: [tables]
    target: {type: script, path: scripts/convert.py}
    input: {required: [file], optional: [encoding]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from openskills_core.format.nodes import Node, quoted
from openskills_core.format.spelling import closest
from openskills_core.format.values import choice, is_null, read_map, read_words, text_at
from openskills_core.manifest import Action, Requires

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.format.notes import Notes

NEEDS: Mapping[str, str] = {name.replace("_", "-"): name for name in Requires.__slots__}


def understands_requires(node: Node) -> bool:
    """Whether every part of a `requires:` is one of ours; other clients list skills and servers there."""
    return node.kind == "map" and all(_need(key.text) for key in node.children[::2])


def read_requires(field: str, node: Node, notes: Notes) -> Requires | None:
    """Return what the skill says it needs. What other clients write there has no effect here."""
    if node.kind != "map":
        advice = f"write {field!r} as lists under {', '.join(NEEDS)}; as it stands it has no effect here"
        notes.add("unknown-need", advice, node.line)
        return None
    needs: dict[str, Any] = {}
    for key, value in (read_map(field, node, notes) or {}).items():
        need = _need(key)
        if need:
            needs[need] = () if is_null(value) else read_words(f"{field}.{key}", value, notes)
        else:
            meant = closest(key, NEEDS)
            advice = f"write {meant}" if meant else f"this runtime checks {', '.join(NEEDS)}"
            notes.add("unknown-need", f"{quoted(key)} under {field!r} has no effect here: {advice}", value.line)
    return Requires(**needs)


def _need(key: str) -> str:
    return NEEDS.get(key.replace("_", "-"), "")


def read_actions(field: str, node: Node, notes: Notes) -> tuple[Action, ...] | None:
    """Return the actions in the order written; one without id or target, or with another's id, is left out."""
    if node.kind != "list":
        notes.add("expected-list", f"write {field!r} as a list: `- id: …` and `target:` below it", node.line)
        return None
    actions: dict[str, Action] = {}
    for item in node.children:
        action = _action(field, item, notes)
        if action and action.id in actions:
            advice = f"give this action an id of its own: {quoted(action.id)} is taken, so it was left out"
            notes.add("bad-action", advice, item.line)
        elif action:
            actions[action.id] = action
    return tuple(actions.values())


def _action(field: str, node: Node, notes: Notes) -> Action | None:
    values = read_map(field, node, notes)
    if values is None:
        return None
    name, (kind, path) = text_at(values, "id"), _target(values.get("target"), notes)
    if not name or not path:
        missing = "id: and a name" if not name else "target: {type: script, path: scripts/…}"
        notes.add("bad-action", f"write {missing} for this action; it was left out", node.line)
        return None
    inputs = _map(values, "input", notes)
    return Action(
        id=name,
        path=path,
        type=kind,
        description=text_at(values, "description"),
        capabilities=_words(values, "capabilities", notes),
        required=_words(inputs, "required", notes),
        optional=_words(inputs, "optional", notes),
        notes=text_at(values, "notes"),
    )


def _target(node: Node | None, notes: Notes) -> tuple[Literal["script", "wasm"], str]:
    """Return the type and path of an action's target, which may also be written as the path alone."""
    if node is None or is_null(node):
        return "script", ""
    if node.kind == "text":
        path, kind = node.text.strip(), None
    else:
        values = read_map("target", node, notes) or {}
        path = text_at(values, "path")
        kind = choice("script", "wasm")("type", values["type"], notes) if "type" in values else None
    return ("wasm" if kind == "wasm" or (kind is None and path.endswith(".wasm")) else "script"), path


def _map(values: Mapping[str, Node], key: str, notes: Notes) -> Mapping[str, Node]:
    node = values.get(key)
    return {} if node is None or is_null(node) else read_map(key, node, notes) or {}


def _words(values: Mapping[str, Node], key: str, notes: Notes) -> tuple[str, ...]:
    node = values.get(key)
    return () if node is None or is_null(node) else read_words(key, node, notes)
