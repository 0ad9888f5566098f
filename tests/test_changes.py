"""What a call changed in its workspace: which files, and how the bounds hold against a script that floods it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import pytest

from openskills_core import changes as changes_module
from openskills_core import opening, paths
from openskills_core.changes import Changes, Snapshot
from openskills_core.models import MIB, Artifact
from openskills_core.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openskills_core import OpenSkillRuntime

OPENERS = {"openat2": opening.open_beneath, "walk": opening.open_by_walk}
NOBODY = 65534


@pytest.fixture(params=sorted(OPENERS), autouse=True)
def opener(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run each test through the kernel's resolver and through the walk that stands in for it."""
    name = str(request.param)
    monkeypatch.setattr(paths, "choose_opener", lambda: OPENERS[name])
    return name


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """Make an empty workspace."""
    return Workspace(tmp_path / "ws")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Make a directory beside the workspace that nothing may reach."""
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "secret.txt").write_text("outside-canary")
    return directory


Change = Literal["created", "modified", "deleted"]


def changes(ws: Workspace, act: Callable[[], object]) -> list[tuple[str, Change, int]]:
    """Return what changed while `act` ran."""
    before = ws.snapshot()
    act()
    return [(artifact.path, artifact.change, artifact.size) for artifact in ws.changes_since(before).artifacts]


def touch(ws: Workspace, *files: str) -> None:
    """Make empty files as a script would."""
    for name in files:
        (ws.root / name).touch()


def test_created_modified_and_deleted_files_are_artifacts(ws: Workspace) -> None:
    """Sorted by path, with the sha256 of what is there now."""
    for path in ("keep", "change", "gone", "dir/inner"):
        ws.write_text(path, "1")
    before = ws.snapshot()
    ws.write_text("new/file", "hello")
    (ws.root / "change").write_text("2")
    ws.delete("gone")
    ws.delete("dir", recursive=True)
    found = ws.changes_since(before).artifacts
    assert [(artifact.path, artifact.change, artifact.size) for artifact in found] == [
        ("change", "modified", 1),
        ("dir/inner", "deleted", 0),
        ("gone", "deleted", 0),
        ("new/file", "created", 5),
    ]
    assert found[3].sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert found[1].sha256 == found[2].sha256 == ""
    assert ws.changes_since(ws.snapshot()) == Changes((), complete=True)


def test_a_change_that_hides_its_time_is_seen(ws: Workspace) -> None:
    """Same size and a modification time set back: the change time still tells."""
    ws.write_text("f", "aaaa")
    old = (ws.root / "f").stat()

    def act() -> None:
        (ws.root / "f").write_text("bbbb")
        os.utime(ws.root / "f", ns=(old.st_atime_ns, old.st_mtime_ns))

    assert changes(ws, act) == [("f", "modified", 4)]


def test_a_moved_directory_is_deleted_here_and_created_there(ws: Workspace) -> None:
    """Both paths are reported."""
    ws.write_text("a/f", "1")
    assert changes(ws, lambda: (ws.root / "a").rename(ws.root / "b")) == [("a/f", "deleted", 0), ("b/f", "created", 1)]


@pytest.mark.timeout(20)
def test_only_regular_files_are_artifacts(ws: Workspace, outside: Path) -> None:
    """Pipes, links, devices and empty directories are none, and nothing blocks; a file that became a link is gone."""
    ws.write_text("was", "1")

    def act() -> None:
        os.mkfifo(ws.root / "pipe")
        (ws.root / "empty").mkdir()
        (ws.root / "link").symlink_to(outside / "secret.txt")
        (ws.root / "way").symlink_to(outside)
        (ws.root / "was").unlink()
        (ws.root / "was").symlink_to(outside / "secret.txt")

    assert changes(ws, act) == [("was", "deleted", 0)]


def test_at_most_a_thousand_artifacts_are_reported(ws: Workspace) -> None:
    """The first by path."""
    found = changes(ws, lambda: touch(ws, *(f"f{number:04}" for number in range(1_100))))
    assert [path for path, _, _ in found] == [f"f{number:04}" for number in range(1_000)]


def test_names_of_any_bytes_are_artifacts(ws: Workspace) -> None:
    """A script names its files as it likes."""
    found = changes(ws, lambda: touch(ws, "\udcff", "a\nb"))
    assert [path for path, _, _ in found] == ["a\nb", "\udcff"]


def test_a_missing_workspace_has_no_changes_to_tell(ws: Workspace) -> None:
    """Comparing never raises, and says that it saw nothing."""
    ws.write_text("f", "1")
    before = ws.snapshot()
    ws.delete("f")
    ws.root.rmdir()
    assert ws.snapshot() == Snapshot({}, complete=False)
    assert ws.changes_since(before) == Changes((), complete=False)


def test_a_file_that_cannot_be_read_any_more_has_no_hash(ws: Workspace, outside: Path) -> None:
    """It vanished, or became a pipe or a link, after it was seen."""
    os.mkfifo(ws.root / "pipe")
    (ws.root / "link").symlink_to(outside / "secret.txt")
    ws.write_text("target", "1")
    (ws.root / "inner").symlink_to("target")
    with paths.Root(ws.root) as root:
        assert {changes_module._digest(root, name, 5) for name in ("missing", "pipe", "link", "inner")} == {(5, "")}


def test_a_growing_file_is_hashed_up_to_the_size_seen(ws: Workspace) -> None:
    """Otherwise one that is appended to would never end; size and hash belong together."""
    ws.write_text("f", "hello and more")
    with paths.Root(ws.root) as root:
        assert changes_module._digest(root, "f", 5) == (5, hashlib.sha256(b"hello").hexdigest())
        assert changes_module._digest(root, "f", 99) == (14, hashlib.sha256(b"hello and more").hexdigest())


def test_only_modified_files_are_told_when_a_snapshot_is_incomplete(ws: Workspace) -> None:
    """A file that was not seen is neither new nor gone."""
    ws.write_text("f", "1")
    ws.write_text("g", "1")
    before = ws.snapshot()
    partial = Snapshot({path: before.files[path] for path in ("f",)} | {"h": (0, 0, 0, 0)}, complete=False)
    ws.write_text("f", "2")
    assert [(artifact.path, artifact.change) for artifact in ws.changes_since(partial).artifacts] == [("f", "modified")]


def test_files_that_come_and_go_meanwhile_do_not_disturb(ws: Workspace) -> None:
    """Snapshots and comparisons in a tree that another thread keeps changing never raise."""
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(20):
                directory = ws.root / f"d{number}"
                directory.mkdir()
                (directory / "f").write_text("x")
            for number in range(20):
                with suppress(FileNotFoundError):
                    (ws.root / f"d{number}" / "f").unlink()
                (ws.root / f"d{number}").rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        end, found = time.monotonic() + 1, 0
        while time.monotonic() < end:
            found += len(ws.changes_since(ws.snapshot()).artifacts)
    finally:
        stop.set()
        thread.join()
    assert found


def test_a_snapshot_of_ten_thousand_files_is_fast(ws: Workspace) -> None:
    """It opens no file; a second is many times what it takes."""
    for directory in range(100):
        (ws.root / f"d{directory}").mkdir()
        for number in range(100):
            (ws.root / f"d{directory}" / f"f{number}").touch()
    start = time.perf_counter()
    snapshot = ws.snapshot()
    assert time.perf_counter() - start < 1
    assert len(snapshot.files) == 10_000
    assert snapshot.complete


# --- completeness and bounds


def flood(directory: Path, count: int, length: int) -> None:
    """Make `count` empty files with names of `length` characters."""
    for number in range(count):
        (directory / f"{number:0{length}}").touch()


@pytest.fixture
def deep(ws: Workspace) -> Iterator[int]:
    """Make directories nested beyond what a path can name, and give a descriptor of the innermost."""
    fd = os.open(ws.root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=fd)
        deeper = os.open("d" * 250, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    yield fd
    os.close(fd)
    ws.delete("d" * 250, recursive=True)


@pytest.fixture
def _ordinary_user(ws: Workspace) -> Iterator[None]:
    """Be an ordinary user, whom permissions stop; their directory is the workspace."""
    if os.geteuid():
        yield
        return
    # What is imported late must be by now: an interpreter of root's need not be readable to others.
    ws.changes_since(ws.snapshot())
    parents = [path for path in ws.root.parents if not path.stat().st_mode & 0o001]
    modes = [path.stat().st_mode for path in parents]
    for path in parents:
        path.chmod(0o711)
    os.chown(ws.root, NOBODY, -1)
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)
    for path, mode in zip(parents, modes, strict=True):
        path.chmod(mode)


def test_a_thousand_changes_are_complete_and_one_more_is_not(ws: Workspace) -> None:
    """Who reads an audit record has to know whether files are missing in it."""
    before = ws.snapshot()
    flood(ws.root, 1_000, 4)
    assert ws.changes_since(before).complete
    touch(ws, "one-more")
    found = ws.changes_since(before)
    assert (len(found.artifacts), found.complete) == (1_000, False)


def test_more_entries_than_are_looked_at_are_incomplete(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly as many as are looked at are complete; directories count too."""
    monkeypatch.setattr(changes_module, "MAX_ENTRIES", 4)
    (ws.root / "d").mkdir()
    touch(ws, "a", "b", "d/c")
    before = ws.snapshot()
    assert before.complete
    touch(ws, "a", "d/e")
    found = ws.changes_since(before)
    assert not found.complete
    assert {artifact.change for artifact in found.artifacts} <= {"modified"}


