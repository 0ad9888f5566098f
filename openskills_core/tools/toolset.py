"""The neutral tools: one definition that every framework's adapter translates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from openskills_core.aio import in_thread
from openskills_core.catalog import DEFAULT_BUDGET
from openskills_core.models import as_strings
from openskills_core.prompt import render
from openskills_core.tools.calling import Request, answer, answered, problems, refusal
from openskills_core.tools.memory import Memory, memories_of
from openskills_core.tools.offer import TOOLS, Offer
from openskills_core.tools.selection import Selection
from openskills_core.tools.skill_tools import activation, preloaded

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from openskills_core.models import SkillInfo
    from openskills_core.tools.conversation import Conversation
    from openskills_core.tools.host import Host
    from openskills_core.tools.spec import ToolResult, ToolSpec

_AnyToolSet = TypeVar("_AnyToolSet", bound="ToolSet")


@dataclass(frozen=True, slots=True)
class _State:
    """All that a ToolSet is; variants of it are made with `replace`."""

    host: Host
    selection: Selection
    catalog_budget: int = DEFAULT_BUDGET
    preload: tuple[str, ...] = ()
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
        return iter(_offer(self._state).specs())

    @property
    def skills(self) -> tuple[SkillInfo, ...]:
        """The skills that a model may use through these tools, sorted by id; none when no tool is about skills."""
        return _offer(self._state).reachable_skills

    def conversation(self, conversation_id: str) -> Conversation:
        """Return the same tools with the memory of one conversation, for example of what is already active.

        An id means the same conversation in every ToolSet of one host, for as long as the host lives.

        Raises:
            TypeError: the id is no text, for example None because there is no checkpointer.
        """
        from openskills_core.tools.conversation import Conversation

        memory = memories_of(self._state.host).of(conversation_id)
        return _made(Conversation, replace(self._state, memory=memory))

    def select(
        self,
        *,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        groups: Sequence[str] | None = None,
        prefix: str = "",
        catalog_budget: int | None = None,
        preload: Sequence[str] | None = None,
    ) -> Self:
        """Return a narrower set. A prefix replaces the one there is; "" keeps it.

        Args:
            include: the only tools wanted, by name without prefix; None is all there are.
            exclude: tools not wanted.
            groups: the only groups wanted; None is all there are.
            prefix: put before every tool's name.
            catalog_budget: how many characters of descriptions the prompt may hold; None keeps what there is.
            preload: ids of skills whose instructions stand in the prompt from the start; None keeps what there is.

        Raises:
            ValueError: for a name or group that does not exist, or a budget below 0.
            TypeError: for a bare string where a sequence is meant, or a budget that is no whole number.
        """
        further = Selection.of(include, exclude, groups=groups, prefix=prefix, known=tuple(TOOLS))
        state = _with_catalog(self._state, catalog_budget, preload)
        return _made(type(self), replace(state, selection=state.selection.narrowed(further)))

    def scoped(self, *, workspace_dir: str | Path) -> ToolSet:
        """Return the same selection over another workspace. Nothing that conversations remember goes along."""
        host = self._state.host.scoped(workspace_dir=workspace_dir)
        return _made(ToolSet, replace(self._state, host=host, memory=None))

    def render_prompt(self, template: str = "system.md.jinja", **context: Any) -> str:
        """Return a prompt about these tools and the skills they reach. With no tool at all the system prompt is "".

        Args:
            template: its name beneath one of the host's `prompt_dirs`, else among the shipped ones.
            context: further values for the template. `catalog_budget` and `preload` are those of `select`, for this
                prompt alone.

        Raises:
            LookupError: when there is no such template.
            SkillNotFoundError: a skill to preload does not exist.
            InvalidSkillError: it is not for models, or cannot be read.
        """
        state = _with_catalog(self._state, context.pop("catalog_budget", None), context.pop("preload", None))
        # The tools on offer do not change with one prompt: it may not name a list_skills that nobody can call.
        offer = _offer(self._state)
        texts = [preloaded(offer, skill_id) for skill_id in state.preload]
        values = {**offer.prompt_context(state.catalog_budget), "preloaded": texts}
        return render(template, {**values, **context}, state.host.prompt_dirs)

    def exposed_name(self, own_name: str) -> str:
        """Return the name under which a model knows one of our tools, withdrawn or not; "" when there is none."""
        return _offer(self._state).name_of(own_name)

    def activate(self, skill_id: str, arguments: str = "") -> ToolResult:
        """Activate a skill on the user's behalf, also one that a model may not start. Never raises.

        The text, a `skill_content` element, belongs into the message that carries the user's request. In a
        conversation the skill counts as active, and its files can be read and its scripts run.
        """
        return self._activate(skill_id, arguments, None)

    async def aactivate(self, skill_id: str, arguments: str = "") -> ToolResult:
        """Do what `activate` does, in a thread. Cancelling the task ends the command of the skill's text that runs."""
        return await in_thread(lambda cancel: self._activate(skill_id, arguments, cancel))

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
        return problems(_offer(self._state), name, arguments)

    def _activate(self, skill_id: str, arguments: str, cancel: threading.Event | None) -> ToolResult:
        offer = _offer(self._state)
        return answered("activate_skill", lambda: activation(offer, skill_id, arguments, by_user=True, cancel=cancel))

    def _startable_skills(self) -> frozenset[str]:
        return frozenset(skill.id for skill in _offer(self._state).skills)

    def _refusal(self, name: str) -> str:
        return refusal(_offer(self._state), name)

    def _answer(self, request: Request) -> ToolResult:
        return answer(_offer(self._state), request)


def _offer(state: _State) -> Offer:
    return Offer(state.host, state.selection, state.memory, state.catalog_budget)


def _made(kind: type[_AnyToolSet], state: _State) -> _AnyToolSet:
    made = object.__new__(kind)
    made._state = state
    return made


def _with_catalog(state: _State, budget: int | None, preload: Sequence[str] | None) -> _State:
    if budget is not None:
        state = replace(state, catalog_budget=_checked(budget))
    return state if preload is None else replace(state, preload=as_strings("preload", preload))


def _checked(budget: int) -> int:
    if isinstance(budget, bool) or not isinstance(budget, int):
        raise TypeError(f"catalog_budget must be a whole number of characters, got {budget!r}")
    if budget < 0:
        raise ValueError(f"catalog_budget must not be below 0, got {budget}")
    return budget
