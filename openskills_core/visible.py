"""What of the host one job sees: programs, skills, the workspace, and the paths that the policy grants."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openskills_core.models import Grant, Mount, Skill
from openskills_core.opening import open_without_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What git runs by itself, for whoever uses it in the workspace next.
_RUN_BY_GIT = (".git/hooks", ".git/config")


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything there is to see. `locations` are directories of skills, `programs` what interpreters need."""

    workspace: Path
    grant: Grant
    skills: tuple[Skill, ...]
    locations: tuple[Path, ...]
    programs: tuple[Mount, ...]


def mounts(scene: Scene) -> tuple[Mount, ...]:
    """Return what the job sees. Later ones win over earlier ones of the same path, inner ones over outer ones."""
    mode: Literal["write", "read", "empty"] = "empty" if scene.grant.workspace == "none" else scene.grant.workspace
    return (
        *scene.programs,
        *(Mount(_absolute(path)) for path in scene.grant.read_paths),
        *(Mount(_absolute(path), "write") for path in scene.grant.write_paths),
        Mount(scene.workspace, mode),
        *(Mount(path) for path in _kept_from_scripts(scene) if mode == "write"),
        *(Mount(skill.root, source=skill.source) for skill in scene.skills),
    )


def _kept_from_scripts(scene: Scene) -> Iterator[Path]:
    """Yield what is read-only although it lies in the workspace: it would be run or obeyed later, outside."""
    inside = [path for path in scene.locations if path != scene.workspace and path.is_relative_to(scene.workspace)]
    yield from _real(inside)
    yield from _real(scene.workspace / name for name in _RUN_BY_GIT)


def _real(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths that exist and lead through no symbolic link."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.close(open_without_links(path, os.O_PATH | os.O_CLOEXEC))
            yield path


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links, absolute() keeps ".."
