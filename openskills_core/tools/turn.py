"""What the skills activated in a conversation's turn withdraw, and what they approve.

Source: Claude Code, "Skills": `disallowed-tools` takes tools out of the pool, `allowed-tools` lets the rest be used
without a question, both until the user's next message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openskills_core.errors import OpenSkillsError, PermissionDeniedError
from openskills_core.policy import Surroundings, removes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from openskills_core.tools.host import Host


class Restriction(NamedTuple):
    """What a skill of this turn disallows, as written, and its directory, which the items may name."""

    disallowed_tools: tuple[str, ...]
    skill_dir: Path


class Withdrawal(NamedTuple):
    """A tool that a skill takes away, by this item of its `disallowed-tools`."""

    skill_id: str
    item: str

    def refusal(self, tool: str) -> PermissionDeniedError:
        """Return what to answer a call of `tool`."""
        text = (
            f"{tool} is not available for this: the active skill {self.skill_id} lists {self.item} in its "
            "disallowed-tools. Go on without it; it is back after the user's next message."
        )
        return PermissionDeniedError(text, culprit=f"disallowed-tools: {self.item}")


def withdrawal(host: Host, turn: Mapping[str, Restriction], tool: str, detail: str) -> Withdrawal | None:
    """Return what takes `tool` away for `detail`, or with "" the whole of it; None when nothing does.

    Args:
        host: whoever runs the tools.
        turn: the skills activated in this turn.
        tool: our name for it.
        detail: what it is used for, as the policy's rules see it.
    """
    for skill_id, restriction in turn.items():
        if not restriction.disallowed_tools:
            continue
        variables = {"CLAUDE_SKILL_DIR": str(restriction.skill_dir)}
        around = Surroundings(workspace=str(host.workspace.root) if detail else "", variables=variables)
        if rule := removes(restriction.disallowed_tools, tool, detail, around=around):
            return Withdrawal(skill_id, rule.text)
    return None


def granting(host: Host, turn: Iterable[str], tool: str, detail: str) -> str:
    """Return the skill of this turn whose `allowed-tools` answer the policy's "ask", "" for none.

    They never answer "deny".
    """
    return next((skill_id for skill_id in turn if _allows(host, skill_id, tool, detail)), "")


def _allows(host: Host, skill_id: str, tool: str, detail: str) -> bool:
    try:
        return host.check_tool(skill_id, tool, detail).outcome == "allow"
    except OpenSkillsError:
        return False  # a skill that is gone approves nothing
