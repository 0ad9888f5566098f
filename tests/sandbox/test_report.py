"""The report: what is measured, what it makes of a kernel that refuses, and the advice it gives then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core.models import Mechanism
from openskills_core.sandbox import choose
from openskills_core.sandbox.linux import find
from openskills_core.sandbox.linux.bwrap import BubblewrapSandbox
from openskills_core.sandbox.linux.fixes import advice, advice_on
from openskills_core.sandbox.linux.report import machine, report
from openskills_core.sandbox.unconfined import UnconfinedSandbox
from tests.sandbox import container

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
# Reports on a sandbox, then tries to run something in it all the same.
PROGRAM = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from openskills_core import OpenSkillsError
from openskills_core.models import Job, Limits, Mount
from openskills_core.sandbox import choose
sandbox, workspace = choose(sys.argv[2]), Path(sys.argv[1])
found, ended = asdict(sandbox.probe()), ""
job = Job(("/bin/sh", "-c", "touch ran"), {"PATH": "/usr/bin:/bin"}, workspace, (Mount(workspace, "write"),), Limits())
try:
    ended = sandbox.run(job).status
except OpenSkillsError as error:
    ended = error.code
sandbox.close()
print(json.dumps({**found, "ended": ended}))
"""


def _measured(settings: dict[str, Any], workspace: Path, sandbox: str = "auto") -> dict[str, Any]:
    """Return the report that a process makes where the kernel offers less, and how its attempt to run ended."""
    inner = [sys.executable, "-c", PROGRAM, str(workspace), sandbox]
    outer = [sys.executable, "-m", "tests.sandbox.container", json.dumps(settings), *inner]
    done = subprocess.run(outer, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _refused(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["errno"] for one in found["machine"] if not one["holds"] and one["errno"]}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


REFUSALS: dict[str, tuple[dict[str, Any], tuple[str, str], str]] = {
    "docker": (container.DOCKER, ("user namespace", "EPERM"), "seccomp=unconfined"),
    "mounts": ({"deny": {"mount": "EPERM"}}, ("mounts in it", "EPERM"), "apparmor=unconfined"),
    "none left": (
        {"deny": {"unshare": "ENOSPC"}, "namespaces": "ENOSPC"},
        ("user namespace", "ENOSPC"),
        "user.max_user_namespaces",
    ),
    "not built in": (
        {"deny": {"unshare": "EINVAL"}, "namespaces": "EINVAL"},
        ("user namespace", "EINVAL"),
        "CONFIG_USER_NS",
    ),
    "covered /proc": ({"proc": "covered"}, ("/proc in it", "EPERM"), "systempaths=unconfined"),
    "no filters": ({"filters": "EINVAL"}, ("system-call filter", "EINVAL"), "CONFIG_SECCOMP_FILTER"),
    "no descriptors": ({"deny": {"pidfd_open": "ENOSYS"}}, ("process descriptors", "ENOSYS"), "Linux 5.14"),
    "no limits": ({"deny": {"prlimit64": "EPERM"}}, ("limits of a child", "EPERM"), "seccomp=unconfined"),
}
if os.geteuid() == 0:
    REFUSALS["powerless root"] = ({"capabilities": True}, ("id-mapped mounts", "EPERM"), "USER in the Dockerfile")


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_kernel_refuses_is_measured_and_nothing_runs(case: str, workspace: Path) -> None:
    """The primitive is really gone: there is no sandbox, the errno is told, and so is what to do about it."""
    settings, (name, errno), words = REFUSALS[case]
    found = _measured(settings, workspace)
    assert (found["available"], found["tier"], found["mechanisms"]) == (False, "none", [])
    assert _refused(found)[name] == errno
    assert words in found["fix"]
    # Bubblewrap notices a missing filter only once it is let go, so that this attempt counts as one that was killed.
    assert found["ended"] == ("killed" if case == "no filters" else "sandbox-unavailable")
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize(
    "settings",
    [{}, {"proc": "new"}, {"proc": "new", **container.OPENED_DOCKER}],
    ids=["as it is", "in a container that covers nothing", "with the calls that the sandbox needs"],
)
def test_where_nothing_is_refused_the_whole_tier_holds(settings: dict[str, Any], workspace: Path) -> None:
    """The positive control of the cases above: process and mount namespaces around it take nothing away."""
    found = _measured(settings, workspace)
    assert (found["available"], found["tier"], found["fix"], found["ended"]) == (True, "full", "", "success")
    assert [one["name"] for one in found["mechanisms"] if not one["holds"]] == []
    assert [path.name for path in workspace.iterdir()] == ["ran"]


def test_a_kernel_without_landlock_loses_the_reduced_tier_only(workspace: Path) -> None:
    """It is told as missing, the full tier holds without it, and the reduced one is refused rather than run open."""
    settings = {"deny": {"landlock_create_ruleset": "ENOSYS"}}
    reduced = _measured(settings, workspace, "landlock")
    assert (reduced["available"], reduced["tier"], reduced["ended"]) == (False, "none", "sandbox-unavailable")
    assert list(workspace.iterdir()) == []
    found = _measured(settings, workspace)
    assert _refused(found)["Landlock"] == "ENOSYS"
    assert (found["tier"], found["ended"]) == ("full", "success")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("setting up uid map: Permission denied", "AppArmor"),
        ("loopback: Failed RTM_NEWADDR: Operation not permitted", "apparmor_restrict_unprivileged_userns"),
        ("No permissions to creating new namespace, likely because", "namespaces"),
        ("Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)", "sysctl"),
        ("Creating new namespace failed, likely because the kernel does not support user namespaces", "CONFIG_USER_NS"),
        ("Can't mount proc on /newroot/proc: Operation not permitted", "systempaths=unconfined"),
        ("Failed to make / slave: Permission denied", "apparmor=unconfined"),
        ("Can't mount devpts on /newroot/dev/pts: Permission denied", "label=disable"),
        ("pivot_root: Operation not permitted", "seccomp=unconfined"),
        ("pivot_root: Invalid argument", "initramfs"),
        ("prctl(PR_SET_SECCOMP): Invalid argument", "CONFIG_SECCOMP_FILTER"),
        ("no id-mapped view of /w: syscall: Invalid argument", "overlayfs"),
        ("unshare: Operation not permitted", "namespaces are refused"),
    ],
)
def test_each_known_message_has_its_advice(message: str, words: str) -> None:
    """What bubblewrap and the kernel say on other systems leads to the fix there."""
    assert words in advice(message)
    assert words in str(find.unavailable(f"bwrap: {message}\n"))


