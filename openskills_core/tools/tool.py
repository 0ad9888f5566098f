"""How a tool is declared, and what it is given when it is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from openskills_core.models import SkillInfo
    from openskills_core.tools.host import Host
    from openskills_core.tools.memory import Memory
    from openskills_core.tools.spec import Group, ToolAnnotations, ToolResult


@dataclass(frozen=True, slots=True)
class Turn:
    """One call on its way. `skills` are the ones a model may use; `memory` is None outside a conversation."""

    host: Host
    skills: tuple[SkillInfo, ...]
    approved: bool = False
    cancel: threading.Event | None = None
    memory: Memory | None = None

    def allows(self, tool: str, detail: str) -> bool:
        """Whether the policy lets this call use `tool` for `detail`."""
        outcome = self.host.check_tool("", tool, detail).outcome
        return outcome == "allow" or (outcome == "ask" and self.approved)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool before it meets a catalog and a policy.

    `run` gets the turn and the validated arguments as keywords.
    """

    name: str
    group: Group
    annotations: ToolAnnotations
    run: Callable[..., ToolResult]
    properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
