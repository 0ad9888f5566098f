"""What the policy does to calls, and what a person's agreement changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openskills_core import Approval, ApprovalRequest, HostPolicy
from tests.tools.cases import make_runtime

if TYPE_CHECKING:
    from pathlib import Path

WRITE: dict[str, Any] = {"path": "made.txt", "content": "x"}
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("write_file", WRITE, "Write"),
    ("run_command", {"command": "echo x > made.txt"}, "Bash"),
    ("run_command", {"command": "echo x > made.txt"}, "Bash(echo *)"),
    (
        "run_skill_script",
        {"skill": "greet", "script": "scripts/greet.py", "args": ["Ada"]},
        "run_skill_script(scripts/greet.py *)",
    ),
]


@pytest.mark.parametrize(("tool", "arguments", "rule"), CALLS)
def test_ask_needs_agreement(tmp_path: Path, tool: str, arguments: dict[str, Any], rule: str) -> None:
    """Where the policy asks and nobody answers a call is denied; with approved=True it runs."""
    with make_runtime(tmp_path, policy=HostPolicy(ask=[rule])) as runtime:
        tools = runtime.tools()
        refused = tools.call(tool, arguments)
        assert (refused.is_error, refused.code) == (True, "permission-denied")
        assert not [name for name in ("made.txt", "greeting.txt") if (runtime.workspace.root / name).exists()]
        assert tools.call(tool, arguments, approved=True).is_error is False
        assert tools.call(tool, arguments).is_error is True


@pytest.mark.parametrize(("tool", "arguments", "rule"), CALLS)
def test_agreement_does_not_lift_a_denial(tmp_path: Path, tool: str, arguments: dict[str, Any], rule: str) -> None:
    """approved=True answers "ask" and nothing more."""
    with make_runtime(tmp_path, policy=HostPolicy(deny=[rule], ask=[rule])) as runtime:
        result = runtime.tools().call(tool, arguments, approved=True)
        assert (result.is_error, (runtime.workspace.root / "made.txt").exists()) == (True, False)


def test_whole_tool_ask_shows_in_the_spec(tmp_path: Path) -> None:
    """Frameworks are told which tools a person must approve."""
    with make_runtime(tmp_path, policy=HostPolicy(ask=["Bash", "Write(x)"])) as runtime:
        asked = {spec.name for spec in runtime.tools() if spec.requires_approval}
    assert asked == {"run_command", "run_skill_script"}


@pytest.mark.parametrize(("answer", "is_error"), [(Approval.ALLOW_ONCE, False), (Approval.DENY, True)])
def test_host_is_asked_about_files_too(tmp_path: Path, answer: Approval, is_error: bool) -> None:
    """The host's approver decides about a file tool just as about a script."""
    requests: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> Approval:
        requests.append(request)
        return answer

    with make_runtime(tmp_path, policy=HostPolicy(ask=["Write"]), approve=approve) as runtime:
        assert runtime.tools().call("write_file", WRITE).is_error is is_error
    assert [(request.tool, request.detail) for request in requests] == [("Write", "made.txt")]


def test_patterns_hold_for_reading_and_searching(tmp_path: Path) -> None:
    """A file that must not be read is not read, and what it holds is not found either."""
    with make_runtime(tmp_path, policy=HostPolicy(deny=["Read(data/**)"])) as runtime:
        tools = runtime.tools()
        assert tools.call("read_file", {"path": "data/a.csv"}).code == "permission-denied"
        assert tools.call("read_file", {"path": "./data/../data/a.csv"}).code == "permission-denied"
        assert tools.call("grep", {"pattern": "x,y"}).text == "[no match]"
        assert tools.call("read_file", {"path": "plan.txt"}).is_error is False


def test_model_cannot_outlast_the_hosts_limit(tmp_path: Path) -> None:
    """A timeout that a model asks for is cut down to what the host allows."""
    from openskills_core import Limits

    with make_runtime(tmp_path, limits=Limits(timeout_ms=700)) as runtime:
        result = runtime.tools().call("run_command", {"command": "sleep 30", "timeout_seconds": 60})
    assert (result.text, result.code) == ("timed out after 0.7 s", "timeout")
