"""Conversations in real agents with scripted models: skills outlive a compaction, and turns end with the user's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic_ai import Agent, ModelMessage
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.models.function import FunctionModel

from openskills_adapters.langchain import OpenSkillsMiddleware
from openskills_adapters.pydantic_ai import OpenSkillsCapability
from openskills_core import OpenSkillRuntime
from tests.adapters.test_langchain_adapter import scripted, system_texts, tool_messages
from tests.adapters.test_pydantic_ai_adapter import Scripted, returns
from tests.tools.cases import ACTIVATED, make_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACTIVATE = ("activate_skill", {"skill": "greet"})
CAREFUL = ("activate_skill", {"skill": "careful"})
WRITE = ("write_file", {"path": "made.txt", "content": "x"})
NOTE = "The skill greet is already active in this conversation; follow the instructions you have."
STILL = "These skills were activated earlier in this conversation and are still active:"
THREAD: Any = {"configurable": {"thread_id": "t1"}}


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[OpenSkillRuntime]:
    """A runtime with skills, one of which wants no files written."""
    with make_runtime(tmp_path) as runtime:
        (tmp_path / "skills" / "careful").mkdir()
        text = "---\nname: careful\ndescription: d\ndisallowed-tools: Write\n---\nOnly look.\n"
        (tmp_path / "skills" / "careful" / "SKILL.md").write_text(text)
        yield runtime


def ask(text: str) -> Any:
    """Return what an agent of LangChain is given for one message of the user."""
    return {"messages": [HumanMessage(text)]}


def of_thread(runtime: OpenSkillRuntime) -> OpenSkillsMiddleware:
    """Return a middleware that remembers by LangGraph's thread."""
    return OpenSkillsMiddleware(lambda context: runtime.tools().conversation(context.execution_info.thread_id))


