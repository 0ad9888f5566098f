"""OpenAI: tool definitions and the dispatcher, with the real SDK against a local server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

from openskills_adapters import get_agent_system_prompt
from openskills_adapters.openai import OpenAIDispatcher, create_openai_tools, openai_local_skills
from openskills_core import HostPolicy, OpenSkillRuntime
from tests.adapters.support.openai_server import ScriptedModel, serving
from tests.adapters.support.processes import running, wait_until_running
from tests.tools.cases import ACTIVATED, GREETED, make_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACTIVATE = ("activate_skill", '{"skill": "greet", "arguments": null}')
RUN = (
    "run_skill_script",
    '{"skill": "greet", "script": "scripts/greet.py", "args": ["Ada"], "stdin": null, "timeout_seconds": null}',
)
MIXED = [("read_file", '{"path": "plan.txt"}'), ("nope", "{}"), ("read_file", '{"path": "pl'), ("list_files", "")]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[OpenSkillRuntime]:
    """A runtime with skills and files."""
    with make_runtime(tmp_path) as runtime:
        yield runtime


def client(url: str) -> OpenAI:
    """Return the real SDK's client for the local server."""
    return OpenAI(base_url=url, api_key="none", max_retries=0)


def test_chat_loop_over_the_wire(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Chat Completions: the model activates a skill, runs its script and finishes; strict nulls count as left out."""
    model = ScriptedModel([[ACTIVATE], [RUN], "Done."])
    dispatcher = OpenAIDispatcher(runtime)
    messages: list[Any] = [{"role": "system", "content": get_agent_system_prompt(runtime)}]
    with serving(model) as url, client(url) as openai:
        while True:
            completion = openai.chat.completions.create(model="scripted", messages=messages, tools=dispatcher.tools)  # type: ignore[arg-type]
            message = completion.choices[0].message
            messages.append(message)
            if not message.tool_calls:
                break
            messages += dispatcher.chat(message)
    activated, ran = (message["content"] for message in model.requests[-1]["messages"] if message["role"] == "tool")
    assert (activated, ran) == (ACTIVATED.replace("{skills}", str(tmp_path / "skills")), GREETED)
    assert message.content == "Done."
    assert runtime.workspace.read_text("greeting.txt") == "Hello, Ada!"
    assert model.requests[0]["tools"] == create_openai_tools(runtime)


def test_responses_loop_over_the_wire(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Responses: the same loop with flat tools and output items."""
    model = ScriptedModel([[ACTIVATE], [RUN], "Done."])
    dispatcher = OpenAIDispatcher(runtime, api="responses")
    items: list[Any] = [{"role": "user", "content": "Greet Ada"}]
    with serving(model) as url, client(url) as openai:
        while True:
            response = openai.responses.create(
                model="scripted",
                instructions=runtime.render_prompt(),
                input=items,
                tools=dispatcher.tools,  # type: ignore[arg-type]
            )
            answers = dispatcher.responses(response)
            items += [*response.output, *answers]
            if not answers:
                break
    outputs = [item["output"] for item in model.requests[-1]["input"] if item.get("type") == "function_call_output"]
    assert outputs == [ACTIVATED.replace("{skills}", str(tmp_path / "skills")), GREETED]
    assert response.output_text == "Done."
    assert model.requests[0]["tools"] == create_openai_tools(runtime, api="responses")


def test_sdk_parses_with_our_tools(runtime: OpenSkillRuntime) -> None:
    """`parse` takes strict tools only, so it shows that ours are."""
    with serving(ScriptedModel([[ACTIVATE]])) as url, client(url) as openai:
        completion = openai.chat.completions.parse(
            model="scripted",
            messages=[{"role": "user", "content": "hi"}],
            tools=create_openai_tools(runtime),  # type: ignore[arg-type]
        )
    calls = completion.choices[0].message.tool_calls
    assert calls
    assert calls[0].function.name == "activate_skill"


@pytest.mark.parametrize("awaited", [False, True])
def test_every_call_is_answered_in_order(runtime: OpenSkillRuntime, *, awaited: bool) -> None:
    """Good calls, unknown tools and broken JSON of one turn each get their answer, in both APIs."""
    tools = runtime.tools()
    texts = [tools.call(name, arguments).text for name, arguments in MIXED]
    ids = [f"call_{place}" for place in range(len(MIXED))]
    calls = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, (name, arguments) in zip(ids, MIXED, strict=True)
    ]
    items: list[dict[str, Any]] = [{"type": "reasoning", "id": "rs_1", "summary": []}]
    items += [{"type": "function_call", "call_id": call["id"], **call["function"]} for call in calls]  # type: ignore[dict-item]
    dispatcher = OpenAIDispatcher(runtime)
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    chat = asyncio.run(dispatcher.achat(message)) if awaited else dispatcher.chat(message)
    outputs = asyncio.run(dispatcher.aresponses(items)) if awaited else dispatcher.responses(items)
    assert chat == [
        {"role": "tool", "tool_call_id": call_id, "content": text} for call_id, text in zip(ids, texts, strict=True)
    ]
    assert outputs == [
        {"type": "function_call_output", "call_id": call_id, "output": text}
        for call_id, text in zip(ids, texts, strict=True)
    ]


