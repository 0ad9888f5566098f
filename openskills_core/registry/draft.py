"""A listing: which files of a location may be skills, and under which ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openskills_core.manifest import Diagnostic, Severity
from openskills_core.registry.stamps import Stamp, stamp_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Listing:
    """What one look at the directories of a location gave.

    `files` are absolute paths that are skills where there is a file, in order of precedence; `ids` are theirs.
    `watched` holds the directories and other files that the listing was made from, as they were then. `named` are the
    files whose frontmatter, not whose directory, gives the last part of the id. `linked` are the files in a child that
    is a symbolic link. Two listings of one `naming` give the same file the same id.
    """

    files: tuple[str, ...]
    ids: tuple[str, ...]
    watched: Mapping[str, Stamp | None]
    named: frozenset[str] = frozenset()
    linked: frozenset[str] = frozenset()
    naming: str = ""
    notes: tuple[Diagnostic, ...] = ()


@dataclass(slots=True)
class Draft:
    """A listing in the making. `prefix` stands before every id."""

    prefix: str = ""
    files: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    watched: dict[str, Stamp | None] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)
    notes: list[Diagnostic] = field(default_factory=list)

    def add(self, ids: list[str], files: list[str], *, named: bool = False) -> None:
        """Take files that may be skills, with their ids."""
        self.files += files
        self.ids += [f"{self.prefix}:{skill_id}" for skill_id in ids] if self.prefix else ids
        self.named.update(files if named else ())

    def watch(self, path: str) -> Stamp | None:
        """Note how something looks before it is read, and return that."""
        self.watched[path] = stamp = stamp_at(path)
        return stamp

    def note(self, severity: Severity, code: str, message: str, path: Path) -> None:
        """Take a diagnostic."""
        self.notes.append(Diagnostic(code, severity, message, path))

    def finish(self) -> Listing:
        """Return what was collected."""
        return Listing(
            files=tuple(self.files),
            ids=tuple(self.ids),
            watched=self.watched,
            named=frozenset(self.named),
            linked=frozenset(self.linked),
            naming="\0".join((self.prefix, *sorted(self.named))),
            notes=tuple(self.notes),
        )
