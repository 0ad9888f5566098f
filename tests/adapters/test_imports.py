"""What importing the adapters loads, and what is said when a framework is not there."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

import openskills_adapters

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("langchain", "langchain_core", "langgraph", "pydantic_ai", "pydantic", "openai", "jinja2", "yaml", "wasmtime")
# An import hook that hides a package, as if it were not installed.
HIDING = """
    import sys
    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == {hidden!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Hidden())
"""


def output(code: str, *, cwd: Path | None = None) -> str:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, cwd=cwd
    )
    return done.stdout.strip()


def test_importing_the_adapters_loads_no_framework() -> None:
    """The package itself costs next to nothing; `get_agent_system_prompt` brings no framework along."""
    assert output(f"import sys, openskills_adapters; print([m for m in {HEAVY} if m in sys.modules])") == "[]"
    frameworks = HEAVY[:6]
    code = (
        f"from openskills_adapters import get_agent_system_prompt; print([m for m in {frameworks} if m in sys.modules])"
    )
    assert output(f"import sys; {code}") == "[]"


def test_openai_tools_need_no_sdk() -> None:
    """Plain dicts are made without the `openai` package."""
    code = (
        HIDING.format(hidden="openai") + "    from openskills_adapters import OpenAIDispatcher, create_openai_tools\n"
    )
    assert output(code + "    print(create_openai_tools.__name__)") == "create_openai_tools"


def test_tools_do_not_load_what_only_the_middleware_needs() -> None:
    """`langchain` itself doubles the import time, so it comes with the middleware alone."""
    code = "import sys; from openskills_adapters import create_langchain_tools; print('langchain' in sys.modules)"
    assert output(code) == "False"


@pytest.mark.parametrize(
    ("name", "hidden", "extra"),
    [
        ("create_langchain_tools", "langchain_core", "langchain"),
        ("OpenSkillsMiddleware", "langchain", "langchain"),
        ("create_pydantic_ai_tools", "pydantic_ai", "pydantic-ai"),
    ],
)
def test_missing_framework_is_one_sentence_with_the_command(name: str, hidden: str, extra: str) -> None:
    """The error names the function, what is missing and how to get it, and says so to programs too."""
    code = (
        HIDING.format(hidden=hidden)
        + f"""
    try:
        from openskills_adapters import {name}
    except ImportError as error:
        print(error.name, error, sep="|")
    """
    )
    text = f"{name} needs {hidden}, which is not installed: pip install 'openskills[{extra}]'"
    assert output(code) == f"{hidden}|{text}"


def test_broken_framework_is_not_called_missing(tmp_path: Path) -> None:
    """A framework that is there but fails to import keeps its own error."""
    (tmp_path / "pydantic_ai").mkdir()
    (tmp_path / "pydantic_ai" / "__init__.py").write_text("import a_dependency_of_it\n")
    code = f"""
    import sys
    sys.path.insert(0, {str(tmp_path)!r})
    try:
        from openskills_adapters import create_pydantic_ai_tools
    except ImportError as error:
        print(error.name, error, sep="|")
    """
    assert output(code) == "a_dependency_of_it|No module named 'a_dependency_of_it'"


def test_public_names_are_listed_and_there() -> None:
    """`__all__` is sorted, every name in it can be had, and no other."""
    names = openskills_adapters.__all__
    assert names == sorted(names)
    assert names == dir(openskills_adapters)
    assert all(getattr(openskills_adapters, name) for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        openskills_adapters.nope  # noqa: B018 - the access is the test
