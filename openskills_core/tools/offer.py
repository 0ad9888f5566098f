"""Which tools there are right now: what the catalog, the policy and the host's selection leave."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from openskills_core.errors import OpenSkillsError
from openskills_core.prompt import render
from openskills_core.tools.exec_tools import EXEC_TOOLS
from openskills_core.tools.schema import closed_object
from openskills_core.tools.skill_tools import SKILL_TOOLS
from openskills_core.tools.spec import ToolSpec
from openskills_core.tools.workspace_tools import WORKSPACE_TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openskills_core.models import Decision, SkillInfo
    from openskills_core.tools.host import Host
    from openskills_core.tools.selection import Selection
    from openskills_core.tools.tool import Tool

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (*SKILL_TOOLS, *EXEC_TOOLS, *WORKSPACE_TOOLS)}
MAX_LISTED_SKILLS = 250
_SCRIPT_SUFFIXES = (".py", ".sh", ".js", ".wasm")


@dataclass
class Offer:
    """The tools of one moment. Everything is looked up when it is first needed, and once."""

    host: Host
    selection: Selection

    @cached_property
    def skills(self) -> tuple[SkillInfo, ...]:
        """The skills that a model may use; the others do not exist for it."""
        return tuple(skill for skill in self.host.list_skills() if skill.model_invocable)

    def __iter__(self) -> Iterator[Tool]:
        return (tool for tool in TOOLS.values() if self._is_offered(tool))

    def find(self, exposed_name: str) -> Tool | None:
        """Return the tool of this name, prefix included, or None when it is not offered."""
        prefix = self.selection.prefix
        tool = TOOLS.get(exposed_name.removeprefix(prefix)) if exposed_name.startswith(prefix) else None
        return tool if tool and self._is_offered(tool) else None

    def names(self) -> dict[str, str]:
        """Return own name ↦ exposed name of every tool on offer."""
        return {tool.name: self.selection.prefix + tool.name for tool in self}

    def parameters(self, tool: Tool) -> dict[str, Any]:
        """Return the tool's schema with this moment's skills in it."""
        properties = dict(tool.properties)
        if "skill" in properties and not self.skills:
            del properties["skill"]
        elif "skill" in properties and len(self.skills) <= MAX_LISTED_SKILLS:
            properties["skill"] = {**properties["skill"], "enum": [skill.id for skill in self.skills]}
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
            requires_approval=self._decision(tool.name).outcome == "ask",
        )

    def prompt_context(self) -> dict[str, Any]:
        """Return the values that prompt templates are filled in with."""
        skills = self.reachable_skills
        return {
            "skills": skills[:MAX_LISTED_SKILLS],
            "unlisted_skills": max(0, len(skills) - MAX_LISTED_SKILLS),
            "tools": self.names(),
        }

    @cached_property
    def reachable_skills(self) -> tuple[SkillInfo, ...]:
        """The skills that some tool on offer is about."""
        reached = any(tool.group == "skills" or tool.name == "run_skill_script" for tool in self)
        return self.skills if reached else ()

    def _is_offered(self, tool: Tool) -> bool:
        return self.selection.has(tool) and self._has_use(tool) and not self._is_denied(tool)

    def _has_use(self, tool: Tool) -> bool:
        if tool.name == "list_skills":
            return len(self.skills) > MAX_LISTED_SKILLS
        if tool.name == "run_skill_script":
            return self._has_scripts
        return tool.group != "skills" or bool(self.skills)

    @cached_property
    def _has_scripts(self) -> bool:
        return any(self._holds_script(skill.id) for skill in self.skills)

    def _holds_script(self, skill_id: str) -> bool:
        try:
            files = self.host.list_skill_files(skill_id, recursive=True)
        except OpenSkillsError:
            return False  # a skill that cannot be read has no script to offer; using it will say why
        return any(PurePosixPath(file).suffix in _SCRIPT_SUFFIXES for file in files)

    def _is_denied(self, tool: Tool) -> bool:
        decision = self._decision(tool.name)
        if tool.name == "run_skill_script" and decision.rule.casefold() == "bash":
            return False  # without Bash a script may still run; what it may not do is start processes
        hidden_workspace = tool.group == "workspace" and self._decision("Read").outcome == "deny"
        return decision.outcome == "deny" or hidden_workspace

    def _decision(self, tool: str) -> Decision:
        """What the policy says of a tool as a whole, whatever it is used for."""
        return self.host.check_tool("", tool)
