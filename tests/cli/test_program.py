"""The program as a whole: help, versions, and what is loaded for what."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., subprocess.CompletedProcess[str]]
    MakeSkill = Callable[..., Path]

COMMANDS = ["list", "show", "validate", "run", "exec", "tools", "prompt", "audit", "doctor", "demo"]
HEAVY = (
    "jinja2",
    "wasmtime",
    "pydantic",
    "langchain_core",
    "pydantic_ai",
    "openai",
    "openskills_adapters",
)
LOADED = f"print(*[name for name in {HEAVY!r} if name in sys.modules])"


@pytest.mark.parametrize(
    "words", [*[(command,) for command in COMMANDS], ("audit", "list"), ("audit", "show"), ("audit", "verify")]
)
def test_every_command_has_help_with_an_example(cli: Cli, words: tuple[str, ...]) -> None:
    """`--help` ends with a line that can be copied."""
    done = cli(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith(f"  Example: openskills {' '.join(words)}")


def test_help_names_the_commands_in_order(cli: Cli) -> None:
    """The program's own help lists them, each with a whole sentence; so does the program without a word."""
    shown = cli("--help").stdout
    lines = shown.partition("Commands:\n")[2].splitlines()[: len(COMMANDS)]
    assert [line.split()[0] for line in lines] == COMMANDS
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)
    assert cli().stdout == shown


def test_version_is_the_distributions(cli: Cli) -> None:
    """`--version` prints what is installed."""
    assert cli("--version").stdout == f"openskills, version {version('openskills')}\n"


@pytest.mark.parametrize("words", [("lst",), ("list", "--no-such-option"), ("audit",), ("audit", "lst")])
def test_wrong_usage_is_2_and_names_the_help(cli: Cli, words: tuple[str, ...]) -> None:
    """The one line says where to look."""
    done = cli(*words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("error: ")
    assert "--help" in done.stderr


def _python(code: str, where: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=where, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "--json"]])
def test_listing_loads_no_template_engine_and_no_framework(
    make_skill: MakeSkill, tmp_path: Path, words: list[str]
) -> None:
    """What `list` does not need is not imported."""
    make_skill("alpha", main_py="pass")
    code = f"import sys\nfrom openskills_core.cli import main\nassert main({words!r}) == 0\n{LOADED}"
    assert _python(code, tmp_path) == ""


def test_openai_tools_load_no_framework(make_skill: MakeSkill, tmp_path: Path) -> None:
    """The adapter that knows strict schemas is loaded, the SDK is not."""
    make_skill("alpha", main_py="pass")
    code = f"import sys\nfrom openskills_core.cli import main\nmain(['tools', '--format', 'openai'])\n{LOADED}"
    assert _python(code, tmp_path) == "jinja2 openskills_adapters"


def test_importing_the_entry_point_loads_no_click(tmp_path: Path) -> None:
    """Click is loaded when the command line runs, not when it is imported."""
    assert _python("import sys, openskills_core.cli\nprint('click' in sys.modules)", tmp_path) == "False"


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "2>&-"])
def test_closed_streams_crash_nothing(make_skill: MakeSkill, tmp_path: Path, redirection: str) -> None:
    """A daemon that starts us without a standard output gets a status, not a traceback."""
    make_skill("alpha", main_py="print('x')")
    for command in ("list", "run alpha"):
        line = f"{sys.executable} -m openskills_core {command} {redirection}"
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_a_full_disk_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    """Output that cannot be written is a failure."""
    line = f"{sys.executable} -m openskills_core prompt > /dev/full"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: No space left on device")