def test_a_flood_in_one_directory_hides_no_change_beside_it(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is nearer to the root is looked at first."""
    monkeypatch.setattr(changes_module, "MAX_ENTRIES", 10)
    ws.write_text("a/deep/f", "1")
    ws.write_text("z/f", "1")
    before = ws.snapshot()
    flood(ws.root / "a" / "deep", 50, 3)
    (ws.root / "z" / "f").write_text("2")
    found = ws.changes_since(before)
    assert ([artifact.path for artifact in found.artifacts], found.complete) == (["z/f"], False)


@pytest.mark.usefixtures("_ordinary_user")
@pytest.mark.parametrize("mode", [0o000, 0o300, 0o400])
def test_a_directory_that_cannot_be_looked_at_is_incomplete(ws: Workspace, mode: int) -> None:
    """Whether it can be neither listed nor entered, or one of both; what lies beside it is still told."""
    ws.write_text("closed/f", "1")
    before = ws.snapshot()
    assert before.complete
    (ws.root / "closed").chmod(mode)
    touch(ws, "new")
    (ws.root / "closed").chmod(0o700)
    assert ws.changes_since(before).complete
    (ws.root / "closed").chmod(mode)
    assert ws.changes_since(before) == Changes((), complete=False)
    (ws.root / "closed").chmod(0o700)


def test_a_path_too_long_to_be_opened_is_incomplete(ws: Workspace, deep: int, opener: str) -> None:
    """A script can hide files there, and the record must say so; the walk has no longest path and finds them."""
    os.close(os.open("hidden", os.O_CREAT, dir_fd=deep))
    is_found = opener == "walk"
    snapshot, found = ws.snapshot(), ws.changes_since(Snapshot({}))
    assert (len(snapshot.files), snapshot.complete) == (is_found, is_found)
    assert (len(found.artifacts), found.complete) == (is_found, is_found)


def test_a_snapshot_holds_a_bounded_number_of_names(ws: Workspace, deep: int) -> None:
    """Eighty thousand long paths would take hundreds of megabytes; a few thousand of them tell the bound."""
    inner = os.open(f"/proc/self/fd/{deep}/{'../' * 6}", os.O_RDONLY)
    for number in range(6_000):
        os.close(os.open(f"{number:0250}", os.O_CREAT, dir_fd=inner))
    os.close(inner)
    tracemalloc.start()
    snapshot = ws.snapshot()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not snapshot.complete
    assert 15 * MIB < sum(map(len, snapshot.files)) <= 16 * MIB
    assert peak < 24 * MIB


def test_names_are_bounded_by_bytes(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A character can take four of them."""
    monkeypatch.setattr(changes_module, "MAX_NAME_BYTES", 8)
    touch(ws, "\U0001f600", "\U0001f601")
    assert ws.snapshot().complete
    touch(ws, "a")
    assert not ws.snapshot().complete


def test_holes_of_a_sparse_file_are_not_read(ws: Workspace) -> None:
    """A terabyte that takes no disk costs no time, is no gap, and takes no hash from the files after it."""
    before = ws.snapshot()
    touch(ws, "a-sparse")
    os.truncate(ws.root / "a-sparse", 1 << 40)
    (ws.root / "b").write_text("hello")
    start = time.perf_counter()
    found = ws.changes_since(before)
    assert time.perf_counter() - start < 1
    assert found == Changes(
        (
            Artifact("a-sparse", 1 << 40, "", "created"),
            Artifact("b", 5, hashlib.sha256(b"hello").hexdigest(), "created"),
        ),
        complete=True,
    )


def test_all_files_together_are_hashed_up_to_a_budget(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts sizes, and many small files cannot pass it either."""
    assert changes_module.MAX_HASHED_BYTES == 1024 * MIB
    monkeypatch.setattr(changes_module, "MAX_HASHED_BYTES", 10)
    before = ws.snapshot()
    for name, size in (("a", 6), ("b", 5), ("c", 4), ("d", 1), ("e", 0)):
        ws.write_bytes(name, b"x" * size)
    found = ws.changes_since(before)
    assert [artifact.path for artifact in found.artifacts if artifact.sha256] == ["a", "c", "e"]
    assert found.complete


def test_a_record_takes_a_bounded_part_of_the_log() -> None:
    """Names of control characters take six bytes each in JSON; what is left out makes the record incomplete."""
    artifacts = tuple(Artifact(f"{number:04}" + "\x01" * 4_000, 0, "0" * 64, "created") for number in range(1_000))
    record = Changes(artifacts, complete=True).as_record()
    text = json.dumps(record["artifacts"], separators=(",", ":"))
    assert 200 * 1024 < len(text) <= 256 * 1024
    assert record["artifacts_complete"] is False
    assert [artifact["path"][:4] for artifact in record["artifacts"]] == [f"{number:04}" for number in range(10)]


def test_a_small_record_is_whole() -> None:
    """As JSON holds it, and as complete as the changes are."""
    artifact = Artifact("a", 1, "00", "created")
    fields = {"path": "a", "size": 1, "sha256": "00", "change": "created"}
    assert Changes((artifact,), complete=True).as_record() == {"artifacts": [fields], "artifacts_complete": True}
    assert Changes((artifact,), complete=False).as_record() == {"artifacts": [fields], "artifacts_complete": False}


def test_the_audit_record_says_whether_the_artifacts_are_complete(runtime: OpenSkillRuntime) -> None:
    """Both ways, while the result's artifacts stay a tuple."""
    few = runtime.run_command("touch f")
    many = runtime.run_command("for n in $(seq 1001); do : > $n; done")
    records = {record["id"]: record for record in runtime.audit.records()}
    assert (type(few.artifacts), len(many.artifacts)) == (tuple, 1_000)
    assert [result.artifacts_complete for result in (few, many)] == [True, False]
    assert [records[result.record_id]["artifacts_complete"] for result in (few, many)] == [True, False]
