"""Attacks run twice: in the sandbox, and without one to prove that the attack is live."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from openskills_core import ExecutionResult, Limits, OpenSkillRuntime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Attacker:
    """Runs hostile scripts of one skill, confined or not."""

    skill: Path
    confined: OpenSkillRuntime
    unconfined: OpenSkillRuntime

    def strike(self, script: str, *args: object, language: str = "py", **options: Any) -> ExecutionResult:
        """Run an attack in the sandbox."""
        return self._run(self.confined, self._written(script, language), args, options)

    def control(self, script: str, *args: object, language: str = "py", **options: Any) -> ExecutionResult:
        """Run the same attack without a sandbox."""
        return self._run(self.unconfined, self._written(script, language), args, options)

    def _written(self, script: str, language: str) -> str:
        name = f"attack.{language}"
        (self.skill / name).write_text(textwrap.dedent(script), encoding="utf-8")
        return name

    def _run(
        self, runtime: OpenSkillRuntime, name: str, args: tuple[object, ...], options: dict[str, Any]
    ) -> ExecutionResult:
        return runtime.execute_skill("hostile", name, args=[str(arg) for arg in args], **options)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory of the host that no grant names."""
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


@pytest.fixture
def attacker(make_skill: Callable[..., Path], make_runtime: Callable[..., OpenSkillRuntime]) -> Attacker:
    """A hostile skill, a runtime that confines it and one that does not."""
    limits = Limits(timeout_ms=20_000, memory_mb=256, processes=32)
    skill = make_skill("hostile")
    return Attacker(skill, make_runtime(limits=limits), make_runtime(limits=limits, sandbox="unconfined"))
