"""What users install: the wheel holds everything and nothing more, and works where no checkout is near."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def _run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd="/", env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release would be."""
    target = tmp_path_factory.mktemp("dist")
    built = _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(target), str(REPOSITORY))
    assert built.returncode == 0, built.stderr
    (wheel,) = target.glob("openskills-*.whl")
    return wheel


@pytest.mark.heavy
def test_the_wheel_holds_the_packages_the_prompts_and_the_examples(wheel: Path) -> None:
    """Prompts and examples travel inside the core; no top-level package but our two."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "openskills_core",
        "openskills_adapters",
    }
    for wanted in (
        "openskills_core/py.typed",
        "openskills_adapters/py.typed",
        "openskills_core/_prompts/system.md.jinja",
        "openskills_core/_prompts/tools/run_skill_script.md.jinja",
        "openskills_core/_examples/skills/csv-profile/SKILL.md",
        "openskills_core/_examples/agents/openai_agent.py",
        "openskills_core/sandbox/linux/syscalls.txt",
    ):
        assert wanted in names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_clean_environment_with_the_base_install_runs_a_skill(wheel: Path, tmp_path: Path) -> None:
    """No extra, no checkout: list, run and the prompt work, and an adapter says what to install."""
    environment = tmp_path / "env"
    assert _run(sys.executable, "-m", "venv", str(environment)).returncode == 0
    python = str(environment / "bin" / "python")
    installed = _run(python, "-m", "pip", "install", "--quiet", str(wheel))
    assert installed.returncode == 0, installed.stderr
    command = [str(environment / "bin" / "openskills")]
    examples = next(environment.glob("lib/python*/site-packages/openskills_core/_examples/skills"))
    options = ["--skills", str(examples), "--workspace", str(tmp_path / "workspace")]
    done = _run(*command, "run", "csv-profile", "scripts/profile.py", *options, "--", "--help")
    assert (done.returncode, done.stdout[:6]) == (0, "usage:"), done.stderr
    assert "<available_skills>" in _run(*command, "prompt", *options[:2]).stdout
    asked = _run(python, "-c", "from openskills_adapters import create_langchain_tools")
    assert "pip install 'openskills[langchain]'" in asked.stderr
