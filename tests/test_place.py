"""What belongs to one process and nobody else: its temporary workspace, and the user ids of its scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openskills_core.errors import WorkspaceError
from openskills_core.place import Place
from openskills_core.sandbox.linux.users import RunUsers

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
# The child ends as any Python program does, with its finalizers.
FORK = """
import os, sys
from openskills_core.place import Place
place = Place(None)
root = place.workspace.root
if os.fork() == 0:
    {child}
    sys.exit()
os.wait()
print(root.is_dir())
place.close()
print(root.is_dir())
"""


def python(program: str, *prefix: str) -> str:
    """Run a program in a process of its own and return what it prints."""
    command = [*prefix, sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def _ordinary_user() -> Iterator[None]:
    """Be an ordinary user, whom permissions stop."""
    was_root = os.geteuid() == 0
    # What is imported late must be by now: an interpreter of root's need not be readable to others.
    warm = Place(None)
    warm.workspace.list()
    warm.close()
    if was_root:
        os.seteuid(NOBODY)
    yield
    if was_root:
        os.seteuid(0)


@pytest.mark.parametrize(
    "child", ["pass", "place.close()", "del place", "place.close(); place.workspace; place.close()"]
)
def test_a_forked_child_leaves_the_workspace_of_its_parent(child: str) -> None:
    """It has the object, but the directory is the parent's, who removes it."""
    assert python(FORK.format(child=child)) == "True\nFalse\n"


def test_a_child_that_closed_has_a_workspace_of_its_own() -> None:
    """It is removed with the child."""
    child = "place.close(); own = place.workspace.root; print(own != root, own.is_dir(), own, flush=True)"
    first, second, own = python(FORK.format(child=child)).split()[:3]
    assert (first, second, Path(own).exists()) == ("True", "True", False)


def test_a_process_that_ends_removes_its_workspace() -> None:
    """Without being told to close."""
    root = python("from openskills_core.place import Place; place = Place(None); print(place.workspace.root)")
    assert root
    assert not Path(root.strip()).exists()


@pytest.mark.usefixtures("_ordinary_user")
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o300, 0o400, 0o500, 0o600])
@pytest.mark.parametrize("closed", [".", "a", "a/b", "a/b/c"])
def test_a_workspace_that_a_script_closed_is_removed(closed: str, mode: int) -> None:
    """Whichever of its owner's rights a script took away, and at whatever depth."""
    place = Place(None)
    root = place.workspace.root
    for name in ("a/b/c/d/file", "a/file", "a/b/file", "a/b/c/file"):
        place.workspace.write_text(name, "x")
    (root / closed).chmod(mode)
    place.close()
    assert not root.exists()


@pytest.mark.usefixtures("_ordinary_user")
def test_removing_opens_nothing_outside() -> None:
    """A link in the workspace goes, and what it leads to keeps its rights."""
    outside, place = Place(None), Place(None)
    target = outside.workspace.root
    target.chmod(0o500)
    (place.workspace.root / "link").symlink_to(target)
    root = place.workspace.root
    place.close()
    assert (root.exists(), target.stat().st_mode & 0o777) == (False, 0o500)
    outside.close()
    assert not target.exists()


def test_a_workspace_with_more_than_can_be_listed_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of a listing is none of a removal."""
    monkeypatch.setattr("openskills_core.workspace.MAX_ENTRIES", 3)
    place = Place(None)
    for number in range(5):
        place.workspace.write_text(f"{number}", "x")
    with pytest.raises(WorkspaceError, match="more than 3 entries"):
        place.workspace.list()
    root = place.workspace.root
    place.close()
    assert not root.exists()


def test_a_named_directory_stays(tmp_path: Path) -> None:
    """Only what was made here is removed."""
    place = Place(tmp_path / "named")
    place.workspace.write_text("f", "x")
    place.close()
    assert (tmp_path / "named" / "f").is_file()


# --- user ids of scripts

USERS = """
import os, sys
from openskills_core.sandbox.linux.users import RunUsers
users = RunUsers()
taken = users.take()
if os.fork() == 0:
    own = users.take()
    users.give_back(taken)
    print(own in users.ids, own == taken, users.take() == taken, users.ids[0], flush=True)
    sys.exit()
os.wait()
print(taken in users.ids, users.take() == taken, users.ids[0])
"""


def test_a_forked_child_takes_ids_of_its_own() -> None:
    """Two runs with one id could count against each other's limits."""
    child, parent = python(USERS).splitlines()
    assert child.split()[:3] == ["True", "False", "False"]
    assert parent.split()[:2] == ["True", "False"]
    # Of a hundred thousand blocks two are the same once in a hundred thousand runs; a second try settles it.
    if child.split()[3] == parent.split()[2]:
        child, parent = python(USERS).splitlines()
    assert child.split()[3] != parent.split()[2]


def test_root_without_other_ids_is_told_so() -> None:
    """A user namespace that maps one id only; nothing is said of scripts that run at once, because none does."""
    alone = ("unshare", "--user", "--map-root-user")
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make a user namespace")
    program = """
from openskills_core.errors import OpenSkillsError
from openskills_core.sandbox.linux.users import RunUsers
users = RunUsers()
try:
    users.take()
except OpenSkillsError as error:
    print(len(users.ids), type(error).__name__, error)
"""
    count, kind, text = python(program, *alone).split(maxsplit=2)
    assert (count, kind) == ("0", "SandboxUnavailableError")
    assert text.startswith("root here has no other user ids to give to scripts")
    assert "run as an ordinary user" in text


@pytest.mark.parametrize(
    ("uid_map", "first", "last"),
    [
        ("0 0 1", 0, 0),
        ("0 1000 1\n1 100000 2", 0, 0),
        ("0 1000 4", 1, 1),
        ("0 165536 65536", 65278, 65533),
        ("0 1000 1\n1 100000 65536", 65278, 65533),
        ("0 1000 100\n100 100000 900", 748, 997),
    ],
)
def test_a_container_gives_the_topmost_ids_it_has(
    monkeypatch: pytest.MonkeyPatch, uid_map: str, first: int, last: int
) -> None:
    """Never root, never nobody (65534), whatever the kernel's table says."""
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: uid_map)
    ids = RunUsers().ids
    assert (ids[0], ids[-1]) == (first, last) if first else not ids
