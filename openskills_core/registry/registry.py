"""Directories of skills → id ↦ Skill."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.manifest import Diagnostic
from openskills_core.registry import files
from openskills_core.registry.advice import not_found
from openskills_core.registry.location import Location
from openskills_core.registry.nested import nested_skills
from openskills_core.registry.part import Part
from openskills_core.registry.problems import location_notes, missing, skill_notes
from openskills_core.registry.reader import Reader, VanishedError
from openskills_core.registry.reload import Listeners, difference
from openskills_core.registry.store import Store
from openskills_core.registry.trees import MAX_DIRECTORIES
from openskills_core.registry.winners import Winners, choose, ranked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from openskills_core.manifest import Preset
    from openskills_core.models import Skill, SkillInfo
    from openskills_core.registry.reload import OnReload


class Registry:
    """Every skill of some locations. Threads may share it.

    With `watch`, each question first compares the disk with what was read, and reads again what changed. Without it,
    only `discover()` looks again.

    Args:
        locations: where skills are, the winning location first.
        watch: whether changes are seen at the next question.
        preset: whose rules decide which skills load.
        project: the directory whose inner directories may bring skills of their own, see `visit`.
        cache_dir: where an index of large locations is kept between processes; None keeps none.
    """

    def __init__(
        self,
        locations: Sequence[Location],
        *,
        watch: bool = True,
        preset: Preset = "claude-code",
        project: Path | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self._watch = watch
        self._preset = preset
        self._project = project
        self._store = Store(cache_dir) if cache_dir else None
        self._parts: tuple[Part, ...] = tuple(map(self._part, _absolute(locations)))
        self._lock = threading.RLock()
        self._winners: Winners | None = None
        self._listeners = Listeners()
        self._logged: set[Path] = set()
        self._is_full = False

    @property
    def locations(self) -> tuple[Location, ...]:
        """Where skills are looked for, nested directories found so far included."""
        return tuple(part.location for part in self._parts)

    def discover(self) -> tuple[SkillInfo, ...]:
        """Look at every directory and every skill, whatever was known of them, and return the latter."""
        return tuple(self._look(fully=True).infos.values())

    def skills(self) -> tuple[Skill, ...]:
        """Return every skill, sorted by id."""
        winners = self._current()
        return tuple(filter(None, (self._skill(skill_id, winners) for skill_id in winners.infos)))

    def infos(self) -> tuple[SkillInfo, ...]:
        """Return what hosts are told of every skill, sorted by id. Cheaper than the skills by far."""
        return tuple(self._current().infos.values())

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the locations, then with what is no skill, then with each skill, in order of id."""
        winners = self._current()
        with self._lock:
            return (*self._nested_notes(), *location_notes(self._parts), *skill_notes(winners))

    def get(self, skill_id: str) -> Skill:
        """Return one skill.

        Raises:
            SkillNotFoundError: there is none of this id; the text names the one that was likely meant.
        """
        winners = self._winners
        if winners is None or (self._watch and not self._is_unchanged(skill_id, winners)):
            winners = self._current()
        skill = self._skill(skill_id, winners)
        if skill is None and skill_id in winners.infos:
            # It was known from an index and has gone before it was first read.
            winners = self._look()
            skill = self._skill(skill_id, winners)
        if skill is None:
            raise not_found(skill_id, winners, self._parts)
        return skill

    def body(self, skill: Skill) -> str:
        """Return the text of a skill's SKILL.md as it is now, without the frontmatter.

        Raises:
            InvalidSkillError: the file can no longer be read.
        """
        return files.body(skill)

    def read_file(self, skill_id: str, path: str) -> str:
        """Return a text file beneath a skill, bytes that are not UTF-8 replaced.

        Raises:
            SkillNotFoundError: there is no such skill.
            PathEscapeError: the path leads outside the skill.
            WorkspaceError: no such file, not a regular file, or larger than `MAX_BYTES`.
        """
        return files.read_file(self.get(skill_id), path)

    def list_files(self, skill_id: str, subdir: str | None = None, recursive: bool = False) -> list[str]:
        """Return the files of a skill, or of one of its directories: paths relative to the skill, POSIX, sorted.

        Symbolic links count when they lead to a file beneath the skill; a linked directory is not entered.

        Raises:
            SkillNotFoundError: there is no such skill.
            PathEscapeError: `subdir` leads outside the skill.
            WorkspaceError: `subdir` is no readable directory.
        """
        return files.list_files(self.get(skill_id), subdir or ".", recursive=recursive)

    def visit(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """Take the skills of the directories between the project and a file in it that is being read or edited.

        Whoever may write to the project may have written them, a script of another skill included, so they are not
        trusted. Where one has the id of another skill it is called `directory:id`, with the directory relative to the
        project, and both stay.

        Args:
            path: the file, absolute or relative to the project.

        Returns:
            The ids of the skills that are new by this, sorted.
        """
        nested = self._nested_on_the_way(os.fspath(path))
        if not nested:
            return ()
        before = self._current().infos
        with self._lock:
            known = {part.location.path for part in self._parts}
            new = [part for part in nested if part.location.path not in known]
            room = max(0, MAX_DIRECTORIES - len(known))
            self._parts += tuple(new[:room])
            self._is_full = len(new) > room
        return tuple(skill_id for skill_id in self._look().infos if skill_id not in before)

    def on_reload(self, callback: OnReload) -> Callable[[], None]:
        """Call `callback` with a `Reload` whenever the catalog has changed; calling what is returned ends that.

        Changes are noticed by the questions that are asked here, and told in the thread that asked, before it gets its
        answer. The first discovery is no change.

        Raises:
            TypeError: it cannot be called.
        """
        return self._listeners.add(callback)

    def stop_indexing(self, writable: Iterable[Path]) -> None:
        """Use no index from now on if scripts may write to it: it lies in one of these directories, links resolved."""
        if self._store is not None and self._store.lies_in(writable):
            with self._lock:
                self._store = None
                for part in self._parts:
                    part.stop_indexing()

    def close(self) -> None:
        """Give back what the system lends for watching. A later question takes it again."""
        with self._lock:
            for part in self._parts:
                part.close()

    def _part(self, location: Location, qualifier: str = "", confined_to: str = "") -> Part:
        return Part(location, Reader(location, self._preset, self._store, confined_to), qualifier)

    def _current(self) -> Winners:
        winners = self._winners
        return self._look() if self._watch or winners is None else winners

    def _look(self, *, fully: bool = False) -> Winners:
        """Look at the disk, and tell the host of what is different."""
        with self._lock:
            before, winners = self._winners, self._winners
            changed = [part.refresh(fully=fully) for part in self._parts]
            if any(changed) or winners is None:
                self._winners = winners = choose(self._parts)
            gone = self._newly_gone()
        for note in gone:
            _warn(note)
        if before is not None and winners is not before:
            self._listeners.tell(difference(before, winners))
        return winners

    def _newly_gone(self) -> list[Diagnostic]:
        """Return what is to be said once of each location that cannot be listed."""
        notes = [note for note in map(missing, self._parts) if note and note.path not in self._logged]
        self._logged.update(note.path for note in notes)
        return notes

    def _is_unchanged(self, skill_id: str, winners: Winners) -> bool:
        """Whether a skill is still the one that is known, by a look at it and at where it could be overruled."""
        with self._lock:
            own, file = winners.parts.get(skill_id), winners.files.get(skill_id, "")
            if own is None or file not in own.records.infos:
                return False
            own_id = own.records.infos[file].id
            rivals = takewhile(lambda part: part is not own, ranked(self._parts))
            return own.is_unchanged(own_id, file) and all(part.is_unchanged(own_id) for part in rivals)

    def _skill(self, skill_id: str, winners: Winners) -> Skill | None:
        """Return a skill under the id that it has here, None if there is none, or it can no longer be read."""
        part = winners.parts.get(skill_id)
        try:
            with self._lock:
                skill = part.skill(winners.files[skill_id]) if part else None
        except (VanishedError, KeyError):  # KeyError: another thread has seen it go
            return None
        return replace(skill, id=skill_id) if skill and skill.id != skill_id else skill

    def _nested_notes(self) -> Iterator[Diagnostic]:
        if self._is_full and self._project:
            text = f"{MAX_DIRECTORIES:,} directories of skills were found in the project; further ones are left out"
            yield Diagnostic("search-limit", "warning", text, self._project)

    def _nested_on_the_way(self, path: str) -> list[Part]:
        """Return a part for each directory of skills on the way to a path that is not known yet."""
        if self._project is None:
            return []
        root = os.path.realpath(self._project)
        found = list(nested_skills(path, root, self._preset))
        if not found:
            return []
        known = {os.path.realpath(part.location.path) for part in self._parts}
        return [
            self._part(Location(Path(place), "nested", required=False, trusted=False), holder, root)
            for place, holder in found
            if os.path.realpath(place) not in known
        ]


def _absolute(locations: Iterable[Location]) -> Iterator[Location]:
    """Yield each location once, independent of later changes of the current directory."""
    seen: set[tuple[str, str]] = set()
    for location in locations:
        path = os.path.abspath(location.path)
        if (path, location.kind) not in seen:
            seen.add((path, location.kind))
            yield replace(location, path=Path(path))


def _warn(note: Diagnostic) -> None:
    import logging

    logging.getLogger("openskills").warning("%s", note.message)
