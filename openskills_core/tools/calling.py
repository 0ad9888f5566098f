"""One call from its name and arguments to its result. Whatever goes wrong becomes a result, never an exception."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from openskills_core.errors import OpenSkillsError, PermissionDeniedError, SkillNotFoundError
from openskills_core.tools.schema import parsed, validated
from openskills_core.tools.spec import ToolCallError, ToolResult
from openskills_core.tools.texts import cleaned, encodable, head
from openskills_core.tools.tool import Tool, ToolContext
from openskills_core.unseen import one_line

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from openskills_core.tools.offer import Offer

_log = logging.getLogger("openskills")


@dataclass(frozen=True, slots=True)
class Request:
    """What a framework passed on: a tool's exposed name, and a JSON object as a dict or as text."""

    name: str
    arguments: Mapping[str, Any] | str
    approved: bool = False
    cancel: threading.Event | None = None


def answer(offer: Offer, request: Request) -> ToolResult:
    """Run the tool that `request` names and return what to tell the model."""
    return answered(request.name, lambda: _run(offer, request))


def answered(name: str, work: Callable[[], ToolResult]) -> ToolResult:
    """Return the result of `work`, or what to say of the exception that ended it. `name` is the tool's."""
    try:
        result = work()
    except (ToolCallError, OpenSkillsError) as error:
        result = _failed(str(error), error.code)
    except Exception as error:  # noqa: BLE001 - a crash in one tool must not end the agent
        _log.exception("tool %s crashed", name)
        fault = f"{name} failed inside ({type(error).__name__}). The fault is the tool's, not the call's."
        result = _failed(fault, "internal")
    data = None if result.data is None else {key: encodable(value) for key, value in result.data.items()}
    return replace(result, text=cleaned(result.text), data=data)


def refusal(offer: Offer, name: str) -> str:
    """Return why every call of a tool is refused in this turn; "" when the turn has nothing against it."""
    tool = offer.find(name)
    withdrawal = offer.withdrawal(tool.name) if tool else None
    return str(withdrawal.refusal(name)) if withdrawal else ""


def problems(offer: Offer, name: str, arguments: object) -> str:
    """Return what is wrong with the arguments of a tool on offer; "" when nothing is or there is no such tool."""
    tool = offer.find(name)
    try:
        if tool is not None:
            _require_skill(offer, tool, arguments)
            validated(name, offer.parameters(tool), arguments)
    except (ValueError, OpenSkillsError) as error:
        return str(error)
    return ""


def _run(offer: Offer, request: Request) -> ToolResult:
    tool = offer.find(request.name)
    if tool is None:
        raise _unknown_tool(offer, request.name)
    withdrawal = offer.withdrawal(tool.name)
    if withdrawal and tool.group != "exec":
        raise withdrawal.refusal(request.name)
    given = _parsed(request.arguments) if isinstance(request.arguments, str) else request.arguments
    _require_skill(offer, tool, given)
    arguments = _arguments(offer, tool, request.name, given)
    context = ToolContext(offer, approved=request.approved, cancel=request.cancel)
    _require_permission(context, tool, request.name, arguments)
    return tool.run(context, **arguments)


def _arguments(offer: Offer, tool: Tool, name: str, given: object) -> dict[str, Any]:
    try:
        arguments = validated(name, offer.parameters(tool), given)
    except ValueError as error:
        raise ToolCallError(str(error), code="invalid_arguments") from None
    if arguments.get("skill"):
        arguments["skill"] = _skill_id(offer, tool, arguments["skill"])
    return arguments


def _parsed(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError as error:
        problem = f"The arguments are not valid JSON ({error}). Send the call again with one complete JSON object."
        raise ToolCallError(problem, code="invalid_json") from None


def _unknown_tool(offer: Offer, name: str) -> ToolCallError:
    names = ", ".join(offer.names().values()) or "none"
    return ToolCallError(f"There is no tool {name[:80]!r}. The tools are: {names}.", code="unknown_tool")


def _require_skill(offer: Offer, tool: Tool, given: object) -> None:
    """Refuse a skill that is there but not for the model, before the schema says that there is none of this name."""
    name = given.get("skill") if isinstance(given, Mapping) and "skill" in tool.properties else None
    skill = offer.skill_named(name) if isinstance(name, str) else None
    if skill is not None and skill not in offer.skills_for(tool):
        raise PermissionDeniedError(offer.refusal(skill), culprit=skill.id)


def _skill_id(offer: Offer, tool: Tool, name: str) -> str:
    """With a small catalog the schema has looked for the name; with a large one it names no skills."""
    skill = offer.skill_named(name)
    if skill is not None:
        return skill.id
    near = get_close_matches(name, [one_line(known.id) for known in offer.skills_for(tool)], n=5, cutoff=0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise SkillNotFoundError(f"There is no skill {name[:80]!r}{hint}", culprit=name)


def _require_permission(context: ToolContext, tool: Tool, name: str, arguments: Mapping[str, Any]) -> None:
    """Runs are decided on where the audit log sees it, see `exec_tools`; everything else is decided here."""
    if tool.group == "exec":
        return
    detail = str(arguments.get("path") or arguments.get("skill") or "")
    if withdrawal := context.offer.withdrawal(tool.name, detail):
        raise withdrawal.refusal(name)
    if context.allows(tool.name, detail):
        return
    decision = context.host.decide(tool.name, detail, approved=context.approved)
    if decision.outcome != "allow":
        raise PermissionDeniedError(decision.reason, culprit=decision.rule)


def _failed(text: str, code: str) -> ToolResult:
    shown, cut = head(text, "the error is longer")
    return ToolResult(shown, is_error=True, code=code, truncated=cut)
