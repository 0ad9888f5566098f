"""The tools that run things: a skill's script, or a shell command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.models import Call
from openskills_core.tools.exec_texts import ended
from openskills_core.tools.skill_tools import SKILL
from openskills_core.tools.spec import ToolAnnotations
from openskills_core.tools.tool import Tool, ToolContext

if TYPE_CHECKING:
    from openskills_core.tools.spec import ToolResult

_TIMEOUT = {
    "type": "integer",
    "minimum": 1,
    "maximum": 3600,
    "description": "Stop it after this many seconds; left out, and at most, the host's limit.",
}


def _run_skill_script(
    ctx: ToolContext,
    skill: str,
    script: str,
    *,
    args: list[str],
    stdin: str | None = None,
    timeout_seconds: int | None = None,
) -> ToolResult:
    call = Call(
        kind="script",
        target=script,
        skill_id=skill,
        args=tuple(args),
        stdin=None if stdin is None else stdin.encode(),
        timeout_ms=_timeout(ctx, timeout_seconds),
        approved=ctx.approved,
    )
    return _run(ctx, "run_skill_script", call)


def _run_command(ctx: ToolContext, command: str, skill: str = "", timeout_seconds: int | None = None) -> ToolResult:
    call = Call(
        kind="command",
        target=command,
        skill_id=skill or _granting(ctx, command),
        timeout_ms=_timeout(ctx, timeout_seconds),
        approved=ctx.approved,
    )
    return _run(ctx, "run_command", call)


def _granting(ctx: ToolContext, command: str) -> str:
    """Where the policy asks, a skill of the turn that approves the command is the one on whose behalf it runs."""
    is_asked = ctx.host.check_tool("", "run_command", command).outcome == "ask"
    return ctx.offer.granting("run_command", command) if is_asked and not ctx.approved else ""


def _run(ctx: ToolContext, tool: str, call: Call) -> ToolResult:
    if withdrawal := ctx.offer.withdrawal(tool, " ".join((call.target, *call.args))):
        ctx.host.refuse_call(call, withdrawal.refusal(ctx.offer.name_of(tool)))
    timeout_ms = call.timeout_ms or ctx.host.limits.timeout_ms
    return ended(ctx.host.execute_call(call, cancel=ctx.cancel), timeout_ms)


def _timeout(ctx: ToolContext, seconds: int | None) -> int | None:
    return None if seconds is None else min(seconds * 1000, ctx.host.limits.timeout_ms)


EXEC_TOOLS = (
    Tool(
        name="run_skill_script",
        group="exec",
        annotations=ToolAnnotations("Run skill script", destructive=True),
        run=_run_skill_script,
        properties={
            "skill": SKILL,
            "script": {"type": "string", "description": "Path of the script, relative to the skill's directory."},
            "args": {
                "type": "array",
                "items": {"type": "string"},
                "default": [],
                "description": "Command-line arguments, one string each; no shell reads them.",
            },
            "stdin": {"type": "string", "description": "Text for the script's standard input."},
            "timeout_seconds": _TIMEOUT,
        },
        required=("skill", "script"),
    ),
    Tool(
        name="run_command",
        group="exec",
        annotations=ToolAnnotations("Run command", destructive=True),
        run=_run_command,
        properties={
            "command": {"type": "string", "description": "The command line, run by bash in the workspace."},
            "skill": {"type": "string", "description": "Skill whose files the command uses, as $CLAUDE_SKILL_DIR."},
            "timeout_seconds": _TIMEOUT,
        },
        required=("command",),
    ),
)
