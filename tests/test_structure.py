"""House rules that a program can check: imports go one way, files stay small, the public names are what they say."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import openskills_core
from openskills_core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
CORE = REPOSITORY / "openskills_core"
ADAPTERS = REPOSITORY / "openskills_adapters"
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60

# Imports go down this list and never up. Rooms on one line do not know each other, except as noted in docs.
LAYERS = (
    ("errors",),
    ("manifest",),
    ("models",),
    ("hostdirs", "opening", "aio", "unseen", "netrules"),
    ("paths", "removal"),
    ("format", "policy", "search", "changes", "fileinfo", "protected"),
    ("registry", "workspace", "audit", "prompt", "sandbox", "programs"),
    ("results", "place", "scripts", "environment", "visible", "activation", "catalog", "validation"),
    ("runner",),
    ("dynamic",),
    ("intake", "options"),
    ("tools",),
    ("runtime",),
    ("cli",),
    ("__main__",),
)
LAYER_OF = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}


def _sources() -> list[Path]:
    return [path for package in (CORE, ADAPTERS) for path in sorted(package.rglob("*.py"))]


def _imports(path: Path) -> Iterator[str]:
    """Yield every absolute module a file imports, at its top or later, for types or not."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "openskills_core" else ""


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_imports_of_the_core_go_one_way(path: Path) -> None:
    """No room imports one above it; the package itself only names them for lazy loading."""
    room = path.relative_to(CORE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for module in _imports(path):
        used = _room(module)
        if used in LAYER_OF and used != room:
            assert LAYER_OF[used] < LAYER_OF[room] or (used, room) == ("programs", "scripts"), f"{room} imports {used}"


def test_every_room_has_its_layer() -> None:
    """A new file or folder has to find its place in the order."""
    rooms = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} == set(LAYER_OF)


def test_adapters_import_only_the_public_core() -> None:
    """What an adapter needs, anybody else's adapter can have too."""
    for path in ADAPTERS.rglob("*.py"):
        for module in _imports(path):
            assert not module.startswith("openskills_core.") or module.split(".")[1] in openskills_core.__all__, (
                f"{path.name} imports {module}"
            )


def test_the_sandbox_knows_no_skill_and_format_and_policy_touch_no_disk() -> None:
    """The seams that the design stands on."""
    for path in (CORE / "sandbox").rglob("*.py"):
        assert not {"openskills_core.registry", "openskills_core.models.Skill"} & set(_imports(path)), path.name
    for room in ("format", "policy"):
        for path in (CORE / room).rglob("*.py"):
            assert not {"os", "shutil", "tempfile", "subprocess", "socket"} & set(_imports(path)), path.name


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_files_and_functions_stay_small(path: Path) -> None:
    """Past these sizes nobody reads a file in one go."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, node.name


def test_the_public_names_are_sorted_and_complete() -> None:
    """`__all__` is exactly what can be imported, in order."""
    assert openskills_core.__all__ == sorted(openskills_core.__all__)
    for name in openskills_core.__all__:
        assert getattr(openskills_core, name).__name__ == name
    assert set(openskills_core.__all__) == set(openskills_core._HOME_OF)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        openskills_core.__getattr__("nonsense")


def test_the_error_tree_is_the_one_that_is_documented() -> None:
    """The module's docstring draws every class, and each has a code of its own and an exit status."""
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.OpenSkillsError)
    ]
    assert len({error.code for error in classes}) == len(classes)
    for error in classes:
        assert f"{error.__name__} " in f"{errors.__doc__} ".replace("\n", " ")
        assert error.exit_status in (1, 2, 3, 4)
        assert error.__name__ in openskills_core.__all__


def test_every_error_class_is_raised_in_a_test() -> None:
    """An error that no test can provoke is either dead or untested."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").rglob("test_*.py"))
    for name in (name for name in openskills_core.__all__ if name.endswith("Error") and name != "OpenSkillsError"):
        assert f"pytest.raises({name}" in tests, name


def test_one_function_writes_audit_records() -> None:
    """Evidence has one source."""
    sites = [path for path in _sources() if "write_line(" in path.read_text(encoding="utf-8")]
    assert sorted(path.name for path in sites) == ["files.py", "log.py"]


def test_importing_the_core_loads_no_library_and_no_framework() -> None:
    """The cost of `import openskills_core` is its own name, nothing else."""
    script = (
        "import sys; before = set(sys.modules); import openskills_core, openskills_adapters;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) <= {"openskills_core", "openskills_adapters", *sys.stdlib_module_names}
    assert not {"asyncio", "subprocess", "ctypes", "json", "socket"} & set(loaded)


def test_using_the_runtime_loads_no_framework_and_no_template_engine() -> None:
    """Discovery needs YAML; jinja2, wasmtime, click and the frameworks wait until they are asked for."""
    script = (
        "import sys, tempfile; from openskills_core import OpenSkillRuntime;"
        "OpenSkillRuntime.from_directory(tempfile.mkdtemp()).discover_skills();"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"jinja2", "wasmtime", "click", "pydantic", "langchain_core", "langchain", "pydantic_ai", "openai"}
    assert not heavy & set(loaded)


def test_the_repository_names_no_place_of_the_machine_it_was_made_on() -> None:
    """Sources and documents speak of no private path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        path = REPOSITORY / name
        if path.is_file() and path != Path(__file__):
            assert "/work/" not in path.read_text(encoding="utf-8", errors="replace"), name
