"""The self-test tests itself: every canary is live, and whatever a sandbox leaves open, the one that fits gets out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core import SandboxUnavailableError
from openskills_core.models import Ended, Job, Mount, SandboxReport
from openskills_core.programs import Programs
from openskills_core.sandbox import Sandbox, choose
from openskills_core.sandbox.bait import MARK
from openskills_core.sandbox.canaries import CANARIES
from openskills_core.sandbox.check import CanaryResult, check
from openskills_core.sandbox.unconfined import UnconfinedSandbox
from tests.sandbox import container

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterator

    from openskills_core.sandbox import OnOutput

REPOSITORY = Path(__file__).parents[2]
PYTHON = Programs().python
# Whatever the sandbox is, the host does not follow links when it looks at results.
NEVER_OUT = "leave a link for the host to follow"


@pytest.fixture(scope="module")
def strong() -> Iterator[Sandbox]:
    """The strongest sandbox here."""
    sandbox = choose("auto")
    yield sandbox
    sandbox.close()


class Leaky:
    """A real sandbox that is told to do a little more than it should."""

    name = "leaky"

    def __init__(self, sandbox: Sandbox, leak: Callable[[Job], Job]) -> None:
        self._sandbox = sandbox
        self._leak = leak

    def run(self, job: Job, *, cancel: threading.Event | None = None, on_output: OnOutput | None = None) -> Ended:
        """Run the job with the leak in it."""
        return self._sandbox.run(self._leak(job), cancel=cancel, on_output=on_output)

    def probe(self) -> SandboxReport:
        """Report what the sandbox behind it does."""
        return self._sandbox.probe()

    def close(self) -> None:
        """Leave the sandbox behind it to its owner."""


def _checked(sandbox: Sandbox, leaves_open: Collection[str] = ()) -> dict[str, CanaryResult]:
    return {outcome.name: outcome for outcome in check(sandbox, PYTHON.executable, PYTHON.needs, leaves_open)}


def _out(found: dict[str, CanaryResult]) -> set[str]:
    return {name for name, outcome in found.items() if outcome.state == "out"}


def test_every_canary_is_stopped_by_the_strongest_sandbox(strong: Sandbox) -> None:
    """Held, and shown to be live; only what the machine refuses to everybody may show nothing."""
    found = _checked(strong)
    assert list(found) == [canary.name for canary in CANARIES]
    assert [outcome for outcome in found.values() if not outcome.ok] == []
    needed = {canary.name for canary in CANARIES if canary.planted}
    assert {name for name, outcome in found.items() if outcome.state == "held"} >= needed


def test_every_canary_gets_out_where_there_is_no_sandbox() -> None:
    """Each attack is real."""
    found = _checked(UnconfinedSandbox())
    needed = {canary.name for canary in CANARIES if canary.planted}
    assert _out(found) >= needed - {NEVER_OUT}
    assert not any(found[name].ok for name in _out(found))


def _with(job: Job, mount: Mount) -> Job:
    return replace(job, mounts=(*job.mounts, mount))


def _beside(job: Job) -> Path:
    return job.cwd.parent


LEAKS: dict[str, tuple[Callable[[Job], Job], set[str]]] = {
    "the home directory": (
        lambda job: _with(job, Mount(Path.home().resolve())),
        {"read a file in the home directory"},
    ),
    "a writable skill": (
        lambda job: _with(job, Mount(_beside(job) / "skill", "write")),
        {"change its own skill"},
    ),
    "what lies beside the workspace": (
        lambda job: _with(job, Mount(_beside(job))),
        {"read a private file of another skill", "reach a UNIX socket by its path"},
    ),
    "writing beside the workspace": (
        lambda job: _with(job, Mount(_beside(job) / "outside", "write")),
        {"write outside of the workspace", "change the mode of a file outside", "reach a UNIX socket by its path"},
    ),
    "larger limits": (
        lambda job: replace(job, limits=replace(job.limits, processes=200, memory_mb=1024)),
        {"fork beyond its limit", "take memory beyond its limit"},
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_lets_the_canary_out_that_is_there_to_find_it(strong: Sandbox, leak: str) -> None:
    """One thing too much in an otherwise tight sandbox, and exactly the canaries of that thing get out."""
    weaken, expected = LEAKS[leak]
    found = _checked(Leaky(strong, weaken))
    assert _out(found) == expected
    assert [name for name, outcome in found.items() if not outcome.ok] == [name for name in found if name in expected]


def test_a_hole_that_the_tier_admits_is_no_failure(strong: Sandbox) -> None:
    """It is told as a known one; any other is a failure still."""
    weaken, escaping = LEAKS["what lies beside the workspace"]
    admitted, *others = sorted(escaping)
    found = _checked(Leaky(strong, weaken), [admitted, "outlive its call"])
    assert (found[admitted].state, found[admitted].ok) == ("hole", True)
    assert _out(found) == set(others)
    assert found["outlive its call"].state == "held"


def test_attacks_that_do_not_begin_show_nothing(strong: Sandbox) -> None:
    """A sandbox in which nothing starts stops everything, which proves nothing."""
    found = _checked(Leaky(strong, lambda job: replace(job, argv=("/bin/false",)))).values()
    assert {(outcome.state, outcome.ok) for outcome in found} == {("void", False)}
    assert {outcome.detail for outcome in found} == {"it did not even begin: failed"}


PROGRAM = """
import json
from openskills_core.programs import Programs
from openskills_core.sandbox.check import check
from openskills_core.sandbox.unconfined import UnconfinedSandbox
python = Programs().python
found = check(UnconfinedSandbox(), python.executable, python.needs)
print(json.dumps({outcome.name: (outcome.state, outcome.ok) for outcome in found}))
"""


def test_what_the_machine_refuses_to_everybody_shows_nothing_and_fails_nothing() -> None:
    """In a container without namespaces, no sandbox can be praised for refusing them."""
    outer = [sys.executable, "-m", "tests.sandbox.container", json.dumps(container.DOCKER)]
    done = subprocess.run(
        [*outer, sys.executable, "-c", PROGRAM], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    for name in ("make a user namespace", "set up io_uring", "ask for the session's keyring"):
        assert found[name] == ["void", True]
    assert found["read a file in the home directory"] == ["out", False]


def _marked_processes() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if MARK.encode() in line or b"outlive" in line:
            found.append(line)
    return found


def test_nothing_planted_is_left(strong: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, sockets and processes are gone, those of a sandbox that let everything out included."""
    tmp_path.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    strong.run(Job(("/bin/true",), {}, Path("/"), (), CANARIES[0].limits))
    before = len(list(Path("/proc/self/fd").iterdir()))
    _checked(strong)
    _checked(UnconfinedSandbox())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not list(tmp_path.rglob(f"*{MARK}*"))
    assert not list(Path.home().glob(f".{MARK}*"))
    deadline = time.monotonic() + 5  # the one that outlived its call looks every few milliseconds whether it may
    while _marked_processes() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _marked_processes() == []


def test_a_sandbox_that_goes_away_is_no_outcome(strong: Sandbox, tmp_path: Path) -> None:
    """The error is the caller's to handle, and what was planted is taken away."""

    def fail(_job: Job) -> Job:
        raise SandboxUnavailableError("gone")

    with pytest.raises(SandboxUnavailableError, match="gone"):
        _checked(Leaky(strong, fail))
    assert not list(Path.home().glob(f".{MARK}*"))
    assert not list(Path(tempfile.gettempdir()).glob(f"{MARK}*/workspace/{tmp_path.name}"))


def test_a_long_temporary_directory_and_no_home_are_no_obstacle(
    strong: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket's address is short, and a service user may have no home: other places serve."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    assert [outcome for outcome in _checked(strong).values() if not outcome.ok] == []
