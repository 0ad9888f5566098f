"""One call, made through each framework, told in the same words: text, whether it failed, data."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from openskills_core import ToolSet


class Answer(NamedTuple):
    """What a framework was told. `is_error` and `data` are None where the framework has no place for them."""

    text: str
    is_error: bool | None
    data: Any


def through_langchain(tools: ToolSet, name: str, arguments: dict[str, Any]) -> Answer:
    """Call a LangChain tool as its ToolNode does."""
    from openskills_adapters.langchain import create_langchain_tools

    (tool,) = [tool for tool in create_langchain_tools(tools) if tool.name == name]
    message = tool.invoke({"type": "tool_call", "id": "call_1", "name": name, "args": dict(arguments)})
    is_error = message.status == "error"
    return Answer(message.text, is_error, None if is_error else message.artifact)


def through_pydantic_ai(tools: ToolSet, name: str, arguments: dict[str, Any] | str) -> Answer:
    """Let a scripted model call the tool in an agent run, and look at what it gets back."""
    from pydantic_ai import Agent, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import FunctionModel

    from openskills_adapters.pydantic_ai import OpenSkillsToolset

    answers: list[Answer] = []

    def model(messages: list[Any], _info: object) -> ModelResponse:
        returned = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        answers.extend(Answer(str(part.content), part.outcome == "failed", part.metadata) for part in returned)
        return ModelResponse(parts=[TextPart("done") if returned else ToolCallPart(name, arguments)])

    asyncio.run(Agent(FunctionModel(model), toolsets=[OpenSkillsToolset(tools)]).run("go"))
    (answer,) = answers
    return answer


def through_openai_chat(tools: ToolSet, name: str, arguments: dict[str, Any] | str) -> Answer:
    """Dispatch a chat message given as dicts."""
    from openskills_adapters.openai import OpenAIDispatcher

    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": _json(arguments)}}
    (message,) = OpenAIDispatcher(tools).chat({"role": "assistant", "tool_calls": [call]})
    assert (message["role"], message["tool_call_id"]) == ("tool", "call_1")
    return Answer(message["content"], None, None)


def through_openai_responses(tools: ToolSet, name: str, arguments: dict[str, Any] | str) -> Answer:
    """Dispatch a response's output, awaited."""
    from openskills_adapters.openai import OpenAIDispatcher

    call = {"type": "function_call", "call_id": "call_1", "name": name, "arguments": _json(arguments)}
    (item,) = asyncio.run(OpenAIDispatcher(tools, api="responses").aresponses([call]))
    assert (item["type"], item["call_id"]) == ("function_call_output", "call_1")
    return Answer(item["output"], None, None)


def _json(arguments: dict[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)
