"""`openskills doctor`: what a person, a script and a build see of the sandbox here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core.cli.doctor import _Findings
from openskills_core.models import Mechanism, SandboxReport
from openskills_core.sandbox.check import CanaryResult
from tests.sandbox import container

if TYPE_CHECKING:
    from collections.abc import Callable

    Cli = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).parents[2]


def test_a_healthy_machine_is_told_in_full(cli: Cli) -> None:
    """The tier first, then what was seen, offered, attacked and left open; the exit status is 0."""
    done = cli("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("tier full (bubblewrap): ")
    titles = [line for line in lines[1:] if line and not line.startswith(" ")]
    assert titles == [
        "seen from inside the sandbox",
        "offered by this machine",
        "canaries, each of them live outside of the sandbox",
        "not stopped by this tier",
    ]
    assert "  held        kill a host process" in done.stdout
    assert "GOT OUT" not in done.stdout


def test_json_is_one_document_with_everything_in_it(cli: Cli) -> None:
    """A build can look for a single mechanism or canary."""
    done = cli("doctor", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (found["ok"], found["tier"], found["backend"], found["available"]) == (True, "full", "bubblewrap", True)
    assert {"name", "holds", "detail", "errno"} == set(found["mechanisms"][0]) == set(found["machine"][0])
    assert {"name", "state", "detail", "ok"} == set(found["canaries"][0])
    assert len(found["canaries"]) >= 19
    assert found["holes"]


def test_without_isolation_the_canaries_get_out_and_it_says_why(cli: Cli) -> None:
    """That is what was asked for, and no reason to end with 0."""
    done = cli("doctor", "--sandbox", "unconfined")
    assert done.returncode == 1
    assert done.stdout.startswith("tier none (unconfined): 0 of 5 mechanisms hold")
    assert "GOT OUT     read a file in the home directory" in done.stdout
    assert "error: CANARIES GOT OUT: read a file in the home directory; " in done.stderr
    assert "this is what was asked for" in done.stderr
    assert json.loads(cli("doctor", "--sandbox", "unconfined", "--json").stdout)["ok"] is False


def _in_docker(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    outer = [sys.executable, "-m", "tests.sandbox.container", json.dumps(container.DOCKER)]
    inner = [sys.executable, "-m", "openskills_core", "doctor", *words]
    environment = {**os.environ, "HOME": str(tmp_path)}
    return subprocess.run(
        [*outer, *inner], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_without_a_sandbox_it_is_4_and_the_fix_is_named(tmp_path: Path) -> None:
    """As in a container: which call was refused with which error, and how to start the container instead."""
    done = _in_docker(tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith("no sandbox: scripts are refused here\n")
    assert "missing     user namespace" in done.stdout
    assert "EPERM unshare: Operation not permitted" in done.stdout
    assert "seccomp=unconfined" in done.stdout.rpartition("what to do\n")[2]
    assert done.stderr.startswith("error: the sandbox could not be set up: ")
    assert "canaries" not in done.stdout


def test_without_a_sandbox_json_is_one_document_too(tmp_path: Path) -> None:
    """No canary was let loose, and that is to be seen."""
    done = _in_docker(tmp_path, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 4
    assert (found["ok"], found["available"], found["tier"], found["canaries"]) == (False, False, "none", [])
    assert {one["name"]: one["errno"] for one in found["machine"]}["user namespace"] == "EPERM"


def test_an_unknown_sandbox_is_4(cli: Cli) -> None:
    """The text names those there are."""
    done = cli("doctor", "--sandbox", "magic")
    assert (done.returncode, done.stdout) == (4, "")
    assert "'auto', " in done.stderr


HELD, OUT = CanaryResult("a", "held", "EPERM", ok=True), CanaryResult("b", "out", "it got out", ok=False)
HOLE, IDLE = CanaryResult("c", "hole", "known", ok=True), CanaryResult("d", "void", "did not begin", ok=False)
HOLDS, MISSING = Mechanism("m", holds=True), Mechanism("n", holds=False)


@pytest.mark.parametrize(
    ("available", "mechanisms", "outcomes", "status"),
    [
        (True, [HOLDS], [HELD], 0),
        (True, [HOLDS], [HELD, HOLE], 0),
        (True, [HOLDS], [HELD, OUT], 1),
        (True, [HOLDS], [HELD, IDLE], 1),
        (True, [HOLDS, MISSING], [HELD], 1),
        (False, [], [], 4),
    ],
)
def test_the_exit_status_says_what_was_found(
    available: bool, mechanisms: list[Mechanism], outcomes: list[CanaryResult], status: int
) -> None:
    """0 only when all that the tier claims is as it claims."""
    report = SandboxReport("some", "full", available=available, mechanisms=tuple(mechanisms))
    assert _Findings(report, outcomes).status == status