@pytest.mark.parametrize("message", ["", "it ended without a word", "Can't chdir to /w: Permission denied"])
def test_an_unknown_message_gets_no_made_up_advice(message: str) -> None:
    """Nothing is guessed."""
    assert advice(message) == ""


@pytest.mark.parametrize(
    ("name", "errno", "words"),
    [
        ("mounts in it", "EACCES", "AppArmor"),
        ("network in it", "EPERM", "AppArmor"),
        ("user namespace", "ENOSPC", "max_user_namespaces"),
        ("Landlock", "ENOSYS", ""),
        ("control group of its own", "EACCES", ""),
    ],
)
def test_what_was_measured_has_its_advice_too(name: str, errno: str, words: str) -> None:
    """Where a message tells no cause, what failed does; what the full tier can do without needs none."""
    found = advice_on([Mechanism("Landlock", holds=True), Mechanism(name, holds=False, errno=errno)])
    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$", "echo oops >&2; exit 3"])
def test_a_bubblewrap_that_only_fails_is_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """Whatever it says: unavailable, with what the machine offers to tell why."""
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(find, "_SYSTEM", (str(fake),))
    sandbox = BubblewrapSandbox()
    found = sandbox.probe()
    sandbox.close()
    assert (found.available, found.tier) == (False, "none")
    assert "could not be set up" in found.fix
    assert [one.name for one in found.machine if one.name == "user namespace" and one.holds] == ["user namespace"]


def test_a_missing_bubblewrap_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine offers all but the program."""
    monkeypatch.setattr(find, "_SYSTEM", ())
    monkeypatch.setattr(find, "_package_folders", list)
    sandbox = BubblewrapSandbox()
    found = sandbox.probe()
    sandbox.close()
    assert not found.available
    assert "apt install bubblewrap" in found.fix
    assert [one.name for one in found.machine if not one.holds and one.name == "bubblewrap"] == ["bubblewrap"]


def test_mechanisms_are_seen_and_not_assumed() -> None:
    """Looking around without any sandbox finds that nearly nothing holds, and says so."""
    found = report(UnconfinedSandbox().run)
    held = {mechanism.name for mechanism in found.mechanisms if mechanism.holds}
    assert not held & {"pid namespace", "net namespace", "mnt namespace", "ipc namespace", "no host processes"}
    assert not held & {"throw-away user", "user namespace", "limit of processes", "limit of data size", "workspace"}
    assert found.tier == "none"
    assert found.fix.startswith("run no skill that you do not trust")


@pytest.fixture
def _quiet_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "scratch"
    folder.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_measuring_leaves_nothing_behind(_quiet_scratch: Path) -> None:  # noqa: PT019 - its value is needed
    """No file, no mount, no process group, no open descriptor."""
    mounts, descriptors = Path("/proc/self/mountinfo").read_text(), len(list(Path("/proc/self/fd").iterdir()))
    sandbox = choose("auto")
    sandbox.probe()
    sandbox.close()
    assert list(_quiet_scratch.iterdir()) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_root_measures_as_the_user_that_scripts_become() -> None:
    """A namespace that only root may make would be of no use."""
    user = next(one for one in machine() if one.name == "user namespace").detail
    assert user.startswith("as user ")
    assert user != "as user 0"


def test_a_report_is_plain_data() -> None:
    """It goes into JSON as it is, for a dashboard or a log."""
    sandbox = choose("auto")
    found = sandbox.probe()
    sandbox.close()
    assert json.loads(json.dumps(asdict(found)))["tier"] == "full"
