"""`openskills demo`, from the first line to the exit status, and what makes it fail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditLog, Workspace
from openskills_core.cli import demo
from openskills_core.cli.demo_summary import summarize

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Cli = Callable[..., subprocess.CompletedProcess[str]]

LEFT = ("report.md", "handbook-problems.txt", "log-summary.md")
SCRIPTS = (
    "csv-profile/scripts/profile.py      exit code 0, as expected  full (bubblewrap)",
    "markdown-check/scripts/check.py     exit code 1, as expected  full (bubblewrap)",
    "log-summary/scripts/summarize.py    exit code 0, as expected  full (bubblewrap)",
    "log-summary/scripts/tail_errors.sh  exit code 0, as expected  full (bubblewrap)",
)
# Makes one framework look as if it were not installed; Python reads it when it starts.
HIDING = """
import sys
from importlib.machinery import PathFinder
class Hiding:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] == "pydantic_ai" else PathFinder.find_spec(name, path, target)
sys.meta_path = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """A log of one run that ended with 0."""
    log = AuditLog(tmp_path / "audit.jsonl")
    with log.attempt({"kind": "script", "skill_id": "some", "target": "scripts/main.py"}) as attempt:
        attempt.finish(status="success", exit_code=0, sandbox={"tier": "full", "backend": "bubblewrap"})
    return log


def test_demo_runs_three_agents_and_proves_it(cli: Cli, tmp_path: Path) -> None:
    """All three agents run on scripted models even when there is a key, and the summary says what is so."""
    done = cli("demo", OPENAI_API_KEY="not used", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    workspace = tmp_path / "workspace" / "demo"
    log = AuditLog(tmp_path / "workspace" / "demo-audit" / "openskills" / "audit.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("model: scripted") == 3
    assert [line for line in SCRIPTS if line not in done.stdout] == []
    assert f"Files now in {workspace}: 21" in done.stdout
    assert [name for name in LEFT if not (workspace / name).stat().st_size or name not in done.stdout] == []
    assert "Audit: 4 records, the chain verifies" in done.stdout
    assert done.stdout.endswith(f"openskills audit list --log {log.path}\n\ndemo: ok\n")
    assert "\x1b" not in done.stdout
    assert (log.verify().ok, log.verify().records) == (True, 4)


def test_a_missing_framework_is_named_with_its_command(cli: Cli, tmp_path: Path) -> None:
    """The others still run, in a new directory beside an earlier demo's, and the demo ends with 1."""
    earlier = tmp_path / "there" / "demo"
    earlier.mkdir(parents=True)
    (tmp_path / "sitecustomize.py").write_text(HIDING, encoding="utf-8")
    done = cli("demo", "--workspace", "there", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "problem: PydanticAI is not installed: pip install 'openskills[pydantic-ai]'" in done.stdout
    assert done.stdout.endswith("demo: not ok\n")
    assert "Audit: 3 records, the chain verifies" in done.stdout
    assert list(earlier.iterdir()) == []
    assert (tmp_path / "there" / "demo-2" / "report.md").is_file()


def test_summary_is_ok_when_everything_is(log: AuditLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run as expected and a whole log are all it takes."""
    assert summarize(Workspace(tmp_path / "workspace"), log, {"some": 0}) is True
    assert capsys.readouterr().out.endswith("demo: ok\n")


def test_an_edited_log_fails_the_demo(log: AuditLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that does not verify is told, line by line."""
    Path(log.path).write_bytes(Path(log.path).read_bytes().replace(b"main.py", b"evil.py"))
    assert summarize(Workspace(tmp_path / "workspace"), log, {"some": 0}) is False
    assert "the chain is broken\n  line 1 was edited" in capsys.readouterr().out


def test_a_problem_fails_the_demo(log: AuditLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What went wrong on the way is repeated at the end, where it is read."""
    assert summarize(Workspace(tmp_path / "workspace"), log, {"some": 7}, problems=["it broke"]) is False
    told = capsys.readouterr().out
    assert "exit code 0, not 7" in told
    assert told.endswith("problem: it broke\ndemo: not ok\n")


@pytest.mark.parametrize(
    ("skill", "code", "told"),
    [
        ("some", 0, "agent.py left no report.txt"),
        ("some", 3, "scripts/main.py ended as success with exit code 0, not 3"),
        ("other", 0, "agent.py ran no script of other"),
    ],
)
def test_an_agent_that_did_not_do_its_work_is_a_problem(
    log: AuditLog, tmp_path: Path, skill: str, code: int, told: str
) -> None:
    """No run, a run that ended otherwise, and a file that is not there are each told."""
    example = demo._Example("Some", "agent.py", "", "", skill, leaves="report.txt", exit_code=code)
    assert demo._judged(example, log, tmp_path)[0].startswith(told)
