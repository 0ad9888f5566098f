"""The diagnostics of one SKILL.md, collected while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openskills_core.format.codes import CODES
from openskills_core.manifest import Diagnostic, Severity

if TYPE_CHECKING:
    from pathlib import Path

MAX_NOTES = 200


@dataclass(slots=True)
class Notes:
    """Collects the diagnostics of one SKILL.md: at most `MAX_NOTES` of them, and the few errors there can be."""

    path: Path
    skill_id: str
    items: list[Diagnostic] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether further warnings would be dropped, so that none need be worked out."""
        return len(self.items) >= MAX_NOTES

    def fresh(self) -> Notes:
        """Return an empty collection for the same file, for findings that may turn out not to count."""
        return Notes(self.path, self.skill_id)

    def take(self, other: Notes) -> None:
        """Add what another collection holds."""
        self.items.extend(other.items[: max(0, MAX_NOTES - len(self.items))])

    def add(self, code: str, message: str, line: int = 1, *, severity: Severity | None = None) -> None:
        """Note one finding on a line of the file; its severity is that of `CODES` unless given."""
        found = severity or CODES[code].severity
        if found == "error" or not self.full:
            self.items.append(Diagnostic(code, found, message, self.path, line, self.skill_id))
