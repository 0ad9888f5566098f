"""One location and what is known of it, brought up to date at each question by as few looks at the disk as it takes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from openskills_core.registry.alarm import Watch
from openskills_core.registry.listing import list_location
from openskills_core.registry.location import SKILL_FILE
from openskills_core.registry.reader import Reader, VanishedError
from openskills_core.registry.records import Records
from openskills_core.registry.stamps import is_settled, stamp_at

if TYPE_CHECKING:
    from collections.abc import Collection

    from openskills_core.models import Skill, SkillInfo
    from openskills_core.registry.draft import Listing
    from openskills_core.registry.location import Location


class Part:
    """A location of a registry. `listing` is None where there is no directory that can be listed.

    `qualifier` is what tells its skills from others of the same id; without one the earlier skill wins.
    """

    def __init__(self, location: Location, reader: Reader, qualifier: str = "") -> None:
        self.location = location
        self.qualifier = qualifier
        self.listing: Listing | None = None
        self.records = Records()
        self._base = str(location.path)
        self._reader = reader
        self._listed_ns = 0
        self._files_of: dict[str, list[str]] = {}
        self._watch = Watch(self._base) if location.kind == "skills" else None
        self._skills: dict[str, tuple[SkillInfo, Skill]] = {}
        self._qualified: dict[str, tuple[SkillInfo, SkillInfo]] = {}

    def refresh(self, *, fully: bool = False) -> bool:
        """Look at the disk and return whether anything is different. `fully` trusts no earlier listing."""
        before, looked_ns = self.listing, time.time_ns()
        try:
            real = os.path.realpath(self._base, strict=True)
            listing = self._list(looked_ns, fully=fully)
        except (OSError, ValueError):  # a NUL in the path is a ValueError
            self.listing, self.records = None, Records()
            return before is not None
        suspects = self._suspects(listing)
        moved = (real, listing.naming) != (self.records.real, self.records.naming)
        if moved:
            self.records = self._reader.restore(real, listing)
        changed = self._reader.update(self.records, listing, looked_ns, None if fully or moved else suspects)
        if self._watch:
            self._watch.learn(listing, changed=changed)
        return changed or moved or before is None or before.notes != listing.notes

    def _suspects(self, listing: Listing) -> Collection[str] | None:
        return self._watch.suspects(listing) if self._watch else None

    def _list(self, looked_ns: int, *, fully: bool) -> Listing:
        if self.listing is None or fully or not self._is_listing_current(self.listing):
            self.listing, self._listed_ns, self._files_of = list_location(self.location), looked_ns, {}
        return self.listing

    def _is_listing_current(self, listing: Listing) -> bool:
        return all(
            stamp_at(path) == stamp and (stamp is None or is_settled(stamp, self._listed_ns))
            for path, stamp in listing.watched.items()
        )

    def is_unchanged(self, skill_id: str, file: str = "") -> bool:
        """Whether all that decides about one skill is as it was when the location was last looked at.

        Args:
            skill_id: the skill's id.
            file: the skill's own file, if it is a skill of this location.
        """
        if self.listing is None:
            return stamp_at(self._base) is None
        if os.path.realpath(self._base) != self.records.real or not self._is_listing_current(self.listing):
            return False
        files = {*self._named(skill_id, self.listing), *self.listing.named, *([file] if file else [])}
        return all(map(self._is_as_known, files))

    def _named(self, skill_id: str, listing: Listing) -> list[str]:
        """Return the files that are this skill if they exist."""
        if self.location.kind == "skills":
            own = [f"{self._base}/{SKILL_FILE}"] if os.path.basename(self._base) == skill_id else []
            return [*own, f"{self._base}/{skill_id}/{SKILL_FILE}"]
        if not self._files_of:
            for file, known_as in zip(listing.files, listing.ids, strict=True):
                self._files_of.setdefault(known_as, []).append(file)
        return self._files_of.get(skill_id, [])

    def _is_as_known(self, file: str) -> bool:
        return stamp_at(file) == self.records.stamps.get(file) and file not in self.records.unsettled

    def skill(self, file: str) -> Skill:
        """Return a skill of this location, read now unless this process has read it already.

        Raises:
            VanishedError: it can no longer be read.
        """
        info, listing = self.records.infos[file], self.listing
        known = self._skills.get(file)
        if listing is None:
            raise VanishedError(file)
        if known is None or known[0] is not info:
            self._skills[file] = known = (info, self._reader.skill(self.records, listing, file))
        return known[1]

    def qualified(self, info: SkillInfo) -> SkillInfo | None:
        """Return a skill of this location under a name that nobody else gives, None where there is no such name."""
        if not self.qualifier:
            return None
        known = self._qualified.get(info.id)
        if known is None or known[0] is not info:
            self._qualified[info.id] = known = (info, replace(info, id=f"{self.qualifier}:{info.id}"))
        return known[1]

    def source_of(self, file: str) -> str:
        """Return the directory of a file without symbolic links, as it was when the file was read."""
        return self._reader.source(self.records, file)

    def stop_indexing(self) -> None:
        """Neither read nor write an index from now on."""
        self._reader.store = None

    def close(self) -> None:
        """Give back what the system lends for watching; a later question takes it again."""
        if self._watch:
            self._watch.stop()
