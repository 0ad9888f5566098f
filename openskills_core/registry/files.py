"""The files of one skill."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from openskills_core.errors import InvalidSkillError, PathEscapeError, WorkspaceError
from openskills_core.format import MAX_BYTES, parse_skill
from openskills_core.paths import Entry, Root
from openskills_core.registry.loading import read_skill_file
from openskills_core.registry.location import SKILL_FILE
from openskills_core.registry.reading import reason

if TYPE_CHECKING:
    from openskills_core.models import Skill


def body(skill: Skill) -> str:
    """Return the text of a skill's SKILL.md as it is now, without the frontmatter.

    Raises:
        InvalidSkillError: the file can no longer be read.
    """
    file = skill.source / skill.file
    try:
        return parse_skill(read_skill_file(str(file)), file, skill.id).body
    except OSError as error:
        raise InvalidSkillError(f"{file} cannot be read: {reason(error)}", culprit=skill.id) from error


def read_file(skill: Skill, path: str) -> str:
    """Return a text file beneath a skill, bytes that are not UTF-8 replaced.

    Raises:
        PathEscapeError: the path leads outside the skill.
        WorkspaceError: no such file, not a regular file, or larger than `MAX_BYTES`.
    """
    with _root(skill) as root:
        if _is_alone(skill) and root.relative(path) != skill.file:
            raise WorkspaceError(f"{skill.id} is a command file and has no files but {skill.file}", culprit=path)
        return root.read(path, limit=MAX_BYTES).decode("utf-8", errors="replace")


def list_files(skill: Skill, subdir: str = ".", *, recursive: bool) -> list[str]:
    """Return the files of a skill, or of one of its directories: paths relative to the skill, POSIX, sorted.

    Symbolic links count when they lead to a file beneath the skill; a linked directory is not entered.

    Raises:
        PathEscapeError: `subdir` leads outside the skill.
        WorkspaceError: `subdir` is no readable directory.
    """
    with _root(skill) as root:
        if _is_alone(skill):
            return [skill.file] if root.relative(subdir) == "." else []
        entries = root.walk(subdir, enter=lambda _: recursive)
        return sorted(entry.path for entry in entries if _is_file(root, entry))


def _is_alone(skill: Skill) -> bool:
    """Whether a skill is a command file: what lies beside it are other commands."""
    return skill.file != SKILL_FILE


def _root(skill: Skill) -> Root:
    return Root(skill.source, alias=skill.root)


def _is_file(root: Root, entry: Entry) -> bool:
    if entry.kind != "symlink":
        return entry.kind == "file"
    try:
        return stat.S_ISREG(root.stat(entry.path).st_mode)
    except (PathEscapeError, WorkspaceError):
        return False
