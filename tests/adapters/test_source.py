"""What adapters can be made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openskills_adapters import create_openai_tools, get_agent_system_prompt
from openskills_adapters.langchain import create_langchain_tools
from openskills_adapters.openai import OpenAIDispatcher
from openskills_adapters.pydantic_ai import create_pydantic_ai_tools
from tests.tools.cases import make_runtime

if TYPE_CHECKING:
    from pathlib import Path

CREATE: dict[str, Any] = {
    "langchain": lambda source, **selection: [tool.name for tool in create_langchain_tools(source, **selection)],
    "pydantic_ai": lambda source, **selection: [tool.name for tool in create_pydantic_ai_tools(source, **selection)],
    "openai": lambda source, **selection: [
        tool["function"]["name"] for tool in create_openai_tools(source, **selection)
    ],
}


@pytest.mark.parametrize("framework", CREATE)
def test_selection_means_the_same_everywhere(tmp_path: Path, framework: str) -> None:
    """A runtime or a ToolSet, narrowed by the same keywords, gives the same names in each framework."""
    create = CREATE[framework]
    with make_runtime(tmp_path) as runtime:
        assert create(runtime) == [spec.name for spec in runtime.tools()]
        tools = runtime.tools(groups=["workspace", "exec"], prefix="a_")
        assert create(tools, exclude=["glob"], include=["glob", "grep", "activate_skill"]) == ["a_grep"]
        with pytest.raises(ValueError, match="include names unknown reed_file"):
            create(runtime, include=["reed_file"])
        with pytest.raises(TypeError, match="unexpected keyword argument 'exlude'"):
            create(runtime, exlude=["run_command"])
        with pytest.raises(TypeError, match="must be an OpenSkillRuntime or a ToolSet, got PosixPath"):
            create(tmp_path)


def test_source_may_be_a_toolset_in_another_workspace(tmp_path: Path) -> None:
    """`workspace_dir` scopes a ToolSet as it scopes a runtime."""
    with make_runtime(tmp_path) as runtime:
        dispatcher = OpenAIDispatcher(runtime.tools(include=["write_file"]), workspace_dir=tmp_path / "alice")
        call = {"id": "1", "function": {"name": "write_file", "arguments": '{"path": "a", "content": "x"}'}}
        dispatcher.chat({"tool_calls": [call]})
    assert (tmp_path / "alice" / "a").read_text() == "x"


def test_prompt_knows_the_selection(tmp_path: Path) -> None:
    """The prompt for some tools names only those, under their prefix."""
    with make_runtime(tmp_path) as runtime:
        prompt = get_agent_system_prompt(runtime, groups=["skills"], prefix="sk_")
        assert "sk_activate_skill" in prompt
        assert "run_skill_script" not in prompt
        assert get_agent_system_prompt(runtime.tools(include=[])) == ""
