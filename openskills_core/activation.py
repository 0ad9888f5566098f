"""A skill and the arguments of one activation → the instructions the model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.format import render
from openskills_core.models import ActivatedSkill
from openskills_core.registry import SKILL_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from openskills_core.registry import Registry

MAX_RESOURCES = 200


def activate(
    registry: Registry, skill_id: str, arguments: str = "", *, project_dir: Path | None = None
) -> ActivatedSkill:
    """Return a skill with its body rendered for `arguments`, and at most `MAX_RESOURCES` of its other files.

    Raises:
        SkillNotFoundError: there is no such skill.
        InvalidSkillError: its SKILL.md can no longer be read.
    """
    skill = registry.get(skill_id)
    manifest = skill.manifest
    instructions = render(
        registry.body(skill), arguments, names=manifest.arguments, skill_dir=skill.root, project_dir=project_dir
    )
    resources = [path for path in registry.list_files(skill.id, recursive=True) if path != SKILL_FILE]
    return ActivatedSkill(
        id=skill.id,
        name=manifest.name,
        instructions=instructions,
        skill_dir=skill.root,
        allowed_tools=manifest.allowed_tools,
        disallowed_tools=manifest.disallowed_tools,
        model=manifest.model,
        effort=manifest.effort,
        context=manifest.context,
        agent=manifest.agent,
        resources=tuple(resources[:MAX_RESOURCES]),
        diagnostics=skill.diagnostics,
    )
