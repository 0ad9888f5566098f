"""The example agents, run as whoever copied them would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openskills_core import AuditLog
from tests.adapters.support.openai_server import ScriptedModel, serving

EXAMPLES = Path(__file__).parents[2] / "examples"
AGENTS = ["langchain_agent.py", "pydantic_ai_agent.py", "openai_agent.py"]


def run(agent: str, where: Path, *arguments: str, **environment: str) -> str:
    """Run an agent in `where`, every proxy a dead end, and return what it prints."""
    dead_end = "http://127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "agents" / agent), *arguments],
        cwd=where,
        env={**os.environ, "HTTPS_PROXY": dead_end, "HTTP_PROXY": dead_end, "NO_PROXY": "127.0.0.1", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("agent", AGENTS)
def test_agent_is_short_enough_to_copy(agent: str) -> None:
    """Each is one file of fewer than 60 lines."""
    assert len((EXAMPLES / "agents" / agent).read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.parametrize(
    ("agent", "file", "quoted"),
    [
        ("langchain_agent.py", "report.md", "1 exact duplicate of an earlier row (line 121)"),
        ("pydantic_ai_agent.py", "handbook-problems.txt", '9: missing-file no file "guides/relase.md"'),
        ("openai_agent.py", "log-summary.md", "| /api/payments | 57 | 19.0% | 7 | 12.3% |"),
    ],
)
def test_agent_works_without_a_key(tmp_path: Path, agent: str, file: str, quoted: str) -> None:
    """It says that its model is scripted, leaves its file in ./workspace, and answers with what is in it."""
    printed = run(agent, tmp_path)
    assert printed.startswith("model: scripted, because OPENAI_API_KEY is not set\ntask:  ")
    assert "\n> run_skill_script " in printed
    answer = printed.rpartition("\n> ")[2].partition("\n\n")[2]
    assert quoted in answer
    assert quoted in (tmp_path / "workspace" / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("agent", "skill"),
    [
        ("langchain_agent.py", "csv-profile"),
        ("pydantic_ai_agent.py", "markdown-check"),
        ("openai_agent.py", "log-summary"),
    ],
)
def test_agent_lets_a_real_model_decide_when_there_is_a_key(tmp_path: Path, agent: str, skill: str) -> None:
    """With a key the model of that name is asked, told the prompt and the tools, and its words are printed."""
    model = ScriptedModel([[("activate_skill", json.dumps({"skill": skill}))], "All is well."])
    with serving(model) as url:
        arguments = (str(EXAMPLES / "skills"), str(tmp_path / "elsewhere"))
        environment = {"OPENAI_API_KEY": "a key", "OPENAI_BASE_URL": url, "OPENSKILLS_MODEL": "my-model"}
        printed = run(agent, tmp_path, *arguments, **environment)
    assert "my-model\n" in printed.partition("task:")[0]
    assert printed.rstrip().endswith("All is well.")
    assert {request["model"] for request in model.requests} == {"my-model"}
    assert "<available_skills>" in model.requests[0]["messages"][0]["content"]
    assert "run_skill_script" in [tool["function"]["name"] for tool in model.requests[0]["tools"]]
    assert f'<skill_content name="{skill}">' in model.requests[1]["messages"][-1]["content"]


def test_agent_leaves_records_in_the_users_log(tmp_path: Path) -> None:
    """What an agent runs is evidence like everything else."""
    run("openai_agent.py", tmp_path, XDG_STATE_HOME=str(tmp_path / "state"))
    log = AuditLog(tmp_path / "state" / "openskills" / "audit.jsonl")
    assert [record["exit_code"] for record in log.records()] == [0, 0]
    assert log.verify().ok
