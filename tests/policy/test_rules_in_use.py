"""Rules through the runtime: it tells them where the workspace and the skill are, and where links lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openskills_core import HostPolicy, OpenSkillRuntime, PermissionDeniedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRuntime, MakeSkill

DECLARING = """name: demo
description: Says hello. Use in tests.
allowed-tools: Bash(${CLAUDE_SKILL_DIR}/scripts/hello.sh *), Bash(ls:*)
"""


def test_a_skill_may_approve_its_own_scripts_by_their_directory(
    make_skill: MakeSkill, make_runtime: MakeRuntime
) -> None:
    """The directory has a blank in its name; the declaration answers for the script in it and for no other."""
    root = make_skill("my demo", DECLARING, hello_sh="#!/bin/sh\necho hello $1\n")
    (root / "scripts" / "hello.sh").chmod(0o755)
    runtime = make_runtime(policy=HostPolicy(ask=["Bash"]))
    for command in ('"$CLAUDE_SKILL_DIR"/scripts/hello.sh you', f"'{root}/scripts/hello.sh' you | ls > out"):
        assert runtime.check_tool("my demo", "Bash", command).rule.startswith("allowed-tools: Bash(${CLAUDE_SKILL_DIR}")
        assert runtime.check_tool("", "Bash", command).outcome == "ask"
    result = runtime.run_command('"$CLAUDE_SKILL_DIR"/scripts/hello.sh you', skill_id="my demo")
    assert (result.status, result.stdout) == ("success", "hello you\n")
    with pytest.raises(PermissionDeniedError, match="has to be approved"):
        runtime.run_command("/bin/echo hello", skill_id="my demo")


def test_a_redirection_within_the_workspace_is_approved_with_its_command(
    make_skill: MakeSkill, make_runtime: MakeRuntime
) -> None:
    """The runtime knows where the workspace is; beside it nothing is approved."""
    make_skill("demo", DECLARING)
    runtime = make_runtime(policy=HostPolicy(ask=["Bash"]))
    root = runtime.workspace.root
    for target, outcome in (("out", "allow"), (f"{root}/out", "allow"), (f"{root}/../out", "ask"), ("/tmp/out", "ask")):
        assert runtime.check_tool("demo", "Bash", f"ls > '{target}'").outcome == outcome


def test_a_link_to_a_denied_file_is_denied(make_skill: MakeSkill, make_runtime: MakeRuntime) -> None:
    """The tools know where links lead."""
    make_skill("demo")
    runtime = make_runtime(policy=HostPolicy(deny=["Read(secrets/**)"]))
    runtime.workspace.write_text("secrets/key", "k")
    (runtime.workspace.root / "docs").mkdir()
    (runtime.workspace.root / "docs" / "link").symlink_to("../secrets/key")
    assert runtime.check_tool("", "Read", "docs/link").outcome == "deny"
    assert runtime.tools().call("read_file", {"path": "docs/link"}).code == "permission-denied"
    assert runtime.tools().call("write_file", {"path": "docs/link", "content": "x"}).code == "permission-denied"
    with pytest.raises(PermissionDeniedError):
        runtime.run_command("cat secrets/key")


def test_a_scripts_arguments_are_no_shell_text(make_skill: MakeSkill, make_runtime: MakeRuntime) -> None:
    """What looks like a command in an argument is one word of it, and not denied."""
    make_skill("demo", echo_py="import sys; print(sys.argv[1:])")
    runtime = make_runtime(policy=HostPolicy(deny=["Bash(rm *)"]))
    result = runtime.execute_skill("demo", "scripts/echo.py", args=["; rm x", "$(rm x)", "it's"])
    assert result.stdout == "['; rm x', '$(rm x)', \"it's\"]\n"
    with pytest.raises(PermissionDeniedError):
        make_runtime(policy=HostPolicy(deny=["Bash(scripts/echo.py *rm*)"])).execute_skill("demo", args=["a rm"])


def test_asking_about_a_tool_as_a_whole_makes_no_workspace(make_skill: MakeSkill, tmp_path: Path) -> None:
    """Only a question about something in it needs one."""
    skills = make_skill("demo").parent
    with OpenSkillRuntime.from_directory(skills, workspace_dir=tmp_path / "ws") as runtime:
        runtime.check_tool("demo", "Bash")
        runtime.tools()
        assert not (tmp_path / "ws").exists()
        assert runtime.check_tool("", "read_file", "a\0b").outcome == "allow"


def test_parameters_are_matched(make_skill: MakeSkill, make_runtime: MakeRuntime) -> None:
    """Those of a host's own tools, and those of runs."""
    make_skill("demo", echo_py="print(1)")
    runtime = make_runtime(policy=HostPolicy(deny=["Agent(model:opus)", "run_command(skill:demo)"], fallback="allow"))
    assert runtime.check_tool("", "Agent", "Explore", parameters={"model": "opus"}).outcome == "deny"
    assert runtime.check_tool("", "Agent", parameters={"model": "opus"}).outcome == "deny"
    assert runtime.decide("Agent", "Explore", parameters={"model": "haiku"}).outcome == "allow"
    with pytest.raises(PermissionDeniedError):
        runtime.run_command("echo 1", skill_id="demo")
    assert runtime.run_command("echo 1").stdout == "1\n"
    assert runtime.execute_skill("demo").stdout == "1\n"
