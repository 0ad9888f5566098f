"""Tools for OpenAI's Chat Completions and Responses APIs, as plain dicts. The `openai` package itself is not needed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, Unpack

from openskills_adapters._source import LiveSource, LiveTools, Selection, Source, tools_of
from openskills_adapters._strict import strictified

if TYPE_CHECKING:
    from openskills_core import ToolSet, ToolSpec

__all__ = ["OpenAIDispatcher", "create_openai_tools", "openai_local_skills"]

Api: TypeAlias = Literal["chat", "responses"]


def create_openai_tools(
    source: Source, api: Api = "chat", strict: bool = True, **selection: Unpack[Selection]
) -> list[dict[str, Any]]:
    """Return the selected tools of a runtime or ToolSet as `tools=` takes them. Takes `Selection`'s keywords.

    Args:
        source: a runtime or a ToolSet.
        api: "chat" for Chat Completions, "responses" for Responses, whose tools are flat.
        strict: ask OpenAI to hold the model to the schema; a tool that strict mode cannot express goes without.

    Raises:
        ValueError: for another api, or a selection that names a tool or group that does not exist.
    """
    return _definitions(tools_of(source, **selection), api, strict=strict)


def openai_local_skills(source: Source, **selection: Unpack[Selection]) -> dict[str, Any]:
    """Return OpenAI's `shell` tool with the skills mounted from where they are. Takes `Selection`'s keywords.

    Whoever executes the model's shell calls decides what they may do; this only tells the model of the skills.
    """
    skills = [
        {"name": skill.id, "description": skill.description, "path": str(skill.path.parent)}
        for skill in tools_of(source, **selection).skills
    ]
    return {"type": "shell", "environment": {"type": "local", "skills": skills}}


class _Request(NamedTuple):
    id: str
    name: str
    arguments: str


class OpenAIDispatcher:
    """Answers a model's tool calls. Every call gets an answer, in order, whatever goes wrong with it.

    Args:
        source: a runtime, a ToolSet, or a callable of the `context` given to each method that returns one.
        api: the shape of `tools`.
        strict: see `create_openai_tools`.
        selection: see `Selection`.
    """

    def __init__(
        self, source: LiveSource, api: Api = "chat", strict: bool = True, **selection: Unpack[Selection]
    ) -> None:
        self._live = LiveTools(source, **selection)
        self._api = api
        self._strict = strict

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools as they are now; `tools_for` gives those of a context."""
        return self.tools_for(None)

    def tools_for(self, context: object) -> list[dict[str, Any]]:
        """Return the tools for this context, as `tools=` takes them."""
        return _definitions(self._live.of(context), self._api, strict=self._strict)

    def chat(self, message: Any, *, context: object = None, approved: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the messages that answer an assistant message, a dict or the SDK's object.

        Args:
            message: the assistant message; its tool calls are run one after the other.
            context: what a callable source is given.
            approved: ids of the calls that a person has agreed to.
        """
        tools = self._live.of(context)
        return [_message(call, _answer(tools, call, approved)) for call in _chat_calls(message)]

    def responses(self, output: Any, *, context: object = None, approved: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the input items that answer a response, its output or one as dicts. See `chat` for the keywords."""
        tools = self._live.of(context)
        return [_item(call, _answer(tools, call, approved)) for call in _response_calls(output)]

    async def achat(
        self, message: Any, *, context: object = None, approved: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """Do what `chat` does, with the calls side by side. Cancelling the task ends what they started."""
        calls = _chat_calls(message)
        return list(map(_message, calls, await _answers(self._live.of(context), calls, approved)))

    async def aresponses(
        self, output: Any, *, context: object = None, approved: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """Do what `responses` does, with the calls side by side. Cancelling the task ends what they started."""
        calls = _response_calls(output)
        return list(map(_item, calls, await _answers(self._live.of(context), calls, approved)))


def _definitions(tools: ToolSet, api: Api, *, strict: bool) -> list[dict[str, Any]]:
    if api not in ("chat", "responses"):
        raise ValueError(f'api must be "chat" or "responses", got {api!r}')
    functions = [_function(spec, strict=strict) for spec in tools]
    if api == "chat":
        return [{"type": "function", "function": function} for function in functions]
    return [{"type": "function", **function} for function in functions]


def _function(spec: ToolSpec, *, strict: bool) -> dict[str, Any]:
    parameters: dict[str, Any] = dict(spec.parameters)
    if strict:
        try:
            parameters = strictified(spec.parameters)
        except ValueError:
            strict = False
    return {"name": spec.name, "description": spec.description, "parameters": parameters, "strict": strict}


def _answer(tools: ToolSet, call: _Request, approved: Collection[str]) -> str:
    return tools.call(call.name, call.arguments, approved=call.id in approved).text


async def _answers(tools: ToolSet, calls: list[_Request], approved: Collection[str]) -> list[str]:
    results = await asyncio.gather(
        *(tools.acall(call.name, call.arguments, approved=call.id in approved) for call in calls)
    )
    return [result.text for result in results]


def _message(call: _Request, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call.id, "content": text}


def _item(call: _Request, text: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call.id, "output": text}


def _chat_calls(message: Any) -> list[_Request]:
    calls: Iterable[Any] = _get(message, "tool_calls") or ()
    return [_request(_get(call, "id"), _get(call, "function") or _get(call, "custom")) for call in calls]


def _response_calls(output: Any) -> list[_Request]:
    items: Iterable[Any] = output if isinstance(output, list | tuple) else _get(output, "output") or ()
    return [_request(_get(item, "call_id"), item) for item in items if _get(item, "type") == "function_call"]


def _request(call_id: Any, function: Any) -> _Request:
    return _Request(str(call_id), str(_get(function, "name")), _get(function, "arguments") or "")


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