def test_message_without_calls_has_no_answers(runtime: OpenSkillRuntime) -> None:
    """Final words need no answer."""
    dispatcher = OpenAIDispatcher(runtime)
    assert dispatcher.chat({"role": "assistant", "content": "Done.", "tool_calls": None}) == []
    assert dispatcher.responses([{"type": "message", "role": "assistant", "content": []}]) == []


def test_approved_call_runs_and_the_others_do_not(tmp_path: Path) -> None:
    """The host names the calls that a person agreed to."""
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Bash"])) as runtime:
        calls = [
            {"id": name, "function": {"name": "run_command", "arguments": json.dumps({"command": f"touch {name}"})}}
            for name in ("yes", "no")
        ]
        answers = OpenAIDispatcher(runtime).chat({"tool_calls": calls}, approved=["yes"])
        assert answers[0]["content"].startswith("exit code 0")
        assert [(runtime.workspace.root / name).exists() for name in ("yes", "no")] == [True, False]


def test_dispatcher_asks_a_callable_for_the_tools_of_a_context(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """Each context works in a workspace of its own, with the selection that was made once."""
    dispatcher = OpenAIDispatcher(
        lambda user: runtime.scoped(workspace_dir=tmp_path / user), include=["write_file"], prefix="my_"
    )
    arguments = '{"path": "mine.txt", "content": "x"}'
    call = {"id": "1", "function": {"name": "my_write_file", "arguments": arguments}}
    dispatcher.chat({"tool_calls": [call]}, context="alice")
    assert (tmp_path / "alice" / "mine.txt").read_text() == "x"
    assert [tool["function"]["name"] for tool in dispatcher.tools_for("bob")] == ["my_write_file"]


def test_cancelled_dispatch_leaves_no_process(runtime: OpenSkillRuntime) -> None:
    """When the task that dispatches is cancelled, its script is gone."""

    async def cancel_when_running() -> None:
        call = {"id": "1", "function": {"name": "run_command", "arguments": '{"command": "exec sleep 64.25"}'}}
        task = asyncio.create_task(OpenAIDispatcher(runtime).achat({"tool_calls": [call]}))
        await asyncio.to_thread(wait_until_running, "64.25")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running("64.25") == []

    asyncio.run(cancel_when_running())


def test_definitions_keep_openais_rules(runtime: OpenSkillRuntime) -> None:
    """Strict: closed, all required, optional ones nullable, no defaults. Not strict: the core's own schema."""
    for tool in create_openai_tools(runtime, api="responses"):
        parameters = tool["parameters"]
        assert tool["strict"] is True
        assert parameters["required"] == list(parameters["properties"])
        assert parameters["additionalProperties"] is False
        assert '"default"' not in json.dumps(parameters)
    loose = {tool["function"]["name"]: tool["function"] for tool in create_openai_tools(runtime, strict=False)}
    for spec in runtime.tools():
        assert (loose[spec.name]["parameters"], loose[spec.name]["strict"]) == (spec.parameters, False)
    run = next(tool for tool in create_openai_tools(runtime) if tool["function"]["name"] == "run_command")
    skill = run["function"]["parameters"]["properties"]["skill"]
    assert (skill["type"], skill["enum"]) == (["string", "null"], ["greet", "notes", None])


def test_unknown_api_is_refused(runtime: OpenSkillRuntime) -> None:
    """The error names the two there are."""
    with pytest.raises(ValueError, match='api must be "chat" or "responses", got \'completions\''):
        create_openai_tools(runtime, api="completions")  # type: ignore[arg-type]


def test_local_skills_name_their_folders(runtime: OpenSkillRuntime, tmp_path: Path) -> None:
    """The shell tool mounts the skills that models may use, and no other."""
    environment = openai_local_skills(runtime)["environment"]
    assert environment["type"] == "local"
    assert [(skill["name"], skill["path"]) for skill in environment["skills"]] == [
        ("greet", str(tmp_path / "skills" / "greet")),
        ("notes", str(tmp_path / "skills" / "notes")),
    ]
