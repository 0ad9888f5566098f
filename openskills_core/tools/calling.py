"""One call from its name and arguments to its result. Whatever goes wrong becomes a result, never an exception."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from openskills_core.errors import OpenSkillsError, PermissionDeniedError, SkillNotFoundError
from openskills_core.tools.schema import parsed, validated
from openskills_core.tools.spec import ToolCallError, ToolResult
from openskills_core.tools.texts import cleaned, encodable, head
from openskills_core.tools.tool import Tool, Turn

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from openskills_core.models import SkillInfo
    from openskills_core.tools.memory import Memory
    from openskills_core.tools.offer import Offer

_log = logging.getLogger("openskills")


@dataclass(frozen=True, slots=True)
class Request:
    """What a framework passed on: a tool's exposed name, and a JSON object as a dict or as text."""

    name: str
    arguments: Mapping[str, Any] | str
    approved: bool = False
    cancel: threading.Event | None = None


def answer(offer: Offer, request: Request, memory: Memory | None) -> ToolResult:
    """Run the tool that `request` names and return what to tell the model."""
    try:
        result = _run(offer, request, memory)
    except (ToolCallError, OpenSkillsError) as error:
        result = _failed(str(error), error.code)
    except Exception as error:  # noqa: BLE001 - a crash in one tool must not end the agent
        _log.exception("tool %s crashed", request.name)
        fault = f"{request.name} failed inside ({type(error).__name__}). The fault is the tool's, not the call's."
        result = _failed(fault, "internal")
    data = None if result.data is None else {name: encodable(value) for name, value in result.data.items()}
    return replace(result, text=cleaned(result.text), data=data)


def problems(offer: Offer, name: str, arguments: object) -> str:
    """Return what is wrong with the arguments of a tool on offer; "" when nothing is or there is no such tool."""
    tool = offer.find(name)
    try:
        if tool is not None:
            validated(name, offer.parameters(tool), arguments)
    except ValueError as error:
        return str(error)
    return ""


def _run(offer: Offer, request: Request, memory: Memory | None) -> ToolResult:
    tool = offer.find(request.name)
    if tool is None:
        raise _unknown_tool(offer, request.name)
    arguments = _arguments(offer, tool, request)
    if arguments.get("skill"):
        _require_skill(arguments["skill"], offer.skills)
    turn = Turn(offer.host, offer.skills, approved=request.approved, cancel=request.cancel, memory=memory)
    _require_permission(turn, tool, arguments)
    return tool.run(turn, **arguments)


def _arguments(offer: Offer, tool: Tool, request: Request) -> dict[str, Any]:
    given = _parsed(request.arguments) if isinstance(request.arguments, str) else request.arguments
    try:
        return validated(request.name, offer.parameters(tool), given)
    except ValueError as error:
        raise ToolCallError(str(error), code="invalid_arguments") from None


def _parsed(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError as error:
        problem = f"The arguments are not valid JSON ({error}). Send the call again with one complete JSON object."
        raise ToolCallError(problem, code="invalid_json") from None


def _unknown_tool(offer: Offer, name: str) -> ToolCallError:
    names = ", ".join(offer.names().values()) or "none"
    return ToolCallError(f"There is no tool {name[:80]!r}. The tools are: {names}.", code="unknown_tool")


def _require_skill(skill_id: str, skills: tuple[SkillInfo, ...]) -> None:
    """With a small catalog the schema has done this; with a large one it names no skills."""
    ids = [skill.id for skill in skills]
    if skill_id in ids:
        return
    near = get_close_matches(skill_id, ids, n=5, cutoff=0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise SkillNotFoundError(f"There is no skill {skill_id[:80]!r}{hint}", culprit=skill_id)


def _require_permission(turn: Turn, tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Runs are decided on in the pipeline, where the audit log sees it; everything else is decided here."""
    if tool.group == "exec":
        return
    detail = str(arguments.get("path") or arguments.get("skill") or "")
    decision = turn.host.check_tool("", tool.name, detail)
    if decision.outcome == "ask":
        decision = turn.host.decide(tool.name, detail, approved=turn.approved)
    if decision.outcome != "allow":
        raise PermissionDeniedError(decision.reason, culprit=decision.rule)


def _failed(text: str, code: str) -> ToolResult:
    shown, cut = head(text, "the error is longer")
    return ToolResult(shown, is_error=True, code=code, truncated=cut)
