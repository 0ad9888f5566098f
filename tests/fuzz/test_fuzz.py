"""The fuzz targets hold for many repeatable inputs, and under the coverage-guided fuzzer where it is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TARGETS = ("parse", "agree", "neighbours", "compose", "render", "inject", "stack", "tools", "commands")


def _fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_every_target_is_run_here() -> None:
    """The list above is the list of targets."""
    assert "|".join(TARGETS) in _fuzz().stderr


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_holds_for_the_inputs_that_all_runs_start_from(target: str) -> None:
    """Among them is each input that once broke a promise."""
    run = _fuzz(target, "--mutations", "0")
    assert run.returncode == 0, run.stderr


@pytest.mark.heavy
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_holds_for_random_changes_of_known_inputs(target: str) -> None:
    """The same twenty thousand inputs in every run."""
    run = _fuzz(target, "--mutations", "20000")
    assert run.returncode == 0, run.stderr


@pytest.mark.heavy
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed: `make fuzz` does so")
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_holds_under_the_coverage_guided_fuzzer(target: str, tmp_path: Path) -> None:
    """For as long as a test may take; `make fuzz` goes on for longer."""
    run = _fuzz(target, "-max_total_time=10", "-max_len=2000", f"-artifact_prefix={tmp_path}/", str(tmp_path))
    assert run.returncode == 0, run.stderr[-4000:]
    assert "DONE" in run.stderr
