"""Fields that are not ours: other clients' that are known, misspellings of ours, and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.format.nodes import quoted
from openskills_core.format.spelling import closest, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openskills_core.format.notes import Notes

# Sources: agentskills-core for the first two; Claude Code's changelog for the others, which it takes in any spelling.
_KNOWN_ELSEWHERE = frozenset(map(fold, ("version", "when_not_to_use", "display-name", "default-enabled", "fallback")))

_OWN = "put your own fields under metadata:"
# Words that are near a field's name, or mean one, in the skills that people write.
_ADVICE = {
    "tools": "write allowed-tools for tools that need no question",
    "trigger": "say it in when_to_use",
    "triggers": "say it in when_to_use",
    "agents": _OWN,
    "mode": _OWN,
}


def note_foreign_field(field: str, known: Iterable[str], line: int, notes: Notes) -> None:
    """Say what to write instead of a field that is none of `known`; nothing where another client knows it."""
    if notes.full or fold(field) in _KNOWN_ELSEWHERE:
        return
    shown, advice = quoted(field), _ADVICE.get(field.lower())
    meant = "" if advice else closest(field, known)
    if meant:
        notes.add("misspelt-field", f"write {meant} instead of {shown}: it is ignored as it stands", line)
        return
    notes.add("unknown-field", f"{shown} is no field of the format and has no effect; {advice or _OWN}", line)
