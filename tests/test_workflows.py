"""What is run on machines that the developer has not got."""

from __future__ import annotations

from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]


def test_a_workflow_runs_on_macos_what_cannot_be_run_elsewhere() -> None:
    """The whole suite of that sandbox, set up as everywhere; its own conftest.py lets nothing be skipped there."""
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/macos.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["seatbelt"]
    assert all(runner.startswith("macos-") for runner in job["strategy"]["matrix"]["runner"])
    commands = [step.get("run", "") for step in job["steps"]]
    assert "make setup PYTHON=python3" in commands
    assert ".venv/bin/python -m pytest tests/sandbox/macos" in commands
    assert (REPOSITORY / "tests/sandbox/macos/test_behaviour.py").is_file()
