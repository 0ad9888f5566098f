"""What of a project is kept from its scripts: which names, which places, and what when it cannot be told."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from openskills_core import SandboxUnavailableError
from openskills_core.protected import hidden, is_there, out_of_reach, unchangeable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a repository in it."""
    (tmp_path / "project" / ".git" / "hooks").mkdir(parents=True)
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *((name, True) for name in (".env", ".env.local", ".env.production", ".env~", ".ENV", ".envrc", ".netrc")),
        *((name, True) for name in (".npmrc", ".pypirc", ".git-credentials", "id_rsa", "id_ed25519", "server.pem")),
        *((name, False) for name in (".env.example", ".env.sample", ".env.template", "env", "x.env", ".environment")),
        *((name, False) for name in (".gitignore", "id_rsa.pub", "pem", "notes.pem.md", "package.json")),
    ],
)
def test_credentials_are_known_by_their_usual_names(project: Path, name: str, is_secret: bool) -> None:
    """Examples and public halves are none."""
    (project / name).touch()
    assert [mount.path.name for mount in hidden(project, ())] == ([name] if is_secret else [])


def test_what_is_shown_instead_is_an_empty_file_that_is_there(project: Path) -> None:
    """It is mounted like any other file, and checked like one."""
    (project / ".env").write_text("secret", encoding="utf-8")
    (mount,) = hidden(project, ())
    assert (mount.path, mount.mode) == (project / ".env", "read")
    assert mount.origin.is_file()
    assert mount.origin.stat().st_size == 0


def test_only_one_listing_is_looked_at(project: Path) -> None:
    """What lies deeper is not hidden, and docs/security.md says so."""
    (project / "backend").mkdir()
    (project / "backend" / ".env").touch()
    assert list(hidden(project, ())) == []


def test_a_repository_that_came_later_may_be_a_scripts_own(tmp_path: Path) -> None:
    """One that was there first is kept whole; of another, hooks and settings are."""
    first, later = tmp_path / "first", tmp_path / "later"
    for workspace in (first, later):
        workspace.mkdir()
    (first / ".git").mkdir()
    for _ in range(2):
        assert list(unchangeable(first, ())) == [first / ".git"]
        assert list(unchangeable(later, ())) == [later / ".git/hooks", later / ".git/config"]
        (later / ".git").mkdir(exist_ok=True)
    granted = {first / ".git", first / ".git" / "config"}
    assert list(unchangeable(first, granted)) == [first / ".git/hooks"]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_a_socket_is_served_or_not_whatever_its_kind(tmp_path: Path, kind: socket.SocketKind) -> None:
    """As long as a process has it open; afterwards its file is nothing but a name."""
    with socket.socket(socket.AF_UNIX, kind) as served:
        served.bind(str(tmp_path / "s"))
        if kind != socket.SOCK_DGRAM:
            served.listen()
        assert [mount.path.name for mount in out_of_reach(tmp_path, ["s", "missing"])] == ["s"]
        # Nobody is bothered a second time.
        served.close()
    (tmp_path / "s").unlink()
    with socket.socket(socket.AF_UNIX, kind) as left:
        left.bind(str(tmp_path / "t"))
    assert list(out_of_reach(tmp_path, ["t"])) == []


def test_too_much_to_keep_is_refused(project: Path) -> None:
    """Rather than keep some of it."""
    for number in range(65):
        (project / f"{number}.pem").touch()
    with pytest.raises(SandboxUnavailableError, match="65 files"):
        list(hidden(project, ()))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
def test_what_cannot_be_looked_at_is_not_taken_for_missing(project: Path) -> None:
    """A directory closed by a script hides nothing from us, it stops us."""
    project.chmod(0o000)
    try:
        with pytest.raises(SandboxUnavailableError, match="chmod"):
            is_there(project / ".git")
    finally:
        project.chmod(0o755)
    assert is_there(project / ".git")
    assert not is_there(project / "missing" / "x")
