"""What was read of the skills of one location, by file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from openskills_core.manifest import Diagnostic, Manifest
    from openskills_core.models import SkillInfo
    from openskills_core.registry.loading import Loaded
    from openskills_core.registry.stamps import Stamp

_Value = TypeVar("_Value")


@dataclass(slots=True)
class Records:
    """The skills of the directory `real`, an absolute path without symbolic links, as a listing of `naming` names them.

    `stamps` holds every file that was there; `infos` those that are skills; `notes` those that something is to be said
    about; `sources` those in a directory that is reached over a link, with where that is; `manifests` those that this
    process has read. `unsettled` holds a digest of each file so new that a further change might not show. `unsaved`
    counts what an index of the location lacks.
    """

    real: str = ""
    naming: str = ""
    stamps: dict[str, Stamp] = field(default_factory=dict)
    infos: dict[str, SkillInfo] = field(default_factory=dict)
    notes: dict[str, tuple[Diagnostic, ...]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    unsettled: dict[str, bytes] = field(default_factory=dict)
    unsaved: int = 0

    def put(self, file: str, loaded: Loaded) -> None:
        """Take what was read of a file, in the place of what was known of it."""
        _set(self.infos, file, loaded.info)
        _set(self.manifests, file, loaded.manifest)
        _set(self.notes, file, loaded.notes)
        self.unsaved += 1

    def forget(self, file: str) -> None:
        """Drop what was read of a file."""
        for table in (self.infos, self.notes, self.sources, self.manifests, self.unsettled):
            table.pop(file, None)


def _set(table: dict[str, _Value], file: str, value: _Value | None) -> None:
    if value:
        table[file] = value
    else:
        table.pop(file, None)
