"""PydanticAI: tools, toolset and capability, in real agents with a scripted model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pydantic_ai import (
    Agent,
    DeferredToolRequests,
    DeferredToolResults,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolDenied,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from openskills_adapters.pydantic_ai import OpenSkillsCapability, OpenSkillsToolset, create_pydantic_ai_tools
from openskills_core import HostPolicy, OpenSkillRuntime
from tests.adapters.support.processes import running, wait_until_running
from tests.tools.cases import ACTIVATED, GREETED, make_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Turn = list[tuple[str, Any]] | str
ACTIVATE = ("activate_skill", {"skill": "greet"})
RUN = ("run_skill_script", {"skill": "greet", "script": "scripts/greet.py", "args": ["Ada"]})


class Scripted:
    """A model whose turns are tool calls or final words; it keeps what it was shown."""

    def __init__(self, *turns: Turn) -> None:
        self._turns = iter(turns)
        self.infos: list[AgentInfo] = []

    def answer(self, _messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        """Take the next turn."""
        self.infos.append(info)
        turn = next(self._turns)
        if isinstance(turn, str):
            return ModelResponse(parts=[TextPart(turn)])
        return ModelResponse(parts=[ToolCallPart(name, args) for name, args in turn])


def returns(result: Any) -> list[ToolReturnPart]:
    """Return the answers of tools in a run."""
    parts = [part for message in result.all_messages() if isinstance(message, ModelRequest) for part in message.parts]
    return [part for part in parts if isinstance(part, ToolReturnPart)]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[OpenSkillRuntime]:
    """A runtime with skills and files."""
    with make_runtime(tmp_path) as runtime:
        yield runtime


def agent_of(way: str, runtime: OpenSkillRuntime, model: Scripted) -> Agent[None, str]:
    """Return an agent equipped in one of the three ways."""
    if way == "tools":
        return Agent(FunctionModel(model.answer), tools=create_pydantic_ai_tools(runtime))
    if way == "toolset":
        return Agent(FunctionModel(model.answer), toolsets=[OpenSkillsToolset(runtime)])
    return Agent(FunctionModel(model.answer), capabilities=[OpenSkillsCapability(runtime)])


@pytest.mark.parametrize("way", ["tools", "toolset", "capability"])
def test_agent_activates_a_skill_runs_its_script_and_finishes(
    runtime: OpenSkillRuntime, tmp_path: Path, way: str
) -> None:
    """The whole loop in each way of equipping an agent; texts reach the model, data is the metadata."""
    model = Scripted([ACTIVATE], [RUN], "Done.")
    result = asyncio.run(agent_of(way, runtime, model).run("Greet Ada"))
    activated, ran = returns(result)
    assert activated.content == ACTIVATED.replace("{skills}", str(tmp_path / "skills"))
    assert (ran.content, ran.outcome, ran.metadata["output"]) == (GREETED, "success", {"greeted": "Ada"})
    assert result.output == "Done."
    assert runtime.workspace.read_text("greeting.txt") == "Hello, Ada!"
    instructions = [info.instructions or "" for info in model.infos]
    assert instructions == ["" if way == "tools" else runtime.render_prompt()] * 3
    assert [tool.name for tool in model.infos[0].function_tools] == [spec.name for spec in runtime.tools()]


@pytest.mark.parametrize("way", ["toolset", "capability"])
def test_failures_cost_no_retries(runtime: OpenSkillRuntime, way: str) -> None:
    """Many failures in a row, broken JSON among them, are results that the model sees; the run goes on."""
    bad: list[Any] = ['{"path": "x', {"paht": 1}, {"path": "nope"}, {"path": "../x"}, "[1]", {"path": None}]
    model = Scripted(*([("read_file", args)] for args in bad), "Sorry.")
    result = asyncio.run(agent_of(way, runtime, model).run("go"))
    answers = returns(result)
    assert [part.content for part in answers] == [runtime.tools().call("read_file", args).text for args in bad]
    assert {part.outcome for part in answers} == {"failed"}
    assert result.output == "Sorry."


class Crashing(OpenSkillRuntime):
    """A runtime with a fault in it."""

    def read_skill_file(self, skill_id: str, path: str) -> str:
        """Fail as a bug would."""
        raise RuntimeError(f"secret of {skill_id}/{path}")


@pytest.mark.parametrize("way", ["tools", "toolset"])
def test_crash_in_a_tool_does_not_end_the_agent(runtime: OpenSkillRuntime, tmp_path: Path, way: str) -> None:
    """A fault is told by its type alone, and the agent goes on."""
    call = ("read_skill_file", {"skill": "notes", "path": "x"})
    with Crashing.from_directory(tmp_path / "skills", workspace_dir=tmp_path / "ws", audit=runtime.audit) as crashing:
        result = asyncio.run(agent_of(way, crashing, Scripted([call], "Sorry.")).run("go"))
    (answer,) = returns(result)
    assert answer.outcome == "failed"
    assert "RuntimeError" in str(answer.content)
    assert "secret" not in str(answer.content)


def test_cancelled_agent_leaves_no_process(runtime: OpenSkillRuntime) -> None:
    """When the task that runs an agent is cancelled, its script is gone."""

    async def cancel_when_running() -> None:
        agent = agent_of("toolset", runtime, Scripted([("run_command", {"command": "exec sleep 63.25"})], "never"))
        task = asyncio.create_task(agent.run("go"))
        await asyncio.to_thread(wait_until_running, "63.25")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running("63.25") == []

    asyncio.run(cancel_when_running())


@pytest.mark.parametrize("way", ["tools", "toolset"])
@pytest.mark.parametrize("is_approved", [True, False])
def test_person_decides_where_the_policy_asks(tmp_path: Path, way: str, *, is_approved: bool) -> None:
    """A call that needs approval is deferred; approved it runs once, denied not at all."""
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Bash"])) as runtime:
        model = FunctionModel(Scripted([("run_command", {"command": "echo once >> log.txt"})], "ok").answer)
        equipment: dict[str, Any] = {"tools": create_pydantic_ai_tools(runtime)}
        if way == "toolset":
            equipment = {"toolsets": [OpenSkillsToolset(runtime)]}
        agent = Agent(model, output_type=[str, DeferredToolRequests], **equipment)
        paused = asyncio.run(agent.run("go"))
        assert isinstance(paused.output, DeferredToolRequests)
        (call,) = paused.output.approvals
        log = runtime.workspace.root / "log.txt"
        assert not log.exists()
        answer = DeferredToolResults(approvals={call.tool_call_id: True if is_approved else ToolDenied("not now")})
        result = asyncio.run(agent.run(message_history=paused.all_messages(), deferred_tool_results=answer))
        assert result.output == "ok"
        assert (log.exists() and log.read_text()) == (is_approved and "once\n")


def test_wrapped_toolset_still_finds_its_tools(runtime: OpenSkillRuntime) -> None:
    """Another prefix, put on by PydanticAI, and a filter leave the calls working."""
    toolset = OpenSkillsToolset(runtime, prefix="a_", groups=["workspace"]).prefixed("b")
    model = Scripted([("b_a_read_file", {"path": "plan.txt"})], "ok")
    result = asyncio.run(Agent(FunctionModel(model.answer), toolsets=[toolset]).run("go"))
    assert returns(result)[0].content == "one\ntwo\nthree\n"


def test_toolset_asks_a_callable_for_the_tools_of_a_context(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Each user's dependencies choose a workspace of their own."""
    toolset = OpenSkillsToolset(lambda ctx: runtime.scoped(workspace_dir=tmp_path / ctx.deps), include=["write_file"])
    for user in ("alice", "bob"):
        model = Scripted([("write_file", {"path": "mine.txt", "content": "x"})], "ok")
        asyncio.run(Agent(FunctionModel(model.answer), toolsets=[toolset], deps_type=str).run("go", deps=user))
        assert (tmp_path / user / "mine.txt").read_text() == "x"


def test_toolset_without_tools_says_nothing(runtime: OpenSkillRuntime) -> None:
    """An empty selection gives no tool and no instructions."""
    model = Scripted("ok")
    asyncio.run(Agent(FunctionModel(model.answer), toolsets=[OpenSkillsToolset(runtime, include=[])]).run("go"))
    assert (model.infos[0].function_tools, model.infos[0].instructions) == ([], None)
