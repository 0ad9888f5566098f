"""Whether skills are as they should be: every problem of every file at once.

`openskills_core.format.profiles` says what each profile asks for; `validate` checks skills on disk against one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from openskills_core.errors import PathEscapeError, SkillNotFoundError, WorkspaceError
from openskills_core.format import MAX_BYTES
from openskills_core.format.profiles import Findings, Profile
from openskills_core.format.validate import check_document
from openskills_core.paths import Root
from openskills_core.registry import SKILL_FILE
from openskills_core.validation.declared import check_declared
from openskills_core.validation.files import check_files
from openskills_core.validation.references import check_references
from openskills_core.validation.targets import find_skills, is_skill_file
from openskills_core.validation.texts import Stats, check_texts
from openskills_core.validation.tokens import token_counter

if TYPE_CHECKING:
    from openskills_core.manifest import Diagnostic, Preset

__all__ = ["Profile", "Report", "Stats", "validate"]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found out about one skill.

    `path` is its directory, as it was named. `diagnostics` are in order of file and line, those of SKILL.md first.
    `stats` is None where there was no SKILL.md to read.
    """

    path: Path
    profile: Profile
    diagnostics: tuple[Diagnostic, ...]
    stats: Stats | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no error. Warnings and hints do not count."""
        return all(note.severity != "error" for note in self.diagnostics)


def validate(path: Path, *, profile: Profile = "strict", preset: Preset = "claude-code") -> list[Report]:
    """Check every skill that a path means and return one report each, sorted by path.

    Args:
        path: a SKILL.md, the directory of a skill, or a directory with skills beneath it. A directory without any
            gives one report that says so.
        profile: "strict" is the open specification, "upload" adds what claude.ai refuses, "runtime" is Claude Code.
        preset: whose rules decide whether a skill loads at all; only the "runtime" profile asks.

    Raises:
        SkillNotFoundError: there is nothing at `path`.
        ValueError: for an unknown profile.
    """
    if profile not in get_args(Profile):
        raise ValueError(f"profile must be one of {', '.join(get_args(Profile))}, not {profile!r}")
    if not os.path.lexists(path):
        raise SkillNotFoundError(f"there is no file or directory {path}", culprit=str(path))
    skills = find_skills(path)
    if not skills:
        return [_no_skill(path, profile)]
    return [_check_skill(directory, profile, preset) for directory in skills]


def _no_skill(path: Path, profile: Profile) -> Report:
    found = Findings(profile, path, "")
    kind = "directory" if path.is_dir() else "file"
    advice = f"no skill in this {kind}: name a {SKILL_FILE}, or a directory that holds one"
    found.add("no-skills", advice)
    return Report(path, profile, tuple(found.items))


def _check_skill(directory: Path, profile: Profile, preset: Preset) -> Report:
    # The name as written, not where a link leads: it is what clients call the skill.
    skill_id = os.path.basename(os.path.abspath(directory))  # noqa: PTH100, PTH119 - resolve() would follow links
    found = Findings(profile, directory / SKILL_FILE, skill_id)
    stats = _check_contents(directory, found, preset)
    found.items.sort(key=lambda note: (note.path != found.path, str(note.path), note.line))
    return Report(directory, profile, tuple(found.items), stats)


def _check_contents(directory: Path, found: Findings, preset: Preset) -> Stats | None:
    try:
        names = os.listdir(directory)  # noqa: PTH208 - names, not Path objects
        if SKILL_FILE not in names:
            wrong = next(filter(is_skill_file, names), SKILL_FILE)
            found.add("wrong-case", f"rename {wrong} to {SKILL_FILE}", path=directory / wrong)
            return None
        data = _read(directory / SKILL_FILE)
    except OSError as error:
        found.add("unreadable-skill", f"make it readable: {(error.strerror or str(error)).lower()}")
        return None
    except (PathEscapeError, WorkspaceError) as error:
        found.add("unreadable-skill", f"make it a readable file: {error}")
        return None
    parsed = check_document(data, found, preset=preset)
    stats = check_texts(parsed, token_counter(), found)
    with Root(directory.resolve()) as root:
        files = check_files(root, found)
        check_declared(root, parsed, data.decode("utf-8", "replace").split("\n"), found)
        check_references(root, parsed.body, parsed.body_line, files=files, found=found)
    return stats


def _read(file: Path) -> bytes:
    """Return a SKILL.md, one byte more than the format takes at most. A link may lead to another SKILL.md only."""
    real = Path(os.path.realpath(file))
    if not real.exists():
        raise WorkspaceError("it is a link that leads nowhere")
    if real.name != SKILL_FILE:
        raise WorkspaceError(f"it is a link to something that is no {SKILL_FILE}")
    with Root(real.parent) as root, root.open_read(SKILL_FILE) as stream:
        return stream.read(MAX_BYTES + 1)
