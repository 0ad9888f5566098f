"""Directories of skills → id ↦ Skill.

The id of a skill is the name of its directory. A location yields every immediate child that holds a SKILL.md, and
itself if it holds one. Where two locations have the same id the earlier one wins and the other is reported.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from openskills_core.errors import InvalidSkillError, PathEscapeError, SkillNotFoundError, WorkspaceError
from openskills_core.format import MAX_BYTES, parse_skill
from openskills_core.manifest import Diagnostic, Preset
from openskills_core.models import Skill
from openskills_core.paths import Entry, Root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SKILL_FILE = "SKILL.md"

_MAX_NAMED = 10
_MAX_SHOWN = 100
_MAX_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Location:
    """A directory of skills. `name` tells hosts where a skill is from; one that is not `required` may be absent."""

    path: Path
    name: str = "custom"
    required: bool = True


def standard_locations(project_root: Path, home: Path, preset: Preset = "claude-code") -> tuple[Location, ...]:
    """Return where clients look for skills, the winning location first.

    "claude-code" puts personal skills over project ones; "agentskills" does the reverse and reads `.agents/skills` too.
    Project skills are those of `project_root` and of each parent up to the root of its repository, nearest first.
    Sources: Claude Code, "Where skills live"; the Agent Skills client guide.

    Raises:
        ValueError: for an unknown preset.
    """
    if preset not in get_args(Preset):
        raise ValueError(f"preset must be one of {', '.join(get_args(Preset))}, not {preset!r}")
    clients = (".claude",) if preset == "claude-code" else (".agents", ".claude")
    personal = [Location(home / client / "skills", "personal", required=False) for client in clients]
    project = [
        Location(directory / client / "skills", "project", required=False)
        for directory in _up_to_repository(project_root)
        for client in clients
    ]
    return tuple(personal + project if preset == "claude-code" else project + personal)


def _up_to_repository(start: Path) -> list[Path]:
    directory = Path(os.path.abspath(start))  # noqa: PTH100 - resolve() would follow links, absolute() keeps ".."
    chain = [directory, *directory.parents]
    depth = next((depth for depth, parent in enumerate(chain) if (parent / ".git").exists()), 0)
    return chain[: depth + 1]


class _Found(NamedTuple):
    """A SKILL.md seen on disk. `stamp` is its device, inode, size and modification time in nanoseconds."""

    id: str
    directory: str
    location: str
    stamp: tuple[int, int, int, int]

    @property
    def file(self) -> str:
        return f"{self.directory}/{SKILL_FILE}"


# None stands for a location that is no readable directory.
_Survey = tuple[tuple[_Found, ...] | None, ...]


class Registry:
    """Every skill beneath some locations. Threads may share it.

    With `watch`, each question first compares the disk with what was read and reads again what changed: one directory
    listing per location and one `stat` per skill. Without it, only `discover()` looks again.
    """

    def __init__(self, locations: Sequence[Location], *, watch: bool = True) -> None:
        self.locations = tuple(_absolute(locations))
        self._watch = watch
        self._lock = threading.Lock()
        self._survey: _Survey | None = None
        self._loaded: Mapping[_Found, Skill | Diagnostic] = {}
        self._skills: Mapping[str, Skill] = {}
        self._diagnostics: tuple[Diagnostic, ...] = ()

    def discover(self) -> None:
        """Read every skill again, changed or not."""
        with self._lock:
            self._loaded = {}
            self._read(self._look())

    def skills(self) -> tuple[Skill, ...]:
        """Return every skill, sorted by id."""
        return tuple(self._current().values())

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the locations, then with each skill, in order of id."""
        skills = self._current().values()
        return self._diagnostics + tuple(note for skill in skills for note in skill.diagnostics)

    def get(self, skill_id: str) -> Skill:
        """Return one skill.

        Raises:
            SkillNotFoundError: there is none of this id; the text names near matches, else what was searched.
        """
        skills = self._current()
        if skill_id in skills:
            return skills[skill_id]
        shown = skill_id[:_MAX_SHOWN]
        raise SkillNotFoundError(f"there is no skill {shown!r}{self._advice(shown, skills)}", culprit=skill_id)

    def body(self, skill: Skill) -> str:
        """Return the text of a skill's SKILL.md as it is now, without the frontmatter.

        Raises:
            InvalidSkillError: the file can no longer be read.
        """
        file = skill.source / SKILL_FILE
        try:
            return parse_skill(_read_skill_file(str(file)), file, skill.id).body
        except OSError as error:
            raise InvalidSkillError(f"{file} cannot be read: {_reason(error)}", culprit=skill.id) from error

    def read_file(self, skill_id: str, path: str) -> str:
        """Return a text file beneath a skill, bytes that are not UTF-8 replaced.

        Raises:
            SkillNotFoundError: there is no such skill.
            PathEscapeError: the path leads outside the skill.
            WorkspaceError: no such file, not a regular file, or larger than `MAX_BYTES`.
        """
        with _root(self.get(skill_id)) as root:
            return root.read(path, limit=MAX_BYTES).decode("utf-8", errors="replace")

    def list_files(self, skill_id: str, subdir: str | None = None, recursive: bool = False) -> list[str]:
        """Return the files of a skill, or of one of its directories: paths relative to the skill, POSIX, sorted.

        Symbolic links count when they lead to a file beneath the skill; a linked directory is not entered.

        Raises:
            SkillNotFoundError: there is no such skill.
            PathEscapeError: `subdir` leads outside the skill.
            WorkspaceError: `subdir` is no readable directory.
        """
        return _files(self.get(skill_id), subdir or ".", recursive=recursive)

    def _current(self) -> Mapping[str, Skill]:
        with self._lock:
            if self._survey is None:
                self._read(self._look())
            elif self._watch:
                survey = self._look()
                if survey != self._survey:
                    self._read(survey)
            return self._skills

    def _look(self) -> _Survey:
        return tuple(_survey(location) for location in self.locations)

    def _read(self, survey: _Survey) -> None:
        """Load what `survey` shows, keeping what has not changed since the last time."""
        everything = [found for part in survey for found in part or ()]
        loaded = {found: self._loaded.get(found) or _load(found) for found in everything}
        notes = [note for location, part in zip(self.locations, survey, strict=True) for note in _check(location, part)]
        winners: dict[str, tuple[_Found, Skill]] = {}
        for found, result in loaded.items():
            if isinstance(result, Diagnostic):
                notes.append(result)
            elif found.id not in winners:
                winners[found.id] = (found, result)
            elif found.stamp != winners[found.id][0].stamp:
                notes.append(_shadowed(found, winners[found.id][0]))
        self._skills = {skill_id: winners[skill_id][1] for skill_id in sorted(winners)}
        self._diagnostics = tuple(notes)
        self._survey, self._loaded = survey, loaded

    def _advice(self, skill_id: str, skills: Mapping[str, Skill]) -> str:
        import difflib

        near = difflib.get_close_matches(skill_id, skills)
        if near:
            return f"; did you mean {' or '.join(near)}?"
        if not skills:
            searched = ", ".join(str(location.path) for location in self.locations)
            return f", nor any other: {searched or 'no directory'} was searched"
        more = ", …" if len(skills) > _MAX_NAMED else ""
        return f"; there are {', '.join(list(skills)[:_MAX_NAMED])}{more}"


