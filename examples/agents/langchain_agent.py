"""A LangChain agent that profiles a CSV file with a skill: `python langchain_agent.py [SKILLS_DIR] [WORKSPACE]`.

With OPENAI_API_KEY set OPENSKILLS_MODEL takes each step (`pip install langchain-openai`), else a scripted model does.
"""

import os
import sys
from pathlib import Path
from textwrap import indent, shorten
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from openskills_adapters import create_langchain_tools, get_agent_system_prompt
from openskills_core import OpenSkillRuntime

TASK = "Profile sales.csv. What deserves a second look?"
REAL = f"openai:{os.environ.get('OPENSKILLS_MODEL', 'gpt-5-mini')}" if os.environ.get("OPENAI_API_KEY") else ""
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("activate_skill", {"skill": "csv-profile"}),
    ("run_skill_script", {"skill": "csv-profile", "script": "scripts/profile.py", "args": ["sales.csv"]}),
    ("grep", {"pattern": "^- ", "path": "report.md", "limit": 5}),
)


class ScriptedModel(FakeMessagesListChatModel):
    """Plays the model's part: one step a turn, and in the end an answer from what the tools returned."""

    def bind_tools(self, *_args: Any, **_options: Any) -> Any:  # noqa: D102 - a real model is told the tools
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> Any:
        results = [message.text for message in messages if isinstance(message, ToolMessage)]
        calls = [{"name": name, "args": arguments, "id": name} for name, arguments in STEPS[len(results) :][:1]]
        self.responses = [AIMessage("" if calls else f"The report says:\n{results[-1]}", tool_calls=calls)]
        return super()._generate(messages, *args, **options)


def main(skills: str = str(Path(__file__).parents[1] / "skills"), workspace: str = "workspace") -> None:
    """Run the agent and print its steps."""
    print(f"model: {REAL or 'scripted, because OPENAI_API_KEY is not set'}\ntask:  {TASK}")
    with OpenSkillRuntime.from_directory(skills, workspace_dir=workspace) as runtime:
        runtime.workspace.add(f"{skills}/csv-profile/samples/sales.csv")
        tools, prompt = create_langchain_tools(runtime), get_agent_system_prompt(runtime)
        agent = create_agent(REAL or ScriptedModel(responses=[]), tools, system_prompt=prompt)
        for update in agent.stream({"messages": [{"role": "user", "content": TASK}]}, stream_mode="updates"):
            for message in next(iter(update.values()))["messages"]:
                start = "\n".join(message.text.splitlines()[:6])
                print(indent(start, "  ") if message.type == "tool" else f"\n{message.text}".rstrip())
                for call in getattr(message, "tool_calls", ()):
                    print(f"> {call['name']} {shorten(str(call['args']), 100)}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
