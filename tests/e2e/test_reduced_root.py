"""The reduced tier under a root host: whose a workspace is, and who may not be root."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from openskills_core import AuditLog, HostPolicy, Limits, OpenSkillRuntime, SandboxUnavailableError
from openskills_core.models import Job, Mount
from openskills_core.sandbox.linux.landlock import LandlockSandbox
from openskills_core.sandbox.linux.users import is_throw_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's scripts run as that user")
PYTHON = "/usr/bin/python3"


@pytest.fixture
def sandbox() -> Iterator[LandlockSandbox]:
    """A sandbox with a helper process of its own."""
    sandbox = LandlockSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A directory that other users can get to."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


def _shell(command: str, workspace: Path, *mounts: Mount) -> Job:
    env = {"PATH": "/usr/bin:/bin"}
    return Job(("/bin/sh", "-c", command), env, workspace, (Mount(workspace, "write"), *mounts), Limits())


@pytest.fixture
def runtime(make_skill: Callable[..., Path], open_path: Path, sandbox: LandlockSandbox) -> Iterator[OpenSkillRuntime]:
    """A runtime with a temporary workspace and a skill that adds a line to each file there."""
    script = "for f in given made; do echo mine >> $f; done; id -u; stat -c %u . given made"
    folder = make_skill("adder", main_sh=script).parent
    log = AuditLog(open_path / "audit.jsonl")
    with OpenSkillRuntime.from_directory(folder, sandbox=sandbox, audit=log, python=PYTHON) as runtime:
        yield runtime


def test_a_temporary_workspace_is_handed_over_with_what_the_host_has_put_there(runtime: OpenSkillRuntime) -> None:
    """The host writes as root before and between calls; scripts change those files, and the host reads on."""
    runtime.workspace.write_text("given", "host\n")
    first = runtime.execute_skill("adder")
    assert (first.status, first.stderr) == ("success", "")
    user = int(first.stdout.split()[0])
    assert is_throw_away(user)
    assert first.stdout.split() == [str(user)] * 4
    assert [artifact.path for artifact in first.artifacts] == ["given", "made"]
    runtime.tools().call("write_file", {"path": "deep/given", "content": "host\n"})
    runtime.workspace.write_text("made", "host again\n")
    again = runtime.execute_skill("adder")
    assert again.stdout.split() == [str(user)] * 4
    assert runtime.workspace.read_text("made") == "host again\nmine\n"
    assert (runtime.workspace.root / "deep" / "given").stat().st_uid == user
    root = runtime.workspace.root
    runtime.close()
    assert not root.exists()


def test_an_empty_directory_is_handed_over_and_belongs_to_the_same_user_for_good(open_path: Path) -> None:
    """Another host process, later, finds its files and goes on as that user."""
    workspace = open_path / "work"
    workspace.mkdir()
    users = []
    for command in ("id -u; echo one > file", "id -u; echo two >> file; rm -f file.old; mv file file.old"):
        sandbox = LandlockSandbox()
        ended = sandbox.run(_shell(command, workspace))
        sandbox.close()
        assert (ended.status, ended.stderr) == ("success", b"")
        users.append(int(ended.stdout))
    assert users[0] == users[1] == workspace.stat().st_uid
    assert (workspace / "file.old").read_text() == "one\ntwo\n"


@pytest.mark.parametrize("owner", [0, 4711])
def test_somebodys_own_work_is_never_taken_over_unasked(sandbox: LandlockSandbox, open_path: Path, owner: int) -> None:
    """The call is refused, nothing is changed, and the command that the refusal names makes it work."""
    workspace = open_path / "project"
    workspace.mkdir()
    (workspace / "file").write_text("theirs\n", encoding="utf-8")
    for path in (workspace, workspace / "file"):
        os.chown(path, owner, owner)
    with pytest.raises(SandboxUnavailableError, match=r"belongs to user \d+.*chown -R") as refused:
        sandbox.run(_shell("echo mine >> file", workspace))
    assert (workspace.stat().st_uid, (workspace / "file").stat().st_uid) == (owner, owner)
    subprocess.run(str(refused.value).rpartition("with: ")[2].split(), check=True)
    assert sandbox.run(_shell("echo mine >> file", workspace)).status == "success"
    assert (workspace / "file").read_text() == "theirs\nmine\n"


def test_only_the_hosts_own_strays_are_handed_over(sandbox: LandlockSandbox, open_path: Path) -> None:
    """Not what has another name somewhere else, not what a link leads to, and not another user's."""
    workspace = open_path / "work"
    workspace.mkdir()
    sandbox.run(_shell("true", workspace))
    user = workspace.stat().st_uid
    (open_path / "elsewhere").write_text("x", encoding="utf-8")
    os.link(open_path / "elsewhere", workspace / "linked")
    (workspace / "way").symlink_to(open_path / "elsewhere")
    (workspace / "theirs").touch()
    os.chown(workspace / "theirs", 4711, 4711)
    (workspace / "folder").mkdir()
    (workspace / "folder" / "stray").touch()
    sandbox.run(_shell("true", workspace))
    owners = {path.name: path.lstat().st_uid for path in workspace.rglob("*")}
    assert owners == {"linked": 0, "way": 0, "theirs": 4711, "folder": user, "stray": user}
    assert (open_path / "elsewhere").stat().st_uid == 0