def _absolute(locations: Iterable[Location]) -> Iterator[Location]:
    """Yield each location once, independent of later changes of the current directory."""
    seen: set[str] = set()
    for location in locations:
        path = os.path.abspath(location.path)  # noqa: PTH100 - resolve() would follow links, absolute() keeps ".."
        if path not in seen:
            seen.add(path)
            yield replace(location, path=Path(path))


def _survey(location: Location) -> tuple[_Found, ...] | None:
    """Return the skills in one location, itself first and the rest by id; None when it cannot be listed."""
    base = str(location.path)
    try:
        names = sorted(os.listdir(base))  # noqa: PTH208 - names, not Path objects: this runs at every question
    except OSError:
        return None
    own = [(location.path.name, base)] if SKILL_FILE in names else []
    candidates = [*own, *((name, f"{base}/{name}") for name in names)]
    found = (_find(skill_id, directory, location) for skill_id, directory in candidates)
    return tuple(filter(None, found))


def _find(skill_id: str, directory: str, location: Location) -> _Found | None:
    try:
        status = os.stat(f"{directory}/{SKILL_FILE}")  # noqa: PTH116 - as above
    except OSError:
        return None
    stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return _Found(skill_id, directory, location.name, stamp)


def _load(found: _Found) -> Skill | Diagnostic:
    """Read one skill; one that cannot be read is a diagnostic, so that it hides no other."""
    file = Path(found.file)
    if not found.id.isprintable():
        advice = "rename the directory: a skill's id is its name and must be printable text"
        return Diagnostic("bad-directory-name", "error", advice, file)
    # Resolved before it is read: whoever changes a link in between changes what is read, not where it counts as read.
    source = file.parent.resolve()
    try:
        parsed = parse_skill(_read_skill_file(str(source / SKILL_FILE)), file, found.id)
    except OSError as error:
        return _unreadable(file, found.id, _reason(error))
    return Skill(
        id=found.id,
        root=file.parent,
        source=source,
        location=found.location,
        manifest=parsed.manifest,
        description=parsed.description,
        diagnostics=parsed.diagnostics,
    )


