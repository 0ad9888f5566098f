"""What lies on the disk of a running job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core import Limits
from openskills_core.models import Job, Mount
from openskills_core.sandbox import disk
from openskills_core.sandbox.disk import DiskWatch, exceeds

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _fill(folder: Path, size: int) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_bytes(b"x" * size)


def test_a_directory_exceeds_what_its_files_take_together(tmp_path: Path) -> None:
    """However deep they lie; what a symbolic link leads to is not counted."""
    _fill(tmp_path, 300_000)
    (tmp_path / "link").symlink_to("/usr")
    assert exceeds(tmp_path, 200_000)
    assert not exceeds(tmp_path, 400_000)


def test_absurdly_many_files_exceed_any_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty files cost too, and looking at them takes time."""
    monkeypatch.setattr(disk, "_MAX_FILES", 10)
    for number in range(11):
        (tmp_path / str(number)).touch()
    assert exceeds(tmp_path, 1 << 40)


def test_a_path_too_long_to_look_at_exceeds_any_bound(tmp_path: Path) -> None:
    """What hides from its host has a reason."""
    folder = tmp_path
    for _ in range(20):
        folder = folder / ("d" * 250)
        try:
            folder.mkdir()
        except OSError:
            break
    assert not exceeds(tmp_path, 1 << 40)
    long = tmp_path / ("x" * 250)
    while len(str(long)) < 5_000:
        long = long / ("x" * 250)
    assert exceeds(long, 1 << 40)


def test_a_watch_looks_at_what_may_be_written_and_not_all_the_time(tmp_path: Path) -> None:
    """Not before it is due, and not at what is only read."""
    read, written = tmp_path / "read", tmp_path / "written"
    for folder in (read, written):
        folder.mkdir()
    _fill(read, 3 << 20)
    mounts = (Mount(read), Mount(written, "write"))
    watch = DiskWatch.of(Job(("/bin/true",), {}, tmp_path, mounts, Limits(workspace_mb=1)))
    assert watch.folders == (written,)
    _fill(written, 3 << 20)
    assert watch.overuse() == ""
    watch._due = 0.0
    assert watch.overuse() == "limit:workspace"
    assert watch.overuse() == ""
