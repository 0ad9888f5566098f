"""What every test has: a home, state and cache of its own, and helpers to make skills."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openskills_core import AuditLog, OpenSkillRuntime
from openskills_core.sandbox import Sandbox, choose

MakeSkill = Callable[..., Path]
MakeRuntime = Callable[..., OpenSkillRuntime]


@pytest.fixture(autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's own files and settings."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENSKILLS_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def skills(tmp_path: Path) -> Path:
    """An empty directory of skills."""
    folder = tmp_path / "skills"
    folder.mkdir()
    return folder


@pytest.fixture
def make_skill(skills: Path) -> MakeSkill:
    """Return a function that writes a skill: its id, and scripts by file name."""

    def make(skill_id: str, frontmatter: str = "", body: str = "Do it.\n", **scripts: str) -> Path:
        root = skills / skill_id
        (root / "scripts").mkdir(parents=True, exist_ok=True)
        front = frontmatter or f"name: {skill_id}\ndescription: Does {skill_id}. Use it in tests.\n"
        (root / "SKILL.md").write_text(f"---\n{front}---\n{body}", encoding="utf-8")
        for name, text in scripts.items():
            stem, _, suffix = name.rpartition("_")
            (root / "scripts" / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
        return root

    return make


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    """One real sandbox for all tests, as one host has one: its helper process is started once."""
    sandbox = choose("auto")
    yield sandbox
    sandbox.close()


@pytest.fixture
def make_runtime(tmp_path: Path, skills: Path, _sandbox: Sandbox) -> Iterator[MakeRuntime]:
    """Return a function that makes a runtime over `skills` with a workspace and a log beneath the test's directory."""
    made: list[OpenSkillRuntime] = []
    log = AuditLog(tmp_path / "audit.jsonl")

    def make(**options: object) -> OpenSkillRuntime:
        settings = {"workspace_dir": tmp_path / "workspace", "audit": log, "sandbox": _sandbox, **options}
        runtime = OpenSkillRuntime.from_directory(skills, **settings)  # type: ignore[arg-type]  # each test's own
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        runtime.close()


@pytest.fixture
def runtime(make_runtime: MakeRuntime) -> OpenSkillRuntime:
    """A runtime with default settings."""
    return make_runtime()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Turn a skipped sandbox test into a failure in CI, where everything it needs is there."""
    in_sandbox_suite = any(part in report.nodeid for part in ("tests/escapes/", "tests/sandbox/"))
    if report.skipped and in_sandbox_suite and os.environ.get("CI") and os.uname().sysname == "Linux":
        report.outcome = "failed"
        report.longrepr = f"a sandbox test was skipped: {report.longrepr}"
