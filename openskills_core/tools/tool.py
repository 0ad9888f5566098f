"""How a tool is declared, and what it is given when it is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from openskills_core.tools.host import Host
    from openskills_core.tools.memory import Memory
    from openskills_core.tools.offer import Offer
    from openskills_core.tools.spec import Group, ToolAnnotations, ToolResult


@dataclass(frozen=True, slots=True)
class ToolContext:
    """One call on its way, and the tools it was chosen from."""

    offer: Offer
    approved: bool = False
    cancel: threading.Event | None = None

    @property
    def host(self) -> Host:
        """Whoever runs what the tools ask for."""
        return self.offer.host

    @property
    def memory(self) -> Memory | None:
        """What the conversation remembers; None outside of one."""
        return self.offer.memory

    def allows(self, tool: str, detail: str) -> bool:
        """Whether policy and turn let this call use `tool` for `detail`, without asking anybody."""
        outcome = self.host.check_tool("", tool, detail).outcome
        allowed = outcome == "allow" or (
            outcome == "ask" and (self.approved or bool(self.offer.granting(tool, detail)))
        )
        return allowed and self.offer.withdrawal(tool, detail) is None


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool before it meets a catalog and a policy.

    `run` gets the context and the validated arguments as keywords.
    """

    name: str
    group: Group
    annotations: ToolAnnotations
    run: Callable[..., ToolResult]
    properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
