"""What a model and its host are told where the sandbox is too weak for commands that a model makes up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditLog, OpenSkillRuntime, SandboxUnavailableError
from openskills_core.sandbox import COMMANDS_OFF

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_commands_are_off(
    make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime], tmp_path: Path
) -> None:
    """A model gets no tool for them, and a host that runs one is told what to do instead."""
    make_skill("hello", main_py="print('hello')")
    for folder in (tmp_path, *tmp_path.parents):
        if os.geteuid() == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)  # scripts of a root host are another user's
    workspace = tmp_path / "work"
    runtime = make_runtime(sandbox="landlock", workspace_dir=workspace, python="/usr/bin/python3")
    assert "run_command" not in [tool.name for tool in runtime.tools()]
    assert "run_skill_script" in [tool.name for tool in runtime.tools()]
    assert runtime.check_tool("", "run_command", "ls").reason == COMMANDS_OFF
    assert runtime.decide("run_command", "ls", approved=True).outcome == "deny"
    with pytest.raises(SandboxUnavailableError, match=r"commands are off .* sandbox='bubblewrap'"):
        runtime.run_command("touch ran")
    assert runtime.tools().call("run_command", {"command": "touch ran"}).is_error
    assert list(workspace.iterdir()) == []
    assert runtime.execute_skill("hello").sandbox.tier == "reduced"
    assert isinstance(runtime.audit, AuditLog)
    assert [record["status"] for record in runtime.audit.records()] == ["refused", "success"]
