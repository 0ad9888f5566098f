"""LangChain: tools, toolkit, middleware and approvals, in real agents with a scripted model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from openskills_adapters.langchain import (
    OpenSkillsMiddleware,
    OpenSkillsToolkit,
    create_langchain_tools,
    langchain_interrupt_on,
)
from openskills_core import HostPolicy, OpenSkillRuntime
from tests.adapters.support.processes import running, wait_until_running
from tests.tools.cases import ACTIVATED, GREETED, make_runtime, write_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ACTIVATE = ("activate_skill", {"skill": "greet"})
RUN = ("run_skill_script", {"skill": "greet", "script": "scripts/greet.py", "args": ["Ada"]})


class Scripted(FakeMessagesListChatModel):
    """A chat model that says its lines and keeps what it was shown."""

    seen: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies defaults
    bound: list[list[dict[str, Any]]] = []  # noqa: RUF012 - pydantic copies defaults

    def bind_tools(self, tools: Sequence[Any], **_options: Any) -> Any:
        """Remember the tools as a provider would be sent them."""
        self.bound.append([convert_to_openai_tool(tool) for tool in tools])
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        self.seen.append(list(messages))
        return super()._generate(messages, *args, **kwargs)


def scripted(*turns: list[tuple[str, dict[str, Any]]] | str) -> Scripted:
    """Return a model whose turns are tool calls or final words."""
    messages: list[BaseMessage] = []
    for number, turn in enumerate(turns):
        calls = [] if isinstance(turn, str) else turn
        tool_calls = [
            {"name": name, "args": args, "id": f"call_{number}_{place}", "type": "tool_call"}
            for place, (name, args) in enumerate(calls)
        ]
        messages.append(AIMessage(turn if isinstance(turn, str) else "", tool_calls=tool_calls))
    return Scripted(responses=messages)


def tool_messages(state: dict[str, Any]) -> list[ToolMessage]:
    """Return the answers of tools in an agent's final state."""
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


ASK: Any = {"messages": [HumanMessage("Greet Ada")]}


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[OpenSkillRuntime]:
    """A runtime with skills and files."""
    with make_runtime(tmp_path) as runtime:
        yield runtime


@pytest.mark.parametrize("awaited", [False, True])
def test_agent_activates_a_skill_runs_its_script_and_finishes(
    runtime: OpenSkillRuntime, tmp_path: Path, *, awaited: bool
) -> None:
    """The whole loop, called and awaited: texts reach the model, data is the artifact, the file is there."""
    agent = create_agent(scripted([ACTIVATE], [RUN], "Done."), create_langchain_tools(runtime))
    state = asyncio.run(agent.ainvoke(ASK)) if awaited else agent.invoke(ASK)
    activated, ran = tool_messages(state)
    assert activated.text == ACTIVATED.replace("{skills}", str(tmp_path / "skills"))
    assert (ran.text, ran.status, ran.artifact["output"]) == (GREETED, "success", {"greeted": "Ada"})
    assert state["messages"][-1].text == "Done."
    assert runtime.workspace.read_text("greeting.txt") == "Hello, Ada!"


def test_failures_do_not_end_the_agent(runtime: OpenSkillRuntime) -> None:
    """Wrong arguments, unknown tools and refused paths are messages with status "error", and the agent goes on."""
    calls = [("read_file", {"paht": "x"}), ("nope", {}), ("read_file", {"path": "/etc/passwd"})]
    agent = create_agent(scripted(calls, "Sorry."), create_langchain_tools(runtime))
    state = agent.invoke(ASK)
    wrong, unknown, refused = tool_messages(state)
    assert [message.status for message in (wrong, unknown, refused)] == ["error"] * 3
    assert wrong.text == runtime.tools().call(*calls[0]).text
    assert "nope" in unknown.text
    assert "leads outside" in refused.text
    assert state["messages"][-1].text == "Sorry."


class Crashing(OpenSkillRuntime):
    """A runtime with a fault in it."""

    def read_skill_file(self, skill_id: str, path: str) -> str:
        """Fail as a bug would."""
        raise RuntimeError(f"secret of {skill_id}/{path}")


