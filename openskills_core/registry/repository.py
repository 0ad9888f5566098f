"""What git's files say of a project: where its repository begins, and which checkout a linked worktree belongs to."""

from __future__ import annotations

import os
from pathlib import Path

_MAX_POINTER = 4_096
_POINTER = "gitdir: "


def up_to_repository(start: Path) -> list[Path]:
    """Return a directory and its parents up to the root of its repository, nearest first; outside of one, itself."""
    directory = Path(os.path.abspath(start))
    chain = [directory, *directory.parents]
    depth = next((depth for depth, parent in enumerate(chain) if os.path.lexists(parent / ".git")), 0)
    return chain[: depth + 1]


def main_checkout(root: Path) -> Path | None:
    """Return the main checkout of a linked worktree, None for anything else.

    The repository must name the worktree too: anybody can write a `.git` file that points to somebody's repository.
    Source: gitrepository-layout(5), https://git-scm.com/docs/gitrepository-layout.
    """
    pointer = _text(root / ".git")
    if not pointer.startswith(_POINTER):
        return None
    own = root / pointer.removeprefix(_POINTER)
    back, common = _text(own / "gitdir"), _text(own / "commondir")
    if not back or not common or os.path.realpath(own / back) != os.path.realpath(root / ".git"):
        return None
    repository = Path(os.path.realpath(own / common))
    return repository.parent if repository.name == ".git" else None


def _text(file: Path) -> str:
    """Return what a small regular file holds, "" when there is none."""
    try:
        if not os.path.isfile(file):
            return ""
        with open(file, "rb") as stream:
            return os.fsdecode(stream.read(_MAX_POINTER)).strip()
    except (OSError, ValueError):  # a NUL in the pointer is a ValueError
        return ""