def test_langchain_skill_outlives_a_summarization(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """When its message is gone the instructions stand in the system message, and activating it again is a note."""
    model = scripted([ACTIVATE], "Ready.", [ACTIVATE], "Hello.")
    summarizer = SummarizationMiddleware(
        FakeListChatModel(responses=["They greet."]), trigger=("messages", 5), keep=("messages", 1)
    )
    agent = create_agent(model, middleware=[summarizer, of_thread(runtime)], checkpointer=InMemorySaver())
    agent.invoke(ask("Get ready"), THREAD)
    state = agent.invoke(ask("Greet Ada"), THREAD)
    content = ACTIVATED.replace("{skills}", str(tmp_path / "skills"))
    prompt = runtime.render_prompt()
    attached = f"{prompt}\n\n{STILL}\n\n{content}"
    assert system_texts(model) == [prompt, prompt, attached, attached]
    assert "They greet." in model.seen[2][1].text
    assert all(content not in message.text for message in model.seen[2][1:])
    assert [message.text for message in tool_messages(state)] == [NOTE]


def test_langchain_turn_ends_with_the_next_message(runtime: OpenSkillRuntime) -> None:
    """What a skill withdrew is refused and not offered in that turn, and back in the next one."""
    model = scripted([CAREFUL], [WRITE], "No.", [WRITE], "Done.")
    agent = create_agent(model, middleware=[of_thread(runtime)], checkpointer=InMemorySaver())
    first = agent.invoke(ask("Look"), THREAD)
    assert not (runtime.workspace.root / "made.txt").exists()
    second = agent.invoke(ask("Now write"), THREAD)
    results = [message.text for message in tool_messages(second)]
    assert "the active skill careful lists Write in its disallowed-tools" in tool_messages(first)[1].text
    assert results[-1] == "Wrote made.txt (1 byte)."
    offered = ["write_file" in [tool["function"]["name"] for tool in bound] for bound in model.bound]
    assert offered == [True, False, False, True, True]


def test_langchain_summary_is_no_turn(runtime: OpenSkillRuntime) -> None:
    """A summary made while tools run takes the place of the user's message; the turn goes on."""
    model = scripted([CAREFUL], [WRITE], "No.")
    summarizer = SummarizationMiddleware(
        FakeListChatModel(responses=["They look."]), trigger=("messages", 3), keep=("messages", 2)
    )
    agent = create_agent(model, middleware=[summarizer, of_thread(runtime)], checkpointer=InMemorySaver())
    agent.invoke(ask("Look"), THREAD)
    assert "They look." in model.seen[1][1].text
    assert not (runtime.workspace.root / "made.txt").exists()


def test_langchain_thread_goes_on_in_another_process(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """A runtime that has seen nothing of a thread learns from its messages what is active."""
    saver = InMemorySaver()
    create_agent(scripted([ACTIVATE], "Ready."), middleware=[of_thread(runtime)], checkpointer=saver).invoke(
        ask("Get ready"), THREAD
    )
    with OpenSkillRuntime.from_directory(tmp_path / "skills", audit=runtime.audit) as other:
        agent = create_agent(scripted([ACTIVATE], "Hi."), middleware=[of_thread(other)], checkpointer=saver)
        state = agent.invoke(ask("Greet"), THREAD)
    assert tool_messages(state)[-1].text == NOTE


def test_what_the_user_starts_belongs_to_the_message_that_follows(runtime: OpenSkillRuntime) -> None:
    """A host activates a skill, sends its text with the request, and the skill holds for that turn."""
    tools = runtime.tools().conversation("t1")
    model = scripted("Hello.", [WRITE], "No.", [WRITE], "Done.")
    agent = create_agent(model, middleware=[OpenSkillsMiddleware(tools)], checkpointer=InMemorySaver())
    agent.invoke(ask("Hi"), THREAD)
    agent.invoke(ask(tools.activate("careful").text + "\n\nLook"), THREAD)
    assert not (runtime.workspace.root / "made.txt").exists()
    agent.invoke(ask("Now write"), THREAD)
    assert (runtime.workspace.root / "made.txt").exists()
    assert system_texts(model)[-1] == runtime.render_prompt()


def last_two(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Forget all but the latest messages, as a history processor may."""
    return messages[-2:] if len(messages) > 4 else messages


def test_pydantic_ai_skill_outlives_a_history_processor(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """When its message is gone the instructions stand with the agent's, and activating it again is a note."""
    model = Scripted([ACTIVATE], "Ready.", [ACTIVATE], "Hello.")
    capability = OpenSkillsCapability(lambda context: runtime.tools().conversation(context.conversation_id))
    agent = Agent(FunctionModel(model.answer), capabilities=[capability, ProcessHistory(last_two)])
    first = asyncio.run(agent.run("Get ready"))
    second = asyncio.run(agent.run("Greet Ada", message_history=first.all_messages()))
    content = ACTIVATED.replace("{skills}", str(tmp_path / "skills"))
    prompt = runtime.render_prompt()
    attached = f"{prompt}\n\n{STILL}\n\n{content}"
    instructions = [info.instructions for info in model.infos]
    assert instructions == [prompt, prompt, attached, attached]
    assert [part.content for part in returns(second)] == [NOTE]


def test_pydantic_ai_turn_is_a_run(runtime: OpenSkillRuntime) -> None:
    """What a skill withdrew is not offered in that run, and back in the next one."""
    model = Scripted([CAREFUL], "Looked.", [WRITE], "Done.")
    tools = runtime.tools().conversation("c1")
    agent = Agent(FunctionModel(model.answer), capabilities=[OpenSkillsCapability(tools)])
    first = asyncio.run(agent.run("Look"))
    asyncio.run(agent.run("Now write", message_history=first.all_messages()))
    offered = ["write_file" in [tool.name for tool in info.function_tools] for info in model.infos]
    assert offered == [True, False, True, True]
    assert runtime.workspace.read_text("made.txt") == "x"
