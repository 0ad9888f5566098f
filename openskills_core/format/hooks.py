"""The `hooks:` field → `Hook`s, in Claude Code's nested form and in the flat one of earlier OpenSkills.

    hooks:
      PreToolUse:
        - matcher: Bash                # nested: one matcher, many handlers
          hooks:
            - type: command
              command: ./check.sh
              timeout: 30              # seconds
        - matcher: Bash                # flat: the entry is the handler
          command: ./check.sh
          timeout_ms: 30000

Source: Claude Code, "Hooks reference", sections "Hook handler fields" and "Hooks in skills and agents".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from openskills_core.format.nodes import Node, merge_pairs, quoted
from openskills_core.format.spelling import closest
from openskills_core.format.values import is_null, read_boolean, read_map, text_at, text_items
from openskills_core.manifest import Hook, HookType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openskills_core.format.notes import Notes

EVENTS = frozenset(
    {
        "ConfigChange",
        "CwdChanged",
        "DirectoryAdded",
        "Elicitation",
        "ElicitationResult",
        "FileChanged",
        "InstructionsLoaded",
        "MessageDisplay",
        "Notification",
        "PermissionDenied",
        "PermissionRequest",
        "PostCompact",
        "PostToolBatch",
        "PostToolUse",
        "PostToolUseFailure",
        "PreCompact",
        "PreToolUse",
        "SessionEnd",
        "SessionStart",
        "Setup",
        "Stop",
        "StopFailure",
        "SubagentStart",
        "SubagentStop",
        "TaskCompleted",
        "TaskCreated",
        "TeammateIdle",
        "UserPromptExpansion",
        "UserPromptSubmit",
        "WorktreeCreate",
        "WorktreeRemove",
    }
)

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_SUBJECT = {"command": "command", "prompt": "prompt", "agent": "prompt", "http": "url", "mcp_tool": "tool"}


def read_hooks(field: str, node: Node, notes: Notes) -> tuple[Hook, ...] | None:
    """Return every handler in the order written. One without its command or of an unknown type is left out."""
    events = read_map(field, node, notes)
    if events is None:
        return None
    found: list[Hook] = []
    for event, entries in events.items():
        _check_event(event, entries.line, notes)
        for entry in _maps(event, entries, notes):
            found += _handlers(event, entry, notes)
    return tuple(found)


def _check_event(event: str, line: int, notes: Notes) -> None:
    if event not in EVENTS:
        meant = closest(event, EVENTS)
        advice = f"write {meant}" if meant else "see Claude Code's hooks reference for those there are"
        notes.add("unknown-event", f"no hook is run at {quoted(event)}: {advice}", line)


def _maps(where: str, node: Node, notes: Notes) -> Iterator[Node]:
    """Yield the maps of a list, or the one map that stands in its place."""
    if is_null(node):
        return
    for item in node.children if node.kind == "list" else (node,):
        if item.kind == "map":
            yield item
        else:
            advice = f"write each hook of {quoted(where)} as `command: …` lines, not {quoted(item.text)}"
            notes.add("bad-hook", advice, item.line)


def _handlers(event: str, entry: Node, notes: Notes) -> Iterator[Hook]:
    """Yield the handlers of one entry: those under its own `hooks:`, else the entry itself."""
    values = merge_pairs(entry, notes)
    handlers = [(entry.line, values)]
    if "hooks" in values:
        shared = {"matcher": values["matcher"]} if "matcher" in values else {}
        inner = _maps(event, values["hooks"], notes)
        handlers = [(node.line, merge_pairs(node, notes) | shared) for node in inner]
    for line, handler in handlers:
        hook = _hook(event, handler, line, notes)
        if hook is not None:
            yield hook


def _hook(event: str, values: Mapping[str, Node], line: int, notes: Notes) -> Hook | None:
    kind: Any = text_at(values, "type") or "command"
    if kind not in _SUBJECT:
        advice = (
            f"write one of {', '.join(get_args(HookType))} as the type of this {quoted(event)} hook, not {quoted(kind)}"
        )
        notes.add("bad-hook", advice, line)
        return None
    subject = text_at(values, _SUBJECT[kind])
    if not subject:
        notes.add("bad-hook", f"write {_SUBJECT[kind]}: for this {quoted(event)} hook; it was left out", line)
        return None
    if kind == "mcp_tool":
        subject = f"mcp__{text_at(values, 'server')}__{subject}"
    matcher, once, args = text_at(values, "matcher"), values.get("once"), values.get("args")
    return Hook(
        event=event,
        command=subject,
        matcher="" if matcher == "*" else matcher,
        type=kind,
        timeout_ms=_timeout(values, notes),
        once=once is not None and bool(read_boolean("once", once, notes)),
        cwd=text_at(values, "cwd"),
        condition=text_at(values, "if"),
        args=None if args is None or is_null(args) else tuple(item.text for item in text_items("args", args, notes)),
    )


def _timeout(values: Mapping[str, Node], notes: Notes) -> int | None:
    """Return milliseconds: `timeout` is in seconds, `timeout_ms` is not."""
    for key, unit in (("timeout_ms", 1), ("timeout", 1000)):
        node = values.get(key)
        if node is None or is_null(node):
            continue
        if _NUMBER.fullmatch(node.text) and float(node.text) > 0:
            return max(1, round(float(node.text) * unit))
        what = "milliseconds" if unit == 1 else "seconds"
        notes.add("bad-value", f"write {key!r} as a number of {what}, not {quoted(node.text)}", node.line)
    return None
