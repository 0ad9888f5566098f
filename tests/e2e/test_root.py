"""What only a host that runs as root can show: throw-away users, and files that keep their owner."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from openskills_core import Limits
from openskills_core.models import Job, Mount
from openskills_core.sandbox.linux.bwrap import BubblewrapSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the host is an ordinary user, who has no throw-away users")


@pytest.fixture
def sandbox() -> Iterator[BubblewrapSandbox]:
    """A sandbox with a helper process of its own."""
    sandbox = BubblewrapSandbox()
    yield sandbox
    sandbox.close()


def _shell(command: str, workspace: Path) -> Job:
    mounts = (Mount(workspace, "write"),)
    return Job(("/bin/sh", "-c", command), {"PATH": "/usr/bin:/bin"}, workspace, mounts, Limits())


def test_as_root_a_private_workspace_belongs_to_its_owner_afterwards(
    sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    """A script runs as a throw-away user, yet reads and writes a 0700 directory whose files stay its owner's."""
    tmp_path.chmod(0o700)
    (tmp_path / "old").write_text("old", encoding="utf-8")
    (tmp_path / "old").chmod(0o600)
    os.chown(tmp_path, 4711, 4711)
    os.chown(tmp_path / "old", 4711, 4711)
    ended = sandbox.run(_shell("id -u; cat old; echo new > new; echo more >> old", tmp_path))
    user, content = ended.stdout.decode().split()
    assert int(user) > 65_535
    assert content == "old"
    assert {path.name: path.stat().st_uid for path in tmp_path.iterdir()} == {"old": 4711, "new": 4711}


def test_concurrent_runs_of_a_root_host_are_different_users(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    """Each has an id that no other running script has, and ids are used again."""
    seen: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: seen.append(sandbox.run(_shell("id -u; sleep 0.5", tmp_path)).stdout))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 4
    assert sandbox.run(_shell("id -u", tmp_path)).stdout in seen
