"""What calls of the neutral tools answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tools.cases import CASES, Case, make_runtime, write_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openskills_core import OpenSkillRuntime


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSkillRuntime]:
    """One runtime for all cases; each case gets a workspace of its own."""
    with make_runtime(tmp_path_factory.mktemp("calls")) as runtime:
        yield runtime


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_call_answers_with_text_flag_and_code(runtime: OpenSkillRuntime, case: Case, tmp_path: Path) -> None:
    """Every call, good or bad, is answered with exactly this text, and only what we ended or refused is an error."""
    tools = runtime.tools().scoped(workspace_dir=write_workspace(tmp_path / "workspace"))
    result = tools.call(case.tool, case.arguments)
    wanted = case.text.replace("{skills}", str(runtime.workspace.root.parent / "skills"))
    assert (result.text, result.is_error, result.code) == (wanted, case.code is not None, case.code)
    json.dumps(result.data)
