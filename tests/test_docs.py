"""The README and the pages under docs say what is true: their code runs as printed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def _blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{page.name}:{number}", code)
        for page in PAGES
        for number, (found, code) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1)
        if found == language
    ]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory as a reader of the README would have it, with the example skills as ./skills too."""
    shutil.copytree(REPOSITORY / "examples", tmp_path / "examples")
    shutil.copytree(REPOSITORY / "examples" / "skills", tmp_path / "skills")
    shutil.copy(REPOSITORY / "examples/skills/csv-profile/samples/sales.csv", tmp_path / "data.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _scripted_model(code: str) -> Any:
    """Return the `model` that a snippet leaves to its reader."""
    if "langchain" in code:
        from langchain_core.language_models.fake_chat_models import FakeListChatModel

        return FakeListChatModel(responses=["done"])
    from pydantic_ai.models.test import TestModel

    return TestModel(call_tools=[])


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(("name", "code"), _blocks("python"), ids=[name for name, _ in _blocks("python")])
def test_python_blocks_run_as_printed(name: str, code: str) -> None:
    """Each block is a whole program; only the model is the reader's own."""
    namespace: dict[str, Any] = {"model": _scripted_model(code)} if "model" in code else {}
    exec(compile(code, name, "exec"), namespace)  # noqa: S102 - running the documentation is the test
    if "runtime" in namespace:
        namespace["runtime"].close()


def test_there_are_blocks_to_run() -> None:
    """The patterns above find something."""
    assert len(_blocks("python")) >= 6
    assert len(_blocks("console")) >= 2


@pytest.mark.parametrize(
    "line",
    [line[2:] for _, code in _blocks("console") for line in code.splitlines() if line.startswith("$ openskills")],
)
def test_commands_run_as_printed(checkout: Path, line: str) -> None:
    """Each command of the README ends with 0 in a checkout."""
    words = shlex.split(line, comments=True)
    result = subprocess.run(
        [sys.executable, "-m", "openskills_core", *words[1:]], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_tests_named_in_the_security_page_exist() -> None:
    """A promise is shown by a test that is really there."""
    text = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)`", text)):
        assert list((REPOSITORY / "tests").rglob(name)), name


def test_the_readme_is_short() -> None:
    """One screen of what, why and how; the rest is in docs."""
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