def _read_skill_file(file: str) -> bytes:
    """Return at most one byte more than the format takes. Never blocks. Raises OSError."""
    # A link to another SKILL.md is how people share skills; a link to anything else would show it to the model.
    if os.path.basename(os.path.realpath(file)) != SKILL_FILE:  # noqa: PTH119 - as above
        raise OSError(f"it is a link to something that is no {SKILL_FILE}")
    with open(file, "rb", opener=_open_at_once) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError("it is not a regular file")
        return stream.read(MAX_BYTES + 1)


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end, should the file be a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK)


def _check(location: Location, found: tuple[_Found, ...] | None) -> Iterator[Diagnostic]:
    """Yield what is wrong with a location as a whole."""
    if found is None:
        if location.required or os.path.lexists(location.path):
            yield Diagnostic("no-such-directory", "error", _missing_text(location.path), location.path)
        return
    skills = {skill.directory for skill in found}
    near = [note for note in map(_near_miss, _children(location.path, skills)) if note]
    yield from near
    if location.required and not found:
        closest = f" (closest: {near[0].path})" if near else ""
        advice = (
            f"no skill here: a skill is a directory with a {SKILL_FILE}, such as {location.path}/my-skill/{SKILL_FILE}"
        )
        yield Diagnostic("no-skills", "warning", advice + closest, location.path)


def _missing_text(path: Path) -> str:
    if not os.path.lexists(path):
        return f"there is no directory {path}: create it, or pass the directory that holds your skills"
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises where it may not look
        return f"{path} is no directory: pass the directory that holds your skills"
    return f"{path} cannot be listed: make it readable"


def _children(directory: Path, skills: set[str]) -> list[str]:
    paths = (f"{directory}/{name}" for name in _names(directory))
    return [path for path in paths if path not in skills]


def _names(directory: Path | str) -> list[str]:
    """Return the first names in a directory; none for what is no directory or cannot be listed."""
    try:
        return sorted(os.listdir(directory))[:_MAX_LOOKED_AT]  # noqa: PTH208 - as above
    except OSError:
        return []


def _near_miss(child: str) -> Diagnostic | None:
    """Say why a child that looks like a skill yields none; None when it does not look like one."""
    names = _names(child)
    if SKILL_FILE in names:
        return _unreadable(Path(child, SKILL_FILE), "", "it is a broken link, or its directory may not be searched")
    wrong = next((name for name in names if name.casefold() == SKILL_FILE.casefold()), None)
    if wrong:
        return Diagnostic("wrong-case", "warning", f"rename {wrong} to {SKILL_FILE}", Path(child, wrong))
    nested = next((name for name in names if os.path.isfile(f"{child}/{name}/{SKILL_FILE}")), None)  # noqa: PTH113 - as above
    if nested is None:
        return None
    advice = f"this is one level too deep: pass {child} as a directory of skills too"
    return Diagnostic("nested-skill", "warning", advice, Path(child, nested, SKILL_FILE))


def _unreadable(file: Path, skill_id: str, reason: str) -> Diagnostic:
    return Diagnostic("unreadable-skill", "error", f"make it readable: {reason}", file, skill_id=skill_id)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _shadowed(loser: _Found, winner: _Found) -> Diagnostic:
    advice = f"rename the directory: {winner.file} has the same id and comes first"
    return Diagnostic("shadowed", "warning", advice, Path(loser.file), skill_id=loser.id)


def _root(skill: Skill) -> Root:
    return Root(skill.source, alias=skill.root)


def _files(skill: Skill, subdir: str = ".", *, recursive: bool) -> list[str]:
    with _root(skill) as root:
        entries = root.walk(subdir, enter=lambda _: recursive)
        return sorted(entry.path for entry in entries if _is_file(root, entry))


def _is_file(root: Root, entry: Entry) -> bool:
    if entry.kind != "symlink":
        return entry.kind == "file"
    try:
        return stat.S_ISREG(root.stat(entry.path).st_mode)
    except (PathEscapeError, WorkspaceError):
        return False
