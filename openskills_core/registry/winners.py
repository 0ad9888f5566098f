"""The skills of several locations → one skill for each id. The earlier location wins; what loses is reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from openskills_core.manifest import Diagnostic
from openskills_core.registry.stamps import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openskills_core.models import SkillInfo
    from openskills_core.registry.part import Part


# Where a skill is from: the part, and the file in it.
Owner: TypeAlias = "tuple[Part, str]"


@dataclass(frozen=True, slots=True)
class Winners:
    """Every skill by id, sorted, with the part and the file that it is from.

    `twins` maps ids that lead to the directory of another skill to that skill's id.
    """

    infos: Mapping[str, SkillInfo]
    parts: Mapping[str, Part]
    files: Mapping[str, str]
    twins: Mapping[str, str]
    notes: tuple[Diagnostic, ...]


def ranked(parts: Iterable[Part]) -> list[Part]:
    """Return parts given in order of precedence in the order that counts: any skill wins over a command file."""
    return sorted(parts, key=lambda part: part.location.kind == "commands")


def choose(parts: Iterable[Part]) -> Winners:
    """Return the winners among parts given in order of precedence."""
    race = _Race()
    for part in ranked(parts):
        race.enter(part)
    infos = {skill_id: race.infos[skill_id] for skill_id in sorted(race.infos)}
    return Winners(infos, race.owning, race.files, race.twins, tuple(race.notes))


@dataclass(slots=True)
class _Race:
    """The ids and the files (by device and inode) that are taken already."""

    infos: dict[str, SkillInfo] = field(default_factory=dict)
    owning: dict[str, Part] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    identities: set[bytes] = field(default_factory=set)
    parts: list[Part] = field(default_factory=list)
    twins: dict[str, str] = field(default_factory=dict)
    notes: list[Diagnostic] = field(default_factory=list)

    def enter(self, part: Part) -> None:
        """Let the skills of a part take the ids that are free."""
        found, stamps = part.records.infos, part.records.stamps
        ids, identities = [info.id for info in found.values()], {identity_of(stamps[file]) for file in found}
        one_each = len(identities) == len(ids) == len(set(ids))
        # Nearly every location has neither two of one id nor one of two ids, and needs no look at each skill.
        if one_each and self.infos.keys().isdisjoint(ids) and self.identities.isdisjoint(identities):
            self.infos.update(zip(ids, found.values(), strict=True))
            self.owning.update(zip(ids, repeat(part)))
            self.files.update(zip(ids, found, strict=True))
        else:
            self._enter_one_by_one(part)
        self.identities |= identities
        self.parts.append(part)

    def _enter_one_by_one(self, part: Part) -> None:
        first: dict[bytes, Owner] = {}
        for other in self.parts:
            for file in other.records.infos:
                first.setdefault(_identity(other, file), (other, file))
        for file in part.listing.files if part.listing else ():
            if file in part.records.infos:
                owner = (part, file)
                self._place(part.records.infos[file], owner, first.setdefault(_identity(part, file), owner))

    def _place(self, info: SkillInfo, owner: Owner, first: Owner) -> None:
        """Decide about one skill. `first` is the first one with this very file, perhaps reached by another way."""
        qualified = owner[0].qualified(info)
        if first is not owner and _is_same_directory(owner, first):
            self._note_twin(info.id, owner[1], first[0].records.infos[first[1]].id)
        elif info.id not in self.infos:
            self._take(info, owner)
        elif qualified is not None and qualified.id not in self.infos:
            self._take(qualified, owner)
        elif self.files[info.id] != first[1]:
            self._note_shadowed(info.id, owner[1], self.files[info.id])

    def _note_twin(self, skill_id: str, file: str, known_as: str) -> None:
        self.twins[skill_id] = known_as
        if skill_id != known_as:
            text = f"this is the skill {known_as} by another way, and is listed once, as {known_as}"
            self.notes.append(Diagnostic("same-skill", "info", text, Path(file), skill_id=skill_id))

    def _take(self, info: SkillInfo, owner: Owner) -> None:
        self.infos[info.id] = info
        self.owning[info.id], self.files[info.id] = owner

    def _note_shadowed(self, skill_id: str, loser: str, winner: str) -> None:
        advice = f"rename it: {winner} has the same id and comes first"
        self.notes.append(Diagnostic("shadowed", "warning", advice, Path(loser), skill_id=skill_id))


def _identity(part: Part, file: str) -> bytes:
    return identity_of(part.records.stamps[file])


def _is_same_directory(one: Owner, other: Owner) -> bool:
    return one[0].source_of(one[1]) == other[0].source_of(other[1])
