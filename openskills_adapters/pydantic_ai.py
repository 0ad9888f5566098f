"""Tools for PydanticAI 2.x agents.

A failure is a tool return with outcome "failed": the model sees it, and it costs no retry. `ToolReturn.metadata` is
`ToolResult.data`. Tools that the policy wants a person asked about are deferred for approval by PydanticAI itself.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Unpack

from openskills_adapters._deps import missing
from openskills_adapters._source import LiveSource, LiveTools, Selection, Source, tools_of

try:
    from pydantic_ai import RunContext, Tool, ToolDefinition, ToolReturn
except ModuleNotFoundError as error:
    raise missing(error, "create_pydantic_ai_tools", "pydantic_ai", "pydantic-ai") from None
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import InstructionPart
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.toolsets.abstract import ToolsetTool

from openskills_adapters._pydantic_ai_messages import reattached
from openskills_core import Conversation

if TYPE_CHECKING:
    from pydantic_ai.models import ModelRequestContext

    from openskills_core import ToolResult, ToolSet, ToolSpec

__all__ = ["OpenSkillsCapability", "OpenSkillsToolset", "create_pydantic_ai_tools"]


def create_pydantic_ai_tools(source: Source, **selection: Unpack[Selection]) -> list[Tool[Any]]:
    """Return the selected tools of a runtime or ToolSet as `Agent(tools=...)` takes them. Takes `Selection`'s keywords.

    `OpenSkillsToolset` brings the prompt as well, and reads arguments that are not JSON without costing a retry.

    Raises:
        ValueError: when a selection names a tool or group that does not exist.
    """
    tools = tools_of(source, **selection)
    return [_tool(tools, spec) for spec in tools]


class OpenSkillsToolset(AbstractToolset[Any]):
    """The selected tools and the prompt that goes with them; both follow the catalog from step to step.

    Args:
        source: a runtime, a ToolSet, or a callable of `RunContext` that returns one, asked at every step.
        id: the toolset's id; give each its own when an agent has several.
        selection: see `Selection`.
    """

    def __init__(self, source: LiveSource, *, id: str = "openskills", **selection: Unpack[Selection]) -> None:  # noqa: A002 - PydanticAI's name
        self._id = id
        self._live = LiveTools(source, **selection)

    @property
    def id(self) -> str:
        """The toolset's id."""
        return self._id

    def tools(self, ctx: RunContext[Any]) -> ToolSet:
        """Return the tools of this context. In a `Conversation` each run that answers a prompt is a turn."""
        tools = self._live.of(ctx)
        if isinstance(tools, Conversation) and ctx.prompt is not None and ctx.run_id:
            tools.next_turn(ctx.run_id)
        return tools

    async def get_instructions(self, ctx: RunContext[Any]) -> InstructionPart | None:
        """Return the system prompt, marked static: its bytes stay the same while the catalog does."""
        prompt = self.tools(ctx).render_prompt()
        return InstructionPart(content=prompt, dynamic=False) if prompt else None

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """Return the tools as they are now."""
        return {spec.name: self._toolset_tool(spec) for spec in self.tools(ctx)}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> ToolReturn[Any]:
        """Run one tool."""
        # A wrapper may have renamed the tool; the definition that we handed out has our own name.
        arguments = tool_args.text if isinstance(tool_args, _Unread) else tool_args
        own_name = (tool.tool_def.metadata or {}).get("openskills", {}).get("name", name)
        return _translated(await self.tools(ctx).acall(own_name, arguments, approved=ctx.tool_call_approved))

    def _toolset_tool(self, spec: ToolSpec) -> ToolsetTool[Any]:
        definition = ToolDefinition(
            name=spec.name,
            description=spec.description,
            parameters_json_schema=deepcopy(dict(spec.parameters)),
            metadata=_metadata(spec),
            kind="unapproved" if spec.requires_approval else "function",
        )
        return ToolsetTool(toolset=self, tool_def=definition, max_retries=1, args_validator=_Unvalidated())


class OpenSkillsCapability(AbstractCapability[Any]):
    """The toolset with its prompt, for `Agent(capabilities=[...])`. Takes what `OpenSkillsToolset` takes.

    With a `Conversation`, skills whose instructions are no longer in the messages, because a history processor took
    them out, are added to the instructions.
    """

    def __init__(self, source: LiveSource, **selection: Unpack[Selection]) -> None:
        self._toolset = OpenSkillsToolset(source, **selection)

    def get_toolset(self) -> AbstractToolset[Any]:
        """Return the toolset, which brings its instructions along."""
        return self._toolset

    async def prepare_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Add what `Conversation.reattach` gives for the messages that this request has."""
        tools = self._toolset.tools(ctx)
        attached = reattached(tools, request_context.messages) if isinstance(tools, Conversation) else ""
        if not attached:
            return request_context
        parameters = request_context.model_request_parameters
        parts = [*(parameters.instruction_parts or []), InstructionPart(content=attached, dynamic=True)]
        return replace(request_context, model_request_parameters=replace(parameters, instruction_parts=parts))


class _Unread(dict[str, Any]):
    """Arguments as JSON text, on their way to the core, which reads them and says what is wrong."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _Unvalidated:
    """Lets arguments through as they are: the core validates them, and its verdict costs no retry."""

    def validate_json(self, input: str | bytes | bytearray, **_options: Any) -> dict[str, Any]:  # noqa: A002 - a protocol's name
        """Return the text unread."""
        return _Unread(input if isinstance(input, str) else bytes(input).decode(errors="replace"))

    def validate_python(self, input: Any, **_options: Any) -> Any:  # noqa: A002 - a protocol's name
        """Return the arguments."""
        return input


def _tool(tools: ToolSet, spec: ToolSpec) -> Tool[Any]:
    async def run(ctx: RunContext[Any], /, **arguments: Any) -> ToolReturn[Any]:
        return _translated(await tools.acall(spec.name, arguments, approved=ctx.tool_call_approved))

    tool: Tool[Any] = Tool.from_schema(
        run, spec.name, spec.description, deepcopy(dict(spec.parameters)), takes_ctx=True
    )
    tool.requires_approval = spec.requires_approval
    tool.metadata = _metadata(spec)
    return tool


def _metadata(spec: ToolSpec) -> dict[str, Any]:
    return {"openskills": {"name": spec.name, "group": spec.group, **asdict(spec.annotations)}}


def _translated(result: ToolResult) -> ToolReturn[Any]:
    if result.is_error:
        raise ToolFailed(result.text)
    return ToolReturn(return_value=result.text, metadata=result.data)
