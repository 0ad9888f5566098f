"""What adapters are made from: a runtime, a ToolSet, or a callable of the framework's context that returns one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from openskills_core import OpenSkillRuntime, ToolSet

if TYPE_CHECKING:
    from pathlib import Path

Source: TypeAlias = OpenSkillRuntime | ToolSet
LiveSource: TypeAlias = Source | Callable[[Any], Source]


class Selection(TypedDict, total=False):
    """Keywords that every adapter takes.

    Attributes:
        workspace_dir: another workspace than the source's: `source.scoped(workspace_dir=...)`.
        include: the only tools wanted, by name without prefix.
        exclude: tools not wanted.
        groups: the only groups wanted, of "skills", "workspace" and "exec".
        prefix: put before every tool's name.
    """

    workspace_dir: str | Path | None
    include: Sequence[str] | None
    exclude: Sequence[str]
    groups: Sequence[str] | None
    prefix: str


def tools_of(
    source: Source,
    *,
    workspace_dir: str | Path | None = None,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    groups: Sequence[str] | None = None,
    prefix: str = "",
) -> ToolSet:
    """Return the selected tools of a runtime or ToolSet.

    Raises:
        TypeError: when `source` is neither, or a selection is a bare string.
        ValueError: when a selection names a tool or group that does not exist.
    """
    if not isinstance(source, OpenSkillRuntime | ToolSet):
        raise TypeError(f"the source of tools must be an OpenSkillRuntime or a ToolSet, got {type(source).__name__}")
    if workspace_dir is not None:
        source = source.scoped(workspace_dir=workspace_dir)
    tools = source if isinstance(source, ToolSet) else source.tools()
    return tools.select(include=include, exclude=exclude, groups=groups, prefix=prefix)


class LiveTools:
    """The selected tools of a source that may depend on the framework's context.

    `fixed` are the tools of a runtime or ToolSet, None for a callable, which is asked anew each time.
    """

    def __init__(self, source: LiveSource, **selection: Unpack[Selection]) -> None:
        self.fixed: ToolSet | None = None
        if callable(source):
            self._of: Callable[[Any], ToolSet] = lambda context: tools_of(source(context), **selection)
        else:
            self.fixed = fixed = tools_of(source, **selection)
            self._of = lambda _context: fixed

    def of(self, context: object) -> ToolSet:
        """Return the tools for this context of the framework."""
        return self._of(context)


def get_agent_system_prompt(source: Source, **selection: Unpack[Selection]) -> str:
    """Return the system prompt for an agent with the selected tools; "" when it has none. Takes `Selection`'s keywords.

    It names no skill but those in the catalog, and its bytes stay the same while the catalog does.
    """
    return tools_of(source, **selection).render_prompt()