def test_crash_in_a_tool_does_not_end_the_agent(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """A fault is told by its type alone, and the agent goes on."""
    with Crashing.from_directory(tmp_path / "skills", workspace_dir=tmp_path / "ws", audit=runtime.audit) as crashing:
        tools = create_langchain_tools(crashing)
        call = ("read_skill_file", {"skill": "notes", "path": "x"})
        state = create_agent(scripted([call], "Sorry."), tools).invoke(ASK)
    (message,) = tool_messages(state)
    assert (message.status, "RuntimeError" in message.text, "secret" in message.text) == ("error", True, False)


def test_parallel_calls_are_answered_in_order(runtime: OpenSkillRuntime) -> None:
    """Calls of one turn run side by side and keep their ids."""
    calls: list[tuple[str, dict[str, Any]]] = [("run_command", {"command": f"echo {n}"}) for n in range(4)]
    state = create_agent(scripted(calls, "ok"), create_langchain_tools(runtime)).invoke(ASK)
    messages = tool_messages(state)
    assert [message.text for message in messages] == [f"exit code 0\nstdout:\n{n}" for n in range(4)]
    assert [message.tool_call_id for message in messages] == [f"call_0_{n}" for n in range(4)]


def test_cancelled_agent_leaves_no_process(runtime: OpenSkillRuntime) -> None:
    """When the task that runs an agent is cancelled, its script is gone."""

    async def cancel_when_running() -> None:
        model = scripted([("run_command", {"command": "exec sleep 62.25"})], "never")
        task = asyncio.create_task(create_agent(model, create_langchain_tools(runtime)).ainvoke(ASK))
        await asyncio.to_thread(wait_until_running, "62.25")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running("62.25") == []

    asyncio.run(cancel_when_running())


def test_schema_given_to_providers_is_the_cores(runtime: OpenSkillRuntime) -> None:
    """Properties, enums, bounds and required names arrive as the core has them; optional ones show their default."""
    specs = {spec.name: spec for spec in runtime.tools()}
    for tool in create_langchain_tools(runtime):
        function = convert_to_openai_tool(tool)["function"]
        wanted = specs[tool.name]
        assert function["description"] == wanted.description
        assert function["parameters"].get("required", []) == wanted.parameters["required"]
        for name, schema in wanted.parameters["properties"].items():
            given = {"default": schema.get("default")} if name not in wanted.parameters["required"] else {}
            assert function["parameters"]["properties"][name] == {**schema, **given}


def test_toolkit_and_selection(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """A toolkit gives the selected tools under their prefix, over the workspace that was named."""
    other = write_workspace(tmp_path / "other")
    tools = OpenSkillsToolkit(runtime, workspace_dir=other, groups=["workspace"], prefix="ws_").get_tools()
    by_name = {tool.name: tool for tool in tools}
    assert len(by_name) == 7
    by_name["ws_write_file"].invoke({"path": "a.txt", "content": "x"})
    assert (other / "a.txt").read_text() == "x"
    metadata = by_name["ws_read_file"].metadata
    assert metadata is not None
    assert metadata["openskills"]["read_only"] is True


def system_texts(model: Scripted) -> list[str]:
    """Return the system message of each request."""
    firsts = [messages[0] for messages in model.seen]
    return [first.text if isinstance(first, SystemMessage) else "" for first in firsts]


@pytest.mark.parametrize("given", [None, "You are kind."])
def test_middleware_brings_tools_and_catalog(runtime: OpenSkillRuntime, given: str | None) -> None:
    """One object equips an agent; the catalog comes once, after the host's own prompt, the same in every turn."""
    model = scripted([ACTIVATE], [RUN], "Done.")
    agent = create_agent(model, system_prompt=given, middleware=[OpenSkillsMiddleware(runtime)])
    state = agent.invoke(ASK)
    expected = "\n\n".join(part for part in (given, runtime.render_prompt()) if part)
    assert system_texts(model) == [expected] * 3
    assert tool_messages(state)[1].text == GREETED
    names = [tool["function"]["name"] for tool in model.bound[-1]]
    assert names == [spec.name for spec in runtime.tools()]


def test_middleware_sees_a_skill_that_was_added(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """A skill written during the conversation is in the next turn's prompt and can be activated at once."""
    write = "mkdir -p late && printf -- '---\\nname: late\\ndescription: New.\\n---\\nHere now.' > late/SKILL.md"
    with runtime.scoped(workspace_dir=tmp_path / "skills") as inside:
        model = scripted([("run_command", {"command": write})], [("activate_skill", {"skill": "late"})], "ok")
        state = asyncio.run(create_agent(model, middleware=[OpenSkillsMiddleware(inside)]).ainvoke(ASK))
    texts = system_texts(model)
    assert ["<name>late</name>" in text for text in texts] == [False, True, True]
    assert "Here now." in tool_messages(state)[1].text


def test_middleware_asks_a_callable_for_the_tools_of_a_context(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Each user works in a workspace of their own."""

    def for_user(context: Any) -> OpenSkillRuntime:
        return runtime.scoped(workspace_dir=tmp_path / context.context["user"])

    middleware = OpenSkillsMiddleware(for_user, include=["write_file"])
    call = ("write_file", {"path": "mine.txt", "content": "x"})
    for user in ("alice", "bob"):
        agent = create_agent(scripted([call], "ok"), middleware=[middleware], context_schema=dict)
        (message,) = tool_messages(agent.invoke(ASK, context={"user": user}))
        assert message.status == "success"
        assert (tmp_path / user / "mine.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("decision", "expected"),
    [({"type": "approve"}, "success"), ({"type": "reject", "message": "not now"}, "error")],
)
def test_person_decides_where_the_policy_asks(tmp_path: Path, decision: dict[str, str], expected: str) -> None:
    """A rejected command does not run; an approved one runs once, though the host has no approver of its own."""
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Bash"])) as runtime:
        interrupt_on = langchain_interrupt_on(runtime)
        assert sorted(interrupt_on) == ["run_command", "run_skill_script"]
        model = scripted([("run_command", {"command": "echo once >> log.txt"})], "ok")
        agent = create_agent(
            model,
            create_langchain_tools(runtime),
            middleware=[HumanInTheLoopMiddleware(interrupt_on=interrupt_on)],
            checkpointer=InMemorySaver(),
        )
        config: Any = {"configurable": {"thread_id": f"approval-{expected}"}}
        paused = agent.invoke(ASK, config)
        (question,) = paused["__interrupt__"][0].value["action_requests"]
        assert "echo once >> log.txt" in question["description"]
        assert not (runtime.workspace.root / "log.txt").exists()
        state = agent.invoke(Command(resume={"decisions": [decision]}), config)
        (message,) = tool_messages(state)
        log = runtime.workspace.root / "log.txt"
        assert (message.status, log.exists() and log.read_text()) == (expected, expected == "success" and "once\n")


def test_without_a_person_what_needs_approval_is_refused(tmp_path: Path) -> None:
    """An agent that lacks the human-in-the-loop middleware cannot run what the policy asks about."""
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Bash"])) as runtime:
        langchain_interrupt_on(runtime)
        model = scripted([("run_command", {"command": "echo never > log.txt"})], "ok")
        (message,) = tool_messages(create_agent(model, create_langchain_tools(runtime)).invoke(ASK))
        assert (message.status, (runtime.workspace.root / "log.txt").exists()) == ("error", False)
