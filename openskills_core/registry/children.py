"""A directory of skills: itself and its children."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.registry.location import SKILL_FILE

if TYPE_CHECKING:
    from openskills_core.registry.draft import Draft


def list_children(draft: Draft, base: str, reserved: tuple[str, ...] = ()) -> None:
    """Take the directory itself, if it is a skill, and every directory in it.

    Raises:
        OSError: it is no directory, or cannot be listed.
    """
    draft.watch(base)
    is_skill, names, links = _look(base)
    name = os.path.basename(base)
    if is_skill and name:
        draft.add([name], [f"{base}/{SKILL_FILE}"])
    taken = [name for name in names if name.casefold() in reserved] if reserved else []
    for name in taken:
        names.remove(name)
        _note_reserved(draft, name, f"{base}/{name}/{SKILL_FILE}")
    draft.add(names, [f"{base}/{name}/{SKILL_FILE}" for name in names])
    draft.linked.update(f"{base}/{name}/{SKILL_FILE}" for name in links)


def _look(base: str) -> tuple[bool, list[str], list[str]]:
    """Return whether a directory holds a SKILL.md, what else in it may be a directory, and which of that is a link."""
    is_skill, names, links = False, [], []
    with os.scandir(base) as entries:
        for entry in entries:
            if entry.name == SKILL_FILE:
                is_skill = True
            elif entry.is_dir(follow_symlinks=False):
                names.append(entry.name)
            elif entry.is_symlink():
                links.append(entry.name)
    # Where two names lead to one directory, the directory itself comes before a link to it.
    return is_skill, sorted(names) + sorted(links), links


def _note_reserved(draft: Draft, name: str, file: str) -> None:
    if os.path.lexists(file):
        advice = f"rename the directory: {name!r} is reserved here for skills that the client downloads"
        draft.note("warning", "reserved-name", advice, Path(file))
