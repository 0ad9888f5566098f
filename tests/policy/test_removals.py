"""What `disallowed-tools` takes away, and the table of tool names it is read by."""

from __future__ import annotations

import pytest

from openskills_core.policy import Surroundings, claude_name, is_about_files, removed_tools, removes
from openskills_core.policy.names import FAMILIES, OUR_TOOLS, covered, known_name
from openskills_core.tools.offer import TOOLS


@pytest.mark.parametrize(
    ("items", "removed"),
    [
        ((), {}),
        (("Bash",), {"run_command": "whole", "run_skill_script": "whole"}),
        (("Bash(rm *)",), {"run_command": "pattern", "run_skill_script": "pattern"}),
        (("Bash(rm *)", "run_command"), {"run_command": "whole", "run_skill_script": "pattern"}),
        (("Write",), {"write_file": "whole", "edit_file": "whole"}),
        (("write_file",), {"write_file": "whole"}),
        (("Glob", "grep"), {"glob": "whole", "grep": "whole"}),
        (("search",), {"glob": "whole", "grep": "whole"}),
        (("shell",), {"run_command": "whole", "run_skill_script": "whole"}),
        (("Skill(pdf)",), {"activate_skill": "pattern"}),
        (("WebFetch", "mcp__db", "Custom"), {}),
        (("Bash(rm *",), {"run_command": "whole", "run_skill_script": "whole"}),
        (("Bash (rm *)",), {"run_command": "whole", "run_skill_script": "whole"}),
        (("edit(!x)",), {"write_file": "whole", "edit_file": "whole"}),
        (("(", ""), {}),
        (("*",), dict.fromkeys(OUR_TOOLS, "whole")),
    ],
)
def test_which_of_our_tools_are_removed(items: tuple[str, ...], removed: dict[str, str]) -> None:
    """By any name of theirs; an item that cannot be read takes its whole tool."""
    assert removed_tools(items) == removed


@pytest.mark.parametrize(
    ("items", "tool", "detail", "item"),
    [
        (("Bash(rm *)",), "run_command", "ls; rm x", "Bash(rm *)"),
        (("Bash(rm *)",), "run_command", "ls", ""),
        (("Bash(rm *)",), "run_command", "ls &&", "Bash(rm *)"),
        (("Bash(rm *)",), "run_command", "", ""),
        (("Bash",), "run_command", "", "Bash"),
        (("Bash",), "run_skill_script", "a.py", "Bash"),
        (("Read(secrets/**)",), "read_file", "x/secrets/a", "Read(secrets/**)"),
        (("Read(secrets/**)",), "run_command", "cat secrets/a", "Read(secrets/**)"),
        (("Edit(src/**)",), "run_command", "echo x > src/a", "Edit(src/**)"),
        (("Read", "Write"), "edit_file", "a", "Write"),
        (("Bash(git *",), "run_command", "ls", "Bash(git *"),
        (("Bash(${CLAUDE_SKILL_DIR}/x *)",), "run_command", "'/my skills/x' y", "Bash(${CLAUDE_SKILL_DIR}/x *)"),
        (("AskUserQuestion",), "ask_user", "", "AskUserQuestion"),
        (("mcp__db__*",), "mcp__db__query", "x", "mcp__db__*"),
    ],
)
def test_which_use_is_removed_by_which_item(items: tuple[str, ...], tool: str, detail: str, item: str) -> None:
    """Items match as denials do."""
    rule = removes(items, tool, detail, around=Surroundings(variables={"CLAUDE_SKILL_DIR": "/my skills"}))
    assert (rule.text if rule else "") == item


def test_a_parameter_can_be_removed() -> None:
    """`Tool(parameter:value)` is a denial."""
    around = Surroundings(parameters={"model": "opus"})
    assert removes(("Agent(model:opus)",), "Agent", "Explore", around=around) is not None
    assert removes(("Agent(model:opus)",), "Agent", "Explore") is None


def test_the_table_knows_every_tool_of_ours() -> None:
    """A tool that is added has to be given a family, or rules for Claude's names would not be about it."""
    assert set(TOOLS) - {"list_skills"} == set(OUR_TOOLS)
    assert all(claude_name(tool) != tool for tool in OUR_TOOLS)


def test_every_name_of_the_table_covers_itself_in_any_case() -> None:
    """A rule is about the tool that it names, however it is written."""
    for family in FAMILIES:
        for name in family.names:
            assert name in covered(name)
            assert covered(known_name(name.upper())) >= covered(name) or name in OUR_TOOLS


@pytest.mark.parametrize(
    ("tool", "expected"),
    [("read_file", True), ("Write", True), ("read_skill_file", False), ("run_command", False), ("glob", True)],
)
def test_which_tools_name_a_workspace_file(tool: str, *, expected: bool) -> None:
    """Links are followed for those alone."""
    assert is_about_files(tool) is expected
