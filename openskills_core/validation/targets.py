"""Which skills a path means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from openskills_core.registry import SKILL_FILE
from openskills_core.validation.files import SKIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def find_skills(path: Path) -> list[Path]:
    """Return the directories of the skills that a path means, sorted; none where there is none.

    The path is a SKILL.md, the directory of a skill, or a directory with skills somewhere beneath it. A file whose
    name is SKILL.md but for the case of its letters makes a skill too, so that it can be told what is wrong. Below a
    skill no other one is looked for. A linked directory counts when it is a skill itself.
    """
    if not path.is_dir():
        return [path.parent] if is_skill_file(path.name) else []
    return sorted(_beneath(path, {os.path.realpath(path)}))


def is_skill_file(name: str) -> bool:
    """Whether a file's name is SKILL.md, however it is cased."""
    return name.casefold() == SKILL_FILE.casefold()


def _beneath(directory: Path, seen: set[str]) -> Iterator[Path]:
    pending = [directory]
    while pending:
        folder = pending.pop()
        names = _names(folder)
        if any(map(is_skill_file, names)):
            yield folder
            continue
        for name in names:
            child = folder / name
            if name in SKIPPED or not child.is_dir():
                continue
            if child.is_symlink() and not any(map(is_skill_file, _names(child))):
                continue
            real = os.path.realpath(child)
            if real not in seen:
                seen.add(real)
                pending.append(child)


def _names(folder: Path) -> list[str]:
    """Return the names in a directory; none in one that cannot be listed."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not Path objects
    except OSError:
        return []
