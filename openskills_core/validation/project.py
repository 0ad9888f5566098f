"""The repository around a skill: commands run in the user's project, so their paths may be the project's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_in_project(path: str, directory: Path) -> bool:
    """Whether a relative path leads to something from a directory above a skill, up to the root of its repository."""
    above = list(directory.resolve().parents)
    depth = next((depth for depth, folder in enumerate(above) if (folder / ".git").exists()), -1)
    return any((folder / path).exists() for folder in above[: depth + 1])