def test_different_workspaces_have_different_users(sandbox: LandlockSandbox, open_path: Path) -> None:
    """What one leaves on the host's disk is not the other's to touch, sandbox or not."""
    users = set()
    for name in ("one", "other"):
        (open_path / name).mkdir()
        users.add(sandbox.run(_shell("id -u", open_path / name)).stdout)
    assert len(users) == 2


def test_a_workspace_that_is_only_read_needs_no_owner(
    make_skill: Callable[..., Path], open_path: Path, sandbox: LandlockSandbox
) -> None:
    """Where Write is denied a fresh throw-away user looks at root's files, and they stay root's."""
    make_skill("reader", main_sh="cat file; id -u; echo x >> file\n")
    workspace = open_path / "project"
    workspace.mkdir()
    (workspace / "file").write_text("theirs\n", encoding="utf-8")
    options = {"workspace_dir": workspace, "sandbox": sandbox, "python": PYTHON, "policy": HostPolicy(deny=["Write"])}
    log = AuditLog(open_path / "audit.jsonl")
    with OpenSkillRuntime.from_directory(open_path / "skills", audit=log, **options) as runtime:  # type: ignore[arg-type]  # their names
        result = runtime.execute_skill("reader")
    content, user = result.stdout.split()
    assert (content, is_throw_away(int(user)), result.status) == ("theirs", True, "failed")
    assert (workspace / "file").stat().st_uid == 0


@pytest.mark.parametrize("closed", ["mount", "workspace"])
def test_what_the_throw_away_user_cannot_reach_is_named(sandbox: LandlockSandbox, open_path: Path, closed: str) -> None:
    """A directory in a closed home, such as an interpreter's: refused with the way out, before anything runs."""
    home = open_path / "home"
    for folder in (home / "python", home / "work", open_path / "work"):
        folder.mkdir(parents=True)
    home.chmod(0o700)
    workspace = home / "work" if closed == "workspace" else open_path / "work"
    mounts = [Mount(home / "python")] if closed == "mount" else []
    culprit = home / "python" if closed == "mount" else workspace
    with pytest.raises(SandboxUnavailableError, match=r"is closed to.*python='/usr/bin/python3'") as refused:
        sandbox.run(_shell("touch ran", workspace, *mounts))
    assert refused.value.culprit == str(culprit)
    assert list(workspace.iterdir()) == []


def test_a_set_user_id_program_does_not_make_root(sandbox: LandlockSandbox, open_path: Path) -> None:
    """One of root's that everybody may run; for another user without a sandbox it works."""
    tools, workspace = open_path / "tools", open_path / "work"
    tools.mkdir()
    workspace.mkdir()
    shutil.copy(shutil.which("id") or "/usr/bin/id", tools / "id")
    (tools / "id").chmod(0o4755)
    outside = subprocess.run([tools / "id", "-u"], capture_output=True, check=True, user=4711, cwd="/").stdout
    assert outside == b"0\n"
    ended = sandbox.run(_shell(f"{tools}/id -u; id -u", workspace, Mount(tools)))
    effective, real = map(int, ended.stdout.split())
    assert effective == real != 0
