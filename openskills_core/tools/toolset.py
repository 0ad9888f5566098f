"""The neutral tools: one definition that every framework's adapter translates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from openskills_core.aio import in_thread
from openskills_core.prompt import render
from openskills_core.tools.calling import Request, answer, problems
from openskills_core.tools.memory import Memories, Memory
from openskills_core.tools.offer import TOOLS, Offer
from openskills_core.tools.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from openskills_core.models import SkillInfo
    from openskills_core.tools.host import Host
    from openskills_core.tools.spec import ToolResult, ToolSpec


@dataclass(frozen=True, slots=True)
class _State:
    """All that a ToolSet is; variants of it are made with `replace`."""

    host: Host
    selection: Selection
    memories: Memories = field(default_factory=Memories)
    memory: Memory | None = None


class ToolSet:
    """The tools that a host's catalog, policy and selection leave, and how to call them.

    Iterating looks at the catalog anew each time and gives `ToolSpec`s in a fixed order. Calls are safe from several
    threads. Without `conversation` nothing is remembered between calls.

    Args:
        host: usually an `OpenSkillRuntime`.
        include: the only tools wanted, by name without prefix; None is all.
        exclude: tools not wanted.
        groups: the only groups wanted, of "skills", "workspace" and "exec"; None is all.
        prefix: put before every tool's name.

    Raises:
        ValueError: for a name or group that does not exist.
        TypeError: for a bare string where a sequence of names is meant.
    """

    __slots__ = ("_state",)

    def __init__(
        self,
        host: Host,
        *,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        groups: Sequence[str] | None = None,
        prefix: str = "",
    ) -> None:
        selection = Selection.of(include, exclude, groups=groups, prefix=prefix, known=tuple(TOOLS))
        self._state = _State(host, selection)

    def __iter__(self) -> Iterator[ToolSpec]:
        return iter(self._offer().specs())

    @property
    def skills(self) -> tuple[SkillInfo, ...]:
        """The skills that a model may use through these tools, sorted by id; none when no tool is about skills."""
        return self._offer().reachable_skills

    def conversation(self, conversation_id: str) -> ToolSet:
        """Return the same tools with the memory of one conversation, for example of what is already active."""
        return self._with(memory=self._state.memories.of(conversation_id))

    def select(
        self,
        *,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        groups: Sequence[str] | None = None,
        prefix: str = "",
    ) -> ToolSet:
        """Return a narrower set. A prefix replaces the one there is; "" keeps it.

        Raises:
            ValueError: for a name or group that does not exist.
            TypeError: for a bare string where a sequence of names is meant.
        """
        further = Selection.of(include, exclude, groups=groups, prefix=prefix, known=tuple(TOOLS))
        return self._with(selection=self._state.selection.narrowed(further))

    def scoped(self, *, workspace_dir: str | Path) -> ToolSet:
        """Return the same selection over another workspace. Nothing that conversations remember goes along."""
        host = self._state.host.scoped(workspace_dir=workspace_dir)
        return self._with(host=host, memories=Memories(), memory=None)

    def render_prompt(self, template: str = "system.md.jinja", **context: object) -> str:
        """Return a prompt about these tools and the skills they reach. With no tool at all the system prompt is "".

        Raises:
            LookupError: when there is no such template.
        """
        return render(template, {**self._offer().prompt_context(), **context}, self._state.host.prompt_dirs)

    def call(self, name: str, arguments: Mapping[str, Any] | str, *, approved: bool = False) -> ToolResult:
        """Run one tool and return what to tell the model. Never raises; whatever goes wrong is a result.

        Args:
            name: the tool's name, prefix included.
            arguments: a JSON object, as a dict or as JSON text.
            approved: a person has agreed to this call already. It turns the policy's "ask", never its "deny", into
                permission for this once.
        """
        return self._answer(Request(name, arguments, approved))

    async def acall(self, name: str, arguments: Mapping[str, Any] | str, *, approved: bool = False) -> ToolResult:
        """Do what `call` does, in a thread. Cancelling the task ends whatever the call started before it returns."""
        return await in_thread(lambda cancel: self._answer(Request(name, arguments, approved, cancel)))

    def problems(self, name: str, arguments: object) -> str:
        """Return what is wrong with a call's arguments, in the words `call` would answer with; "" when nothing is."""
        return problems(self._offer(), name, arguments)

    def _answer(self, request: Request) -> ToolResult:
        return answer(self._offer(), request, self._state.memory)

    def _offer(self) -> Offer:
        return Offer(self._state.host, self._state.selection)

    def _with(self, **changes: Any) -> ToolSet:
        other = object.__new__(ToolSet)
        other._state = replace(self._state, **changes)
        return other
