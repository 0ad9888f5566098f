"""A PydanticAI agent that checks a handbook with a skill: `python pydantic_ai_agent.py [SKILLS_DIR] [WORKSPACE]`.

With OPENAI_API_KEY set OPENSKILLS_MODEL takes each step (`pip install openai`), else a scripted model does.
"""

import asyncio
import os
import sys
from pathlib import Path
from textwrap import indent, shorten

from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from openskills_adapters import create_pydantic_ai_tools, get_agent_system_prompt
from openskills_core import OpenSkillRuntime

TASK = "Check the Markdown files in handbook, write what is wrong to handbook-problems.txt, and sum up."
REAL = f"openai-chat:{os.environ.get('OPENSKILLS_MODEL', 'gpt-5-mini')}" if os.environ.get("OPENAI_API_KEY") else ""


def scripted_model(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Play the model's part: one step a turn, and in the end an answer from what the tools returned."""
    parts = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
    results = [str(part.content) for part in parts]
    problems = [line for line in "".join(results[1:2]).splitlines() if ".md:" in line]
    steps = (
        ("activate_skill", {"skill": "markdown-check"}),
        ("run_skill_script", {"skill": "markdown-check", "script": "scripts/check.py", "args": ["handbook"]}),
        ("write_file", {"path": "handbook-problems.txt", "content": "\n".join(problems)}),
        ("grep", {"pattern": "missing-file|missing-anchor", "path": "handbook-problems.txt"}),
    )
    if len(results) < len(steps):
        return ModelResponse(parts=[ToolCallPart(*steps[len(results)])])
    return ModelResponse(parts=[TextPart(f"{len(problems)} problems. Readers will meet these first:\n{results[-1]}")])


async def main(skills: str = str(Path(__file__).parents[1] / "skills"), workspace: str = "workspace") -> None:
    """Run the agent and print its steps."""
    print(f"model: {REAL or 'scripted, because OPENAI_API_KEY is not set'}\ntask:  {TASK}")
    with OpenSkillRuntime.from_directory(skills, workspace_dir=workspace) as runtime:
        runtime.workspace.add(f"{skills}/markdown-check/samples/handbook")
        tools, prompt = create_pydantic_ai_tools(runtime), get_agent_system_prompt(runtime)
        async with Agent(REAL or FunctionModel(scripted_model), tools=tools, instructions=prompt).iter(TASK) as run:
            async for node in run:
                message = getattr(node, "model_response", None) or getattr(node, "request", None)
                for part in message.parts if message else ():
                    if isinstance(part, ToolCallPart):
                        print(f"\n> {part.tool_name} {shorten(str(part.args), 100)}")
                    elif isinstance(part, ToolReturnPart):
                        print(indent("\n".join(str(part.content).splitlines()[:6]), "  "))
        print(f"\n{run.result.output if run.result else 'no answer'}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
