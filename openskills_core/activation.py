"""A skill and the arguments of one activation → the instructions the model reads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from openskills_core.errors import InvalidSkillError
from openskills_core.format import Filling, Injection, Variables, injections, render
from openskills_core.models import ActivatedSkill, Skill

if TYPE_CHECKING:
    from pathlib import Path

    from openskills_core.registry import Registry

MAX_RESOURCES = 200
MAX_COMMANDS = 100
DISABLED = "[shell command execution disabled by policy]"

# Runs one command of a skill's body and returns what stands in its place; see `openskills_core.dynamic`.
RunInjected = Callable[[Skill, Injection, Filling], str]


def activate(
    registry: Registry,
    skill_id: str,
    arguments: str = "",
    *,
    project_dir: Path | None = None,
    run: RunInjected | None = None,
) -> ActivatedSkill:
    """Return a skill with its body rendered for `arguments`, and at most `MAX_RESOURCES` of its other files.

    Args:
        registry: where the skill is found.
        skill_id: which one.
        arguments: what was typed after its name.
        project_dir: what `${CLAUDE_PROJECT_DIR}` stands for, except in a skill that is not trusted.
        run: how the commands in its body are run; without it each is replaced by `DISABLED`. In a skill that is not
            trusted they are never run and stay as text.

    Raises:
        SkillNotFoundError: there is no such skill.
        InvalidSkillError: its SKILL.md can no longer be read, or holds more than `MAX_COMMANDS` commands to run.
        OpenSkillsError: what `run` raises.
    """
    skill = registry.get(skill_id)
    manifest = skill.manifest
    body = registry.body(skill)
    instructions = render(
        body,
        arguments,
        names=manifest.arguments,
        variables=Variables(
            skill_dir=skill.root, project_dir=project_dir if skill.trusted else None, plugin_root=skill.plugin
        ),
        inject=_inject(skill, body, run),
    )
    resources = [path for path in registry.list_files(skill.id, recursive=True) if path != skill.file]
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


def _inject(skill: Skill, body: str, run: RunInjected | None) -> Callable[[Injection, Filling], str] | None:
    """Return what puts something in the place of each command, or None to leave them as they are."""
    if run is None:
        return lambda _injection, _filling: DISABLED
    if not skill.trusted:
        return None
    found = len(injections(body))
    if found > MAX_COMMANDS:
        raise InvalidSkillError(
            f"the text of {skill.id} holds {found} commands to run, and at most {MAX_COMMANDS} are: move them into a "
            "script of the skill",
            culprit=skill.id,
        )
    return functools.partial(run, skill)
