"""`openskills tools` and `openskills prompt`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from openskills_adapters.openai import create_openai_tools

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from openskills_core import OpenSkillRuntime

    Cli = Callable[..., subprocess.CompletedProcess[str]]
    MakeSkill = Callable[..., Path]


@pytest.mark.parametrize(
    ("form", "keys"),
    [
        ("neutral", {"name", "description", "parameters", "annotations", "group", "requires_approval"}),
        ("openai", {"type", "function"}),
        ("anthropic", {"name", "description", "input_schema"}),
        ("mcp", {"name", "description", "inputSchema", "annotations"}),
    ],
)
def test_tools_have_the_shape_that_was_asked_for(cli: Cli, make_skill: MakeSkill, form: str, keys: set[str]) -> None:
    """Each format is a JSON list with the keys of that vocabulary."""
    make_skill("alpha", main_py="pass")
    done = cli("tools", "--format", form)
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, len(found)) == (0, "", 12)
    assert all(set(tool) == keys for tool in found)


def test_formats_agree_with_the_tools_they_describe(cli: Cli, make_skill: MakeSkill, runtime: OpenSkillRuntime) -> None:
    """Schemas and hints are those of the neutral tools, and the OpenAI shape is the adapter's."""
    make_skill("alpha", main_py="pass")
    spec = next(iter(runtime.tools()))
    neutral = json.loads(cli("tools").stdout)[0]
    mcp = json.loads(cli("tools", "--format", "mcp").stdout)[0]
    anthropic = json.loads(cli("tools", "--format", "anthropic").stdout)[0]
    assert neutral["parameters"] == mcp["inputSchema"] == anthropic["input_schema"] == spec.parameters
    assert mcp["annotations"]["readOnlyHint"] is spec.annotations.read_only
    assert json.loads(cli("tools", "--format", "openai").stdout) == create_openai_tools(runtime)


def test_prompt_is_what_an_agent_is_given(cli: Cli, make_skill: MakeSkill, runtime: OpenSkillRuntime) -> None:
    """The prompt is printed as it is."""
    make_skill("alpha", "description: Grüße <all> & more.\n", main_py="pass")
    assert cli("prompt").stdout == f"{runtime.render_prompt()}\n"


def test_looking_makes_no_workspace(cli: Cli, make_skill: MakeSkill, tmp_path: Path) -> None:
    """Commands that run nothing leave nothing behind."""
    make_skill("alpha", main_py="pass")
    for words in (("list",), ("show", "alpha"), ("tools",), ("prompt",), ("audit", "list"), ("audit", "verify")):
        assert cli(*words).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["skills"]
