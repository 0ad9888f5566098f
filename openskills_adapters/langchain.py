"""Tools for LangChain 1.x agents, and for anything else that takes its `BaseTool`.

A failure is a `ToolMessage` with status "error" and the agent goes on. The artifact of a message is `ToolResult.data`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Unpack, cast

from openskills_adapters._deps import missing
from openskills_adapters._source import Selection, Source, tools_of

try:
    from langchain_core.tools import BaseTool, BaseToolkit, StructuredTool, ToolException
except ModuleNotFoundError as error:
    raise missing(error, "create_langchain_tools", "langchain_core", "langchain") from None

from openskills_adapters._langchain_approvals import Approvals
from openskills_adapters._langchain_schema import arguments_model, problems_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_adapters._langchain_middleware import OpenSkillsMiddleware
    from openskills_core import ToolResult, ToolSet, ToolSpec

__all__ = ["OpenSkillsMiddleware", "OpenSkillsToolkit", "create_langchain_tools", "langchain_interrupt_on"]

_approvals = Approvals()
_approved: ContextVar[bool] = ContextVar("openskills_langchain_approved", default=False)


def create_langchain_tools(source: Source, **selection: Unpack[Selection]) -> list[BaseTool]:
    """Return the selected tools of a runtime or ToolSet as LangChain tools. Takes `Selection`'s keywords.

    Raises:
        ValueError: when a selection names a tool or group that does not exist.
    """
    return langchain_tools(tools_of(source, **selection))


def langchain_tools(tools: ToolSet) -> list[BaseTool]:
    """Return these tools as LangChain tools."""
    return [_tool(tools, spec) for spec in tools]


def langchain_interrupt_on(source: Source, **selection: Unpack[Selection]) -> dict[str, Any]:
    """Return `interrupt_on` for `HumanInTheLoopMiddleware`: the tools for which the policy wants a person asked.

    A call that the middleware asked about and that then runs was approved: the tool runs it as such, once.
    """
    config = {"allowed_decisions": ["approve", "reject"], "description": _approvals.describe}
    return {spec.name: dict(config) for spec in tools_of(source, **selection) if spec.requires_approval}


class OpenSkillsToolkit(BaseToolkit):
    """The selected tools of a runtime or ToolSet as a LangChain toolkit. Takes `Selection`'s keywords."""

    _tools: list[BaseTool]

    def __init__(self, source: Source, **selection: Unpack[Selection]) -> None:
        super().__init__()
        self._tools = create_langchain_tools(source, **selection)

    def get_tools(self) -> list[BaseTool]:
        """Return the tools."""
        return list(self._tools)


class _OpenSkillsTool(StructuredTool):
    """A tool that knows whether its call was approved; only `invoke` is told which call it is."""

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:  # noqa: A002 - LangChain's name
        with _serving(input, config):
            return super().invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:  # noqa: A002 - LangChain's name
        with _serving(input, config):
            return await super().ainvoke(input, config, **kwargs)


@contextmanager
def _serving(call: object, config: Any) -> Iterator[None]:
    is_tool_call = isinstance(call, dict) and call.get("type") == "tool_call"
    token = _approved.set(is_tool_call and _approvals.take(cast("dict[str, Any]", call), config))
    try:
        yield
    finally:
        _approved.reset(token)


def _tool(tools: ToolSet, spec: ToolSpec) -> BaseTool:
    def run(**arguments: Any) -> tuple[str, Any]:
        return _translated(tools.call(spec.name, arguments, approved=_approved.get()))

    async def arun(**arguments: Any) -> tuple[str, Any]:
        return _translated(await tools.acall(spec.name, arguments, approved=_approved.get()))

    return _OpenSkillsTool(
        name=spec.name,
        description=spec.description,
        args_schema=arguments_model(tools, spec),
        func=run,
        coroutine=arun,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=problems_in,
        tags=["openskills", spec.group],
        metadata={"openskills": {**asdict(spec.annotations), "requires_approval": spec.requires_approval}},
    )


def _translated(result: ToolResult) -> tuple[str, Any]:
    if result.is_error:
        raise ToolException(result.text)
    return result.text, result.data or {}


def __getattr__(name: str) -> Any:
    """The middleware needs the `langchain` package, which doubles the time an import takes; tools do not."""
    if name != "OpenSkillsMiddleware":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from openskills_adapters._langchain_middleware import OpenSkillsMiddleware

    return OpenSkillsMiddleware
