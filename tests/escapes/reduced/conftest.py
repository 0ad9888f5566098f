"""The same for the reduced tier: attacks run in it, and without a sandbox to prove that they are live.

As root scripts run as a throw-away user. So that what stops an attack is the sandbox and not the mode of some directory
above, whatever an attack reaches for is open to everybody.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import Limits, OpenSkillRuntime
from openskills_core.sandbox import choose
from tests.escapes.conftest import Attacker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core.sandbox import Sandbox

AS_ROOT = os.geteuid() == 0
THROW_AWAY = 1_900_000_001


def _is_open(path: Path) -> bool:
    real = Path(os.path.realpath(path))
    return all(folder.stat().st_mode & 0o001 for folder in real.parents)


# The interpreter that runs the tests, unless it lies in a home that is closed to other users.
PYTHON = sys.executable if not AS_ROOT or _is_open(Path(sys.executable)) else "/usr/bin/python3"


@pytest.fixture(scope="session")
def reduced() -> Iterator[Sandbox]:
    """One sandbox of the reduced tier for all tests."""
    sandbox = choose("landlock")
    yield sandbox
    sandbox.close()


@pytest.fixture(autouse=True)
def _let_pass(tmp_path: Path) -> None:
    """Let other users pass through the directories that hold what a test makes."""
    for folder in (Path.home(), tmp_path, *tmp_path.parents, *Path.home().parents):
        status = folder.stat()
        if status.st_uid == os.geteuid() and not status.st_mode & 0o001:
            folder.chmod(status.st_mode | 0o055)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace that scripts of the reduced tier may write to."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    if AS_ROOT:
        os.chown(folder, THROW_AWAY, THROW_AWAY)
    return folder


@pytest.fixture
def make_reduced(
    make_runtime: Callable[..., OpenSkillRuntime], reduced: Sandbox, workspace: Path
) -> Callable[..., OpenSkillRuntime]:
    """Return a function that makes a runtime of the reduced tier."""

    def make(**options: object) -> OpenSkillRuntime:
        return make_runtime(**{"sandbox": reduced, "python": PYTHON, "workspace_dir": workspace, **options})

    return make


@pytest.fixture
def attacker(make_skill: Callable[..., Path], make_reduced: Callable[..., OpenSkillRuntime]) -> Attacker:
    """A hostile skill, a runtime that confines it and one that does not."""
    limits = Limits(timeout_ms=20_000, memory_mb=256, processes=32)
    skill = make_skill("hostile")
    return Attacker(skill, make_reduced(limits=limits), make_reduced(limits=limits, sandbox="unconfined"))
