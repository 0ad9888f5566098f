"""What of the host one job sees: programs, skills, the workspace, and the paths that the policy grants."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openskills_core.models import Grant, Mount, Skill
from openskills_core.opening import LOOKING, open_without_links
from openskills_core.protected import hidden, is_there, out_of_reach, unchangeable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything there is to see. `locations` are directories of skills, `programs` what interpreters need.

    `sockets` are those in the workspace, relative to it.
    """

    workspace: Path
    grant: Grant
    skills: tuple[Skill, ...]
    locations: tuple[Path, ...]
    programs: tuple[Mount, ...]
    sockets: tuple[str, ...] = ()


def mounts(scene: Scene) -> tuple[Mount, ...]:
    """Return what the job sees. Later ones win over earlier ones of the same path, inner ones over outer ones.

    Raises:
        SandboxUnavailableError: something in the workspace cannot be kept from scripts; the text names it.
    """
    mode: Literal["write", "read", "empty"] = "empty" if scene.grant.workspace == "none" else scene.grant.workspace
    return (
        *scene.programs,
        *(Mount(_absolute(path)) for path in scene.grant.read_paths),
        *(Mount(_absolute(path), "write") for path in scene.grant.write_paths),
        Mount(scene.workspace, mode),
        *(Mount(path) for path in _read_only(scene) if mode == "write"),
        *(_kept_from_sight(scene) if mode != "empty" else ()),
        *(Mount(skill.root, source=skill.source) for skill in scene.skills),
    )


def _read_only(scene: Scene) -> Iterator[Path]:
    """Yield what is read-only although it lies in the workspace: it would be run or obeyed later, outside."""
    inside = [path for path in scene.locations if path != scene.workspace and path.is_relative_to(scene.workspace)]
    yield from _real(inside)
    yield from _real(unchangeable(scene.workspace, {_absolute(path) for path in scene.grant.write_paths}))


def _kept_from_sight(scene: Scene) -> Iterator[Mount]:
    granted = {_absolute(path) for path in (*scene.grant.read_paths, *scene.grant.write_paths)}
    yield from hidden(scene.workspace, granted)
    yield from out_of_reach(scene.workspace, scene.sockets)


def _real(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths that exist and lead through no symbolic link."""
    for path in filter(is_there, paths):
        with contextlib.suppress(OSError):
            os.close(open_without_links(path, LOOKING))
            yield path


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links, absolute() keeps ".."
