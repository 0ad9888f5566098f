"""What a host says in its own words, turned into the runtime's values: directories, skills, calls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from openskills_core.models import Call, Skill, SkillInfo, as_strings
from openskills_core.registry import SKILL_FILE, Location, standard_locations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.manifest import Preset


def locations(
    skill_dirs: Sequence[str | os.PathLike[str]], project_root: Path | None, preset: Preset
) -> tuple[Location, ...]:
    """Return where to look for skills, the winning location first. No project root means no standard locations.

    Raises:
        TypeError: `skill_dirs` is one path instead of a sequence of them.
        ValueError: there is no such preset.
    """
    standard = standard_locations(project_root or Path.cwd(), _home(), preset)
    named = tuple(Location(Path(directory).expanduser(), "custom") for directory in paths("skill_dirs", skill_dirs))
    return named if project_root is None else (*named, *standard)


def paths(name: str, value: Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Return directories as strings.

    Raises:
        TypeError: `value` is one path instead of a sequence of them.
    """
    if isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a sequence of directories, not one: write [{os.fspath(value)!r}]")
    return tuple(os.fspath(path) for path in value)


def info(skill: Skill) -> SkillInfo:
    """Return what a host sees of a skill without activating it."""
    manifest = skill.manifest
    return SkillInfo(
        id=skill.id,
        name=manifest.name or skill.id,
        description=skill.description,
        location=skill.location,
        path=skill.root / SKILL_FILE,
        when_to_use=manifest.when_to_use,
        user_invocable=manifest.user_invocable,
        model_invocable=manifest.model_invocable,
    )


def call(kind: Literal["script", "command"], target: str, skill_id: str, **options: Any) -> Call:
    """Return the call for `RunOptions`.

    Raises:
        TypeError: both `input` and `stdin`, or `args` that are one string.
    """
    stdin, given = options.get("stdin"), options.get("input")
    if stdin is not None and given is not None:
        raise TypeError("give input (written as JSON) or stdin (written as it is), not both")
    return Call(
        kind=kind,
        target=target,
        skill_id=skill_id,
        args=as_strings("args", options.get("args", ())),
        input=given,
        stdin=stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin,
        timeout_ms=options.get("timeout_ms"),
        memory_mb=options.get("memory_mb"),
    )


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home directory has no personal skills
        return Path("/nonexistent")
