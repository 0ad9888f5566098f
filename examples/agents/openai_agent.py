"""An agent on the OpenAI SDK that summarises a log with a skill: `python openai_agent.py [SKILLS_DIR] [WORKSPACE]`.

With OPENAI_API_KEY set OPENSKILLS_MODEL takes each step (`pip install openai`), else a scripted model does.
"""

import json
import os
import sys
from pathlib import Path
from textwrap import indent, shorten
from types import SimpleNamespace as Stub
from typing import Any

from openskills_adapters import OpenAIDispatcher, get_agent_system_prompt
from openskills_core import OpenSkillRuntime

TASK = "What went wrong in app.jsonl, and where? Keep a summary in log-summary.md."
REAL = os.environ.get("OPENSKILLS_MODEL", "gpt-5-mini") if os.environ.get("OPENAI_API_KEY") else ""
if REAL:
    from openai import OpenAI


def scripted_create(messages: list[Any], **_request: Any) -> Any:
    """Play the model's part: one step a turn, and in the end an answer from what the tools returned."""
    results = [message["content"] for message in messages if message["role"] == "tool"]
    summary = "".join(results[1:2]).partition("stdout:\n")[2]
    skill = {"skill": "log-summary"}
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("activate_skill", skill),
        ("run_skill_script", {**skill, "script": "scripts/summarize.py", "args": ["app.jsonl", "--by", "path"]}),
        ("run_skill_script", {**skill, "script": "scripts/tail_errors.sh", "args": ["app.jsonl", "1"]}),
        ("write_file", {"path": "log-summary.md", "content": summary}),
    )
    calls = [{"name": name, "arguments": json.dumps(arguments)} for name, arguments in steps[len(results) :][:1]]
    tool_calls = [{"id": f"call-{len(results)}", "type": "function", "function": call} for call in calls]
    answer = {"tool_calls": tool_calls} if calls else {"content": f"{summary}\n\nThe last error:\n{results[2]}"}
    return Stub(choices=[Stub(message=Stub(model_dump=lambda **_: {"role": "assistant", **answer}))])


def main(skills: str = str(Path(__file__).parents[1] / "skills"), workspace: str = "workspace") -> None:
    """Let the model call tools until it answers, and print its steps."""
    print(f"model: {REAL or 'scripted, because OPENAI_API_KEY is not set'}\ntask:  {TASK}")
    client: Any = OpenAI() if REAL else Stub(chat=Stub(completions=Stub(create=scripted_create)))
    with OpenSkillRuntime.from_directory(skills, workspace_dir=workspace) as runtime:
        runtime.workspace.add(f"{skills}/log-summary/samples/app.jsonl")
        dispatcher, prompt = OpenAIDispatcher(runtime), get_agent_system_prompt(runtime)
        messages: list[Any] = [{"role": "system", "content": prompt}, {"role": "user", "content": TASK}]
        while messages[-1]["role"] != "assistant":
            completion = client.chat.completions.create(model=REAL, messages=messages, tools=dispatcher.tools)
            message = completion.choices[0].message.model_dump(exclude_none=True)
            messages += [message, *(results := dispatcher.chat(message))]
            for call, result in zip(message.get("tool_calls", ()), results, strict=True):
                print(f"\n> {call['function']['name']} {shorten(call['function']['arguments'], 100)}")
                print(indent("\n".join(result["content"].splitlines()[:6]), "  "))
        print(f"\n{messages[-1]['content']}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
