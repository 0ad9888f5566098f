"""Which tools there are right now: what the catalog, the policy, the host's selection and the turn leave."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openskills_core.catalog import DEFAULT_BUDGET, Catalog
from openskills_core.prompt import render
from openskills_core.tools.exec_tools import EXEC_TOOLS
from openskills_core.tools.schema import closed_object
from openskills_core.tools.skill_tools import SKILL_TOOLS
from openskills_core.tools.spec import ToolSpec
from openskills_core.tools.turn import Withdrawal, granting, withdrawal
from openskills_core.tools.workspace_tools import WORKSPACE_TOOLS
from openskills_core.unseen import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from openskills_core.models import Decision, SkillInfo
    from openskills_core.tools.host import Host
    from openskills_core.tools.memory import Memory
    from openskills_core.tools.selection import Selection
    from openskills_core.tools.tool import Tool

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (*SKILL_TOOLS, *EXEC_TOOLS, *WORKSPACE_TOOLS)}
# Four schemas would repeat the names; the prompt lists them in any case.
_MAX_SKILLS_IN_SCHEMAS = 250
_SCRIPT_SUFFIXES = (".py", ".sh", ".bash", ".js", ".mjs", ".cjs", ".wasm")
_MAX_FOLDERS = 200


@dataclass
class Offer:
    """The tools of one moment. Everything is looked up when it is first needed, and once.

    `memory` is that of the conversation, None outside of one. `budget` is the catalog's, in characters.
    """

    host: Host
    selection: Selection
    memory: Memory | None = None
    budget: int = DEFAULT_BUDGET

    @cached_property
    def skills(self) -> tuple[SkillInfo, ...]:
        """The skills that a model may activate; the others do not exist for it."""
        return tuple(skill for skill in self._all_skills if not self.refusal(skill))

    @cached_property
    def usable_skills(self) -> tuple[SkillInfo, ...]:
        """Those, and the ones that the user has activated in this conversation: their files are needed as well."""
        active = {skill.id for skill in self.memory.active()} if self.memory else set()
        return tuple(skill for skill in self._all_skills if skill.id in active or not self.refusal(skill))

    @cached_property
    def catalog(self) -> Catalog:
        """What a model is told of the skills that it may activate."""
        return Catalog.of(self.skills, self.budget)

    def skills_for(self, tool: Tool) -> tuple[SkillInfo, ...]:
        """Return the skills that this tool takes."""
        return self.skills if tool.name == "activate_skill" else self.usable_skills

    def refusal(self, skill: SkillInfo) -> str:
        """Return why a model may not have a skill; "" when it may."""
        if not skill.model_invocable:
            return (
                f"Only the user can start the skill {one_line(skill.id)}. Do not carry out its steps in another way; "
                "if they are needed, ask the user to start it."
            )
        decision = self.host.check_tool("", "activate_skill", skill.id)
        return decision.reason if decision.outcome == "deny" else ""

    def skill_named(self, name: str) -> SkillInfo | None:
        """Return the skill that a model means. It sees an id on one line, without what nobody sees."""
        return self._by_id.get(name) or next((skill for skill in self._all_skills if one_line(skill.id) == name), None)

    def __iter__(self) -> Iterator[Tool]:
        return (tool for tool in TOOLS.values() if self._is_offered(tool) and not self.withdrawal(tool.name))

    def find(self, exposed_name: str) -> Tool | None:
        """Return the tool of this name, prefix included, or None when there is none. It may be withdrawn."""
        prefix = self.selection.prefix
        tool = TOOLS.get(exposed_name.removeprefix(prefix)) if exposed_name.startswith(prefix) else None
        return tool if tool and self._is_offered(tool) else None

    def names(self) -> dict[str, str]:
        """Return own name ↦ exposed name of every tool on offer."""
        return {tool.name: self.selection.prefix + tool.name for tool in self}

    def name_of(self, own_name: str) -> str:
        """Return the exposed name of a tool, withdrawn or not; "" when there is none."""
        tool = TOOLS.get(own_name)
        return self.selection.prefix + own_name if tool and self._is_offered(tool) else ""

    def withdrawal(self, tool: str, detail: str = "") -> Withdrawal | None:
        """Return what the turn's skills have against a tool for `detail`, or with "" against the whole of it."""
        return withdrawal(self.host, self.memory.turn, tool, detail) if self.memory else None

    def granting(self, tool: str, detail: str = "") -> str:
        """Return the skill of the turn that answers the policy's "ask" about a tool, "" for none."""
        return granting(self.host, self.memory.turn, tool, detail) if self.memory else ""

    def parameters(self, tool: Tool) -> dict[str, Any]:
        """Return the tool's schema with this moment's skills in it."""
        properties = dict(tool.properties)
        skills = self.skills_for(tool) if "skill" in properties else ()
        if "skill" in properties and not skills:
            del properties["skill"]
        elif "skill" in properties and len(skills) <= _MAX_SKILLS_IN_SCHEMAS:
            properties["skill"] = {**properties["skill"], "enum": [one_line(skill.id) for skill in skills]}
        return closed_object(properties, tool.required)

    def specs(self) -> list[ToolSpec]:
        """Return what a model is told of every tool on offer."""
        names = self.names()
        return [self._spec(TOOLS[name], names) for name in names]

    def _spec(self, tool: Tool, names: Mapping[str, str]) -> ToolSpec:
        return ToolSpec(
            name=names[tool.name],
            description=render(f"tools/{tool.name}.md.jinja", {"tools": names}, self.host.prompt_dirs),
            parameters=self.parameters(tool),
            annotations=tool.annotations,
            group=tool.group,
            requires_approval=self._decision(tool.name).outcome == "ask" and not self.granting(tool.name),
        )

    def prompt_context(self, budget: int) -> dict[str, Any]:
        """Return the values that prompt templates are filled in with; `budget` is that of this prompt."""
        catalog = Catalog.of(self.reachable_skills, budget)
        return {
            "skills": catalog.skills,
            "unlisted_skills": catalog.unlisted,
            "shortened_descriptions": catalog.shortened,
            "tools": self.names(),
        }

    @cached_property
    def reachable_skills(self) -> tuple[SkillInfo, ...]:
        """The skills that some tool on offer is about."""
        reached = any(tool.group == "skills" or tool.name == "run_skill_script" for tool in self)
        return self.skills if reached else ()

    @cached_property
    def _all_skills(self) -> tuple[SkillInfo, ...]:
        return tuple(skill for skill in self.host.list_skills() if one_line(skill.id))

    @cached_property
    def _by_id(self) -> Mapping[str, SkillInfo]:
        return {skill.id: skill for skill in self._all_skills}

    def _is_offered(self, tool: Tool) -> bool:
        return self.selection.has(tool) and self._has_use(tool) and not self._is_denied(tool)

    def _has_use(self, tool: Tool) -> bool:
        if tool.name == "list_skills":
            return len(self.skills) > _MAX_SKILLS_IN_SCHEMAS or self.catalog.shortened > 0
        if tool.name == "activate_skill":
            return bool(self.skills)
        if tool.name == "run_skill_script":
            return self._has_scripts
        return tool.group != "skills" or bool(self.usable_skills)

    @cached_property
    def _has_scripts(self) -> bool:
        return any(_holds_script(skill.path.parent) for skill in self.usable_skills)

    def _is_denied(self, tool: Tool) -> bool:
        decision = self._decision(tool.name)
        if tool.name == "run_skill_script" and decision.rule.casefold() == "bash":
            return False  # without Bash a script may still run; what it may not do is start processes
        hidden_workspace = tool.group == "workspace" and self._decision("Read").outcome == "deny"
        return decision.outcome == "deny" or hidden_workspace

    def _decision(self, tool: str) -> Decision:
        """What the policy says of a tool as a whole, whatever it is used for."""
        return self.host.check_tool("", tool)


def _holds_script(directory: Path) -> bool:
    """Look into a skill itself: to ask the host about each of a thousand skills takes seconds."""
    for number, (_, _, files) in enumerate(os.walk(directory)):
        if number == _MAX_FOLDERS or any(file.endswith(_SCRIPT_SUFFIXES) for file in files):
            return True
    return False
