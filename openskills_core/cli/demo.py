"""`openskills demo`: the three example agents, one after the other, and then the proof of what they did."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openskills_core.cli.demo_summary import summarize
from openskills_core.cli.options import open_runtime, workspace_option
from openskills_core.cli.output import headline, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.audit import AuditLog


@dataclass(frozen=True, slots=True)
class _Example:
    """One agent: the module its framework is imported as, the exit code its scripts end with, the file it leaves."""

    title: str
    file: str
    framework: str
    extra: str
    skill: str
    leaves: str
    exit_code: int = 0


_EXAMPLES = (
    _Example("LangChain", "langchain_agent.py", "langchain", "langchain", "csv-profile", leaves="report.md"),
    # The sample handbook has problems, and the check says so with 1.
    _Example(
        "PydanticAI",
        "pydantic_ai_agent.py",
        "pydantic_ai",
        "pydantic-ai",
        "markdown-check",
        leaves="handbook-problems.txt",
        exit_code=1,
    ),
    # The dispatcher takes plain dicts, so without a key this one needs no framework.
    _Example("OpenAI", "openai_agent.py", "", "openai", "log-summary", leaves="log-summary.md"),
)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where the demo plays: the examples, a workspace of its own, and beside it the directory of its audit log."""

    examples: Path
    workspace: Path
    state: Path

    @property
    def log(self) -> AuditLog:
        from openskills_core.audit import AuditLog

        return AuditLog(self.state / "openskills" / "audit.jsonl")


@click.command(epilog="Example: openskills demo --workspace /tmp/try")
@workspace_option
def demo(workspace: str) -> int:
    """Run three example agents, offline.

    They do real work with real skills in a new directory of the workspace, which stays. Without a key and without the
    network, scripted models stand in for real ones. At the end the runs, the files and the audit log are checked.
    """
    from openskills_core.workspace import Workspace

    examples = _examples()
    offered = _offered(examples / "skills")
    stage = _stage(examples, Path(workspace).absolute())
    say(f"Three agents, one workspace: {stage.workspace}")
    say(f"Each finds these skills listed in its prompt: {', '.join(offered)}")
    problems = [problem for example in _EXAMPLES for problem in _play(example, stage)]
    expected = {example.skill: example.exit_code for example in _EXAMPLES}
    return 0 if summarize(Workspace(stage.workspace), stage.log, expected, problems=problems) else 1


def _examples() -> Path:
    """Return the examples of the wheel; in a checkout, where the wheel's copy does not exist, its own."""
    package = Path(__file__).parents[1]
    wheel = package / "_examples"
    return wheel if wheel.is_dir() else package.parent / "examples"


def _stage(examples: Path, parent: Path) -> _Stage:
    workspace = _new_directory(parent)
    return _Stage(examples, workspace, workspace.with_name(f"{workspace.name}-audit"))


def _new_directory(parent: Path) -> Path:
    """Make `demo` beneath `parent`, or `demo-2` and so on: nothing there is ever overwritten."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        directory = parent / ("demo" if number == 1 else f"demo-{number}")
        try:
            directory.mkdir()
        except FileExistsError:
            number += 1
        else:
            return directory


def _offered(skills: Path) -> list[str]:
    """Return the ids of the skills. Where nothing can run, say so at once rather than through three agents."""
    from openskills_core.errors import SandboxUnavailableError

    with open_runtime([str(skills)]) as runtime:
        report = runtime.sandbox_report()
        offered = [skill.id for skill in runtime.list_skills()]
    if not report.available:
        raise SandboxUnavailableError(report.fix, culprit=report.backend)
    return offered


def _play(example: _Example, stage: _Stage) -> list[str]:
    """Run one agent as its user would and return what went wrong."""
    headline(f"\n=== {example.title}: agents/{example.file}, skill {example.skill}")
    if example.framework and importlib.util.find_spec(example.framework) is None:
        return [f"{example.title} is not installed: pip install 'openskills[{example.extra}]'"]
    status = _run(example, stage)
    if status != 0:
        return [f"{example.file} ended with status {status}"]
    return _judged(example, stage.log, stage.workspace)


def _run(example: _Example, stage: _Stage) -> int:
    script = stage.examples / "agents" / example.file
    command = [sys.executable, str(script), str(stage.examples / "skills"), str(stage.workspace)]
    sys.stdout.flush()
    # A process group of its own: Ctrl-C ends the demo, which then ends the agent without a traceback.
    with subprocess.Popen(command, env=_environment(stage), process_group=0) as process:  # noqa: S603 - our own file
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise


def _environment(stage: _Stage) -> dict[str, str]:
    """Return ours, with the demo's own audit log, and without the key: the demo costs nothing and needs no network."""
    own = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    return {**own, "XDG_STATE_HOME": str(stage.state), "PYTHONIOENCODING": ":backslashreplace"}


def _judged(example: _Example, log: AuditLog, workspace: Path) -> list[str]:
    """Return what is wrong with what an agent did, by the evidence of the audit log and of the workspace."""
    records = [record for record in log.records() if record["skill_id"] == example.skill]
    if not records:
        return [f"{example.file} ran no script of {example.skill}"]
    wrong = [_misbehaved(record, example) for record in records if record.get("exit_code") != example.exit_code]
    file = workspace / example.leaves
    left = file.is_file() and file.stat().st_size > 0
    return wrong if left else [*wrong, f"{example.file} left no {example.leaves} in {workspace}"]


def _misbehaved(record: Mapping[str, Any], example: _Example) -> str:
    why = record.get("error", {}).get("message") or "its output is above"
    ended = f"{record['status']} with exit code {record.get('exit_code')}"
    return f"{record['target']} ended as {ended}, not {example.exit_code}: {why}"
