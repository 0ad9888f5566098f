"""Skills for `langchain.agents.create_agent` in one object: the tools, and a system prompt that follows the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from openskills_adapters._deps import missing
from openskills_adapters._source import LiveSource, LiveTools, Selection
from openskills_adapters.langchain import langchain_tools

try:
    from langchain.agents.middleware import AgentMiddleware
except ModuleNotFoundError as error:
    raise missing(error, "OpenSkillsMiddleware", "langchain", "langchain") from None
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage

from openskills_core import Conversation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from langchain.agents.middleware import ModelRequest, ModelResponse, ToolCallRequest
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool
    from langgraph.types import Command


class OpenSkillsMiddleware(AgentMiddleware[Any, Any, Any]):
    """Adds the selected tools to every model call, and the catalog to its system message.

    With a `Conversation` each message of the user begins a turn, and skills whose instructions a summarization has
    taken out of the messages are put behind the catalog.

    Args:
        source: a runtime, a ToolSet, or a callable of LangGraph's `Runtime` that returns one, asked at every turn.
        selection: see `Selection`.
    """

    def __init__(self, source: LiveSource, **selection: Unpack[Selection]) -> None:
        super().__init__()
        self._live = LiveTools(source, **selection)
        self.tools = langchain_tools(self._live.fixed) if self._live.fixed else []

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model with the tools and the prompt of this moment."""
        return handler(self._equipped(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Do what `wrap_model_call` does, awaitable."""
        return await handler(self._equipped(request))

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the tool that the model saw; a callable source's tools are not registered with the agent."""
        resolved = self._resolved(request)
        return self._refusal(resolved) or handler(resolved)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        """Do what `wrap_tool_call` does, awaitable."""
        resolved = self._resolved(request)
        return self._refusal(resolved) or await handler(resolved)

    def _equipped(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        tools = self._live.of(request.runtime)
        attached = _followed(tools, request.messages) if isinstance(tools, Conversation) else ""
        ours: list[BaseTool] = langchain_tools(tools)
        names = {tool.name for tool in ours} | {tool.name for tool in self.tools}
        others = [tool for tool in request.tools if isinstance(tool, dict) or tool.name not in names]
        given = request.system_message.text if request.system_message else ""
        prompt = "\n\n".join(part for part in (given, tools.render_prompt(), attached) if part)
        message = SystemMessage(prompt) if prompt else None
        return request.override(tools=[*others, *ours], system_message=message)

    def _resolved(self, request: ToolCallRequest) -> ToolCallRequest:
        if request.tool is not None:
            return request
        ours = {tool.name: tool for tool in langchain_tools(self._live.of(request.runtime))}
        tool = ours.get(request.tool_call["name"])
        return request.override(tool=tool) if tool else request

    def _refusal(self, request: ToolCallRequest) -> ToolMessage | None:
        """Say why a tool of ours is gone, which LangGraph would call unknown."""
        tools = self._live.of(request.runtime)
        if request.tool is not None or not isinstance(tools, Conversation):
            return None
        call = request.tool_call
        text = tools.withdrawn(call["name"])
        return ToolMessage(text, name=call["name"], tool_call_id=call["id"], status="error") if text else None


def _followed(conversation: Conversation, messages: Sequence[BaseMessage]) -> str:
    """Tell the conversation what happened, and return the active skills that the messages no longer hold."""
    asked = [message for message in messages if isinstance(message, HumanMessage) and not _is_summary(message)]
    if asked and asked[-1].id:
        conversation.next_turn(asked[-1].id)
    activate_skill = conversation.exposed_name("activate_skill")
    results = [message for message in messages if isinstance(message, ToolMessage) and message.name == activate_skill]
    conversation.recall(message.text for message in results)
    return conversation.reattach(message.text for message in messages)


def _is_summary(message: BaseMessage) -> bool:
    return message.additional_kwargs.get("lc_source") == "summarization"
