"""The same call gets the same answer in every framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.adapters.support import frameworks
from tests.tools.cases import CASES, Case, make_runtime, write_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openskills_core import OpenSkillRuntime
    from tests.adapters.support.frameworks import Answer

# The framework itself answers these: LangChain takes parsed arguments only, and both know which tools there are.
LANGCHAIN_CASES = [case for case in CASES if isinstance(case.arguments, dict) and case.code != "unknown_tool"]
# PydanticAI cannot keep half of a surrogate pair in its message history.
PYDANTIC_AI_CASES = [case for case in CASES if case.code != "unknown_tool" and "\\ud800" not in str(case.arguments)]
THROUGH = [
    *((frameworks.through_langchain, case) for case in LANGCHAIN_CASES),
    *((frameworks.through_pydantic_ai, case) for case in PYDANTIC_AI_CASES),
    *((frameworks.through_openai_chat, case) for case in CASES),
    *((frameworks.through_openai_responses, case) for case in CASES),
]
VARYING = ("duration_ms", "record_id", "modified")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSkillRuntime]:
    """One runtime for all cases; each case gets workspaces of its own."""
    with make_runtime(tmp_path_factory.mktemp("parity")) as runtime:
        yield runtime


@pytest.mark.parametrize(
    ("through", "case"), THROUGH, ids=[f"{through.__name__}-{case.label}" for through, case in THROUGH]
)
def test_adapter_answers_as_the_core_does(
    runtime: OpenSkillRuntime, through: Callable[[Any, str, Any], Answer], case: Case, tmp_path: Path
) -> None:
    """Text is the same in each framework, and flag and data are wherever the framework has a place for them."""
    one, other = (runtime.scoped(workspace_dir=write_workspace(tmp_path / name)).tools() for name in ("one", "other"))
    core = one.call(case.tool, case.arguments)
    answer = through(other, case.tool, case.arguments)
    assert answer.text == core.text
    assert answer.is_error in (None, core.is_error)
    assert answer.data is None or _steady(answer.data) == _steady(core.data)


def _steady(data: Any) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in VARYING}
