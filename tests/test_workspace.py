"""Files of the workspace: reading, atomic writing, exact edits, copies, listings and containment of all of them."""

from __future__ import annotations

import ctypes
import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from openskills_core import fileinfo, opening, paths
from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.workspace import TextWindow, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPENERS = {"openat2": opening.open_beneath, "walk": opening.open_by_walk}
CANARY = "outside-canary"


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
    (directory / "secret.txt").write_text(CANARY)
    return directory


def names(directory: Path) -> list[str]:
    """List a directory."""
    return sorted(path.name for path in directory.iterdir())


# --- the directory itself


def test_the_root_is_made_absolute_and_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative directory is made when missing, its parents too, and stays where it was meant."""
    monkeypatch.chdir(tmp_path)
    workspace = Workspace("new/ws")
    assert workspace.root == tmp_path.resolve() / "new" / "ws"
    assert workspace.root.is_dir()
    with pytest.raises(AttributeError):
        workspace.root = tmp_path  # type: ignore[misc]  # the mistake under test


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    """The text names it."""
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="file"):
        Workspace(tmp_path / "file")


def test_a_root_behind_a_symbolic_link_accepts_both_spellings(tmp_path: Path) -> None:
    """Temporary directories are often links on macOS."""
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    workspace = Workspace(tmp_path / "alias")
    assert workspace.root == tmp_path.resolve() / "real"
    workspace.write_text(f"{tmp_path}/alias/x", "1")
    assert workspace.read_text(f"{workspace.root}/x") == "1"


def test_a_replaced_directory_is_seen_as_it_is_now(ws: Workspace) -> None:
    """Nothing of the old one is held; a missing one is an error that ends when it is back."""
    ws.write_text("old", "1")
    ws.root.rename(ws.root.with_name("moved"))
    with pytest.raises(WorkspaceError, match="no such file"):
        ws.list()
    ws.root.mkdir()
    assert ws.list() == []


def test_nothing_is_deleted_when_the_object_goes(tmp_path: Path) -> None:
    """Who owns the directory decides."""
    Workspace(tmp_path / "kept").write_text("file", "1")
    assert names(tmp_path / "kept") == ["file"]


# --- containment

USES: dict[str, Callable[[Workspace, str], object]] = {
    "read_text": lambda ws, path: ws.read_text(path),
    "read_window": lambda ws, path: ws.read_window(path),
    "read_bytes": lambda ws, path: ws.read_bytes(path),
    "write_text": lambda ws, path: ws.write_text(path, "x"),
    "write_bytes": lambda ws, path: ws.write_bytes(path, b"x"),
    "edit": lambda ws, path: ws.edit(path, CANARY, "x"),
    "add": lambda ws, path: ws.add(__file__, path),
    "list": lambda ws, path: ws.list(path),
    "list_recursive": lambda ws, path: ws.list(path, recursive=True),
    "glob": lambda ws, path: ws.glob("*", path),
    "grep": lambda ws, path: ws.grep("canary", path),
    "info": lambda ws, path: ws.info(path),
    "delete": lambda ws, path: ws.delete(path),
    "delete_recursive": lambda ws, path: ws.delete(path, recursive=True),
}
DELETES = {"delete", "delete_recursive"}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "path", ["../outside/secret.txt", "..", "{outside}/secret.txt", "/etc/passwd", "a/../../outside"]
)
def test_paths_outside_are_refused_by_everything(ws: Workspace, outside: Path, use: str, path: str) -> None:
    """Dots and absolute paths lead nowhere."""
    with pytest.raises(PathEscapeError, match="leads outside"):
        USES[use](ws, path.format(outside=outside))
    assert (outside / "secret.txt").read_text() == CANARY


@pytest.mark.parametrize("use", sorted(USES.keys() - DELETES))
@pytest.mark.parametrize("relative", [True, False])
def test_links_to_outside_are_refused_without_saying_what_is_there(
    ws: Workspace, outside: Path, use: str, relative: bool
) -> None:
    """For a file, a directory and nothing at all the text is the same, and nothing outside changes."""
    texts = set()
    for target in (outside / "secret.txt", outside, outside / "missing"):
        (ws.root / "link").symlink_to(os.path.relpath(target, ws.root) if relative else target)
        with pytest.raises(PathEscapeError) as caught:
            USES[use](ws, "link")
        texts.add(str(caught.value))
        (ws.root / "link").unlink()
    assert len(texts) == 1
    assert names(outside) == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == CANARY


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["secret.txt", "missing.txt", "missing/deep.txt"])
def test_a_parent_that_is_a_link_to_outside_is_refused(ws: Workspace, outside: Path, use: str, name: str) -> None:
    """Whether the file out there exists or not."""
    (ws.root / "way").symlink_to(outside)
    with pytest.raises(PathEscapeError):
        USES[use](ws, f"way/{name}")
    assert names(outside) == ["secret.txt"]


@pytest.mark.parametrize("recursive", [True, False])
def test_deleting_a_link_leaves_what_it_points_at(ws: Workspace, outside: Path, recursive: bool) -> None:
    """The link is the workspace's own, its target is not."""
    for target in (outside, outside / "secret.txt"):
        (ws.root / "link").symlink_to(target)
        ws.delete("link", recursive=recursive)
        assert not (ws.root / "link").is_symlink()
    (ws.root / "dir").mkdir()
    (ws.root / "dir" / "link").symlink_to(outside)
    ws.delete("dir", recursive=True)
    assert (outside / "secret.txt").read_text() == CANARY


def test_searches_and_listings_do_not_enter_links(ws: Workspace, outside: Path) -> None:
    """A link is listed as one, and its content is neither found nor listed."""
    ws.write_text("inside.txt", "a canary in here")
    (ws.root / "way").symlink_to(outside)
    (ws.root / "file").symlink_to(outside / "secret.txt")
    assert ws.list(recursive=True) == ["file", "inside.txt", "way"]
    assert ws.glob("**/*") == ["inside.txt"]
    assert [match.path for match in ws.grep("canary").matches] == ["inside.txt"]


@pytest.fixture
def racing(ws: Workspace, outside: Path) -> Iterator[None]:
    """Swap ws/dir with a link to outside, without a gap, as fast as one thread can."""
    ws.write_text("dir/secret.txt", "inside")
    link = ws.root / "link"
    link.symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        exchange, here, call = 2, -100, ctypes.CDLL(None).renameat2
        while not stop.is_set():
            call(here, os.fsencode(ws.root / "dir"), here, os.fsencode(link), exchange)

    thread = threading.Thread(target=swap)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("racing")
def test_a_swap_race_never_reads_nor_writes_outside(ws: Workspace, outside: Path) -> None:
    """Reads, writes, edits, listings and deletions against a directory that turns into a link to outside."""
    seen: set[str] = set()
    uses: list[Callable[[], object]] = [
        lambda: seen.add(ws.read_text("dir/secret.txt")),
        lambda: ws.write_text("dir/new/file.txt", "x"),
        lambda: ws.write_text("dir/secret.txt", "inside"),
        lambda: seen.update(ws.list("dir")),
        lambda: ws.delete("dir/new", recursive=True),
        lambda: seen.update(artifact.sha256 for artifact in ws.changes_since(ws.snapshot()).artifacts),
        lambda: ws.edit("dir/secret.txt", CANARY, "stolen"),
    ]
    refused, end = 0, time.monotonic() + 2
    while time.monotonic() < end:
        for use in uses:
            try:
                use()
            except PathEscapeError:
                refused += 1
            except WorkspaceError:
                pass
    assert refused
    assert "inside" in seen
    assert CANARY not in seen
    assert names(outside) == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == CANARY


# --- reading


def test_text_is_read_exactly_as_it_is(ws: Workspace) -> None:
    """Line ends, a byte order mark and a missing last line end are kept."""
    text = "\ufeffone\r\ntwo\rthree\n\x0cfour\u2028five"
    ws.write_bytes("t", text.encode())
    assert ws.read_text("t") == text


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (1, None, TextWindow("a\nb\r\nc\n", 1, 3, 3)),
        (2, 1, TextWindow("b\r\n", 2, 2, 3)),
        (2, 99, TextWindow("b\r\nc\n", 2, 3, 3)),
        (3, None, TextWindow("c\n", 3, 3, 3)),
        (4, None, TextWindow("", 4, 3, 3)),
        (99, 5, TextWindow("", 99, 98, 3)),
    ],
)
def test_a_window_counts_lines_from_one(ws: Workspace, offset: int, limit: int | None, expected: TextWindow) -> None:
    """Beyond the end there are no lines, and the total says so."""
    ws.write_text("t", "a\nb\r\nc\n")
    assert ws.read_window("t", offset, limit) == expected
    assert ws.read_text("t", offset, limit) == expected.text


def test_paging_reproduces_the_file(ws: Workspace) -> None:
    """Windows put together are the file, whatever characters other libraries take for line ends."""
    text = "".join(f"line {number}\x0b\x1c\u2029\r{end}" for number in range(50) for end in ("\n", "\r\n")) + "last"
    ws.write_text("t", text)
    assert "".join(ws.read_text("t", offset, 7) for offset in range(1, 107, 7)) == text


def test_an_empty_file_has_no_lines(ws: Workspace) -> None:
    """And reading it is no error."""
    ws.write_text("empty", "")
    assert ws.read_window("empty") == TextWindow("", 1, 0, 0)
    assert ws.info("empty").lines == 0


@pytest.mark.parametrize(("offset", "limit"), [(0, None), (-1, 5), (1, 0), (1, -1)])
def test_lines_before_the_first_are_refused(ws: Workspace, offset: int, limit: int | None) -> None:
    """Both numbers stand in the text."""
    ws.write_text("t", "a")
    with pytest.raises(WorkspaceError, match=f"offset {offset} and limit {limit}"):
        ws.read_text("t", offset, limit)


def test_binary_files_are_named_as_such(ws: Workspace) -> None:
    """The text says what to call instead."""
    ws.write_bytes("b", b"\xff\xfe\x00")
    for use in (ws.read_text, lambda path: ws.edit(path, "a", "b")):
        with pytest.raises(WorkspaceError, match="binary, not UTF-8 text; only its bytes"):
            use("b")
    assert ws.read_bytes("b") == b"\xff\xfe\x00"


@pytest.mark.timeout(20)
def test_a_fifo_blocks_nothing(ws: Workspace) -> None:
    """It is named, not opened for ever; it can be listed and deleted."""
    os.mkfifo(ws.root / "pipe")
    for use in ("read_text", "write_text", "edit", "grep", "add"):
        with pytest.raises(WorkspaceError, match="is a FIFO, not a regular file"):
            USES[use](ws, "pipe")
    with pytest.raises(WorkspaceError, match="is a FIFO"):
        ws.add(ws.root / "pipe", "copy")
    assert ws.info("pipe").kind == "FIFO"
    assert (ws.list(), ws.glob("*"), ws.grep("x").matches) == (["pipe"], [], ())
    ws.delete("pipe")
    assert ws.list() == []


# --- writing


def test_writing_makes_directories_and_returns_the_bytes(ws: Workspace) -> None:
    """UTF-8, and line ends as given."""
    assert ws.write_text("a/b/c.txt", "ü\r\n") == 4
    assert (ws.root / "a/b/c.txt").read_bytes() == "ü\r\n".encode()
    assert ws.write_bytes("a/b/c.txt", b"") == 0


def test_writing_keeps_the_mode_and_the_owner(ws: Workspace) -> None:
    """An executable script stays one; bits that give away an identity do not survive new content."""
    ws.write_text("run.sh", "1")
    (ws.root / "run.sh").chmod(0o4751)
    if not os.geteuid():
        os.chown(ws.root / "run.sh", 1234, 1235)
        (ws.root / "run.sh").chmod(0o4751)
    before = (ws.root / "run.sh").stat()
    ws.write_text("run.sh", "2")
    after = (ws.root / "run.sh").stat()
    assert stat.S_IMODE(after.st_mode) == 0o751
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_a_new_file_has_the_usual_mode(ws: Workspace) -> None:
    """What the process's umask leaves of 0666."""
    ws.write_text("new", "x")
    (ws.root / "usual").touch()
    assert (ws.root / "new").stat().st_mode == (ws.root / "usual").stat().st_mode


def test_a_write_never_changes_a_hard_linked_file(ws: Workspace, outside: Path) -> None:
    """The name gets a new file; the old one keeps its content under its other name."""
    os.link(outside / "secret.txt", ws.root / "hard")
    ws.write_text("hard", "new")
    assert (outside / "secret.txt").read_text() == CANARY


def test_writing_through_a_link_that_stays_inside_reaches_its_target(ws: Workspace, opener: str) -> None:
    """The link stays a link; the walk refuses it as it refuses to read it."""
    ws.write_text("sub/target", "old")
    (ws.root / "link").symlink_to("sub/target")
    (ws.root / "dangling").symlink_to("sub/new")
    if opener == "walk":
        with pytest.raises(PathEscapeError):
            ws.write_text("link", "new")
        return
    ws.write_text("link", "new")
    ws.write_text("dangling", "made")
    assert (ws.root / "link").is_symlink()
    assert (ws.read_text("sub/target"), ws.read_text("sub/new")) == ("new", "made")


def test_a_failed_write_leaves_the_old_file_and_no_other(ws: Workspace) -> None:
    """A directory in the way, a file as parent, text that is no Unicode, and the root itself."""
    ws.write_text("dir/file", "old")
    for path, words in (("dir", "is a directory"), ("dir/file/x", "not a directory"), (".", "root directory itself")):
        with pytest.raises(WorkspaceError, match=words):
            ws.write_text(path, "new")
    with pytest.raises(WorkspaceError, match="not valid Unicode"):
        ws.write_text("dir/file", "\ud800")
    assert ws.list(recursive=True) == ["dir/", "dir/file"]
    assert ws.read_text("dir/file") == "old"


def test_a_full_disk_leaves_no_temporary_file(ws: Workspace) -> None:
    """A real out-of-space error, through a file size limit of the process, is a WorkspaceError."""
    import resource
    import signal

    ws.write_text("file", "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(WorkspaceError, match="file too large"):
            ws.write_text("file", "x" * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert ws.list() == ["file"]
    assert ws.read_text("file") == "old"


def test_files_above_the_limit_are_neither_written_nor_read(tmp_path: Path) -> None:
    """Exactly the limit is fine."""
    workspace = Workspace(tmp_path / "ws", max_file_bytes=10)
    workspace.write_text("ten", "x" * 10)
    with pytest.raises(WorkspaceError, match="11 bytes, more than the 10 allowed"):
        workspace.write_text("eleven", "x" * 11)
    (workspace.root / "big").write_bytes(b"x" * 11)
    with pytest.raises(WorkspaceError, match="larger than the 10 bytes"):
        workspace.read_text("big")
    assert workspace.list() == ["big", "ten"]


def test_readers_see_whole_files_while_writers_write(ws: Workspace) -> None:
    """Two writers and two readers in threads: every read is one of the two texts."""
    texts = {"a" * 200_000, "b" * 200_000}
    ws.write_text("f", min(texts))
    with ThreadPoolExecutor(4) as pool:
        for text in list(texts) * 20:
            pool.submit(ws.write_text, "f", text)
        reads = [pool.submit(ws.read_text, "f") for _ in range(100)]
    assert {read.result() for read in reads} <= texts
    assert ws.list() == ["f"]


def test_edits_from_many_threads_are_all_kept(ws: Workspace) -> None:
    """No edit is lost between another's reading and writing."""
    ws.write_text("f", "".join(f"<{number}>\n" for number in range(64)))
    with ThreadPoolExecutor(32) as pool:
        done = list(pool.map(lambda number: ws.edit("f", f"<{number}>", f"[{number}]"), range(64)))
    assert done == [1] * 64
    assert ws.read_text("f") == "".join(f"[{number}]\n" for number in range(64))


# --- editing


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ("a b c", ("b", "x"), "a x c"),
        ("a b c", ("b ", ""), "a c"),
        ("a.b", (".", "$0\\1"), "a$0\\1b"),
        ("one\ntwo\n", ("one\ntwo", "1\n2"), "1\n2\n"),
        ("one\r\ntwo\r\n", ("one\ntwo", "1\n2\n3"), "1\r\n2\r\n3\r\n"),
        ("one\r\ntwo\r\n", ("one\r\ntwo", "1\n2"), "1\r\n2\r\n"),
        ("one\r\ntwo\r\n", ("two", "2\n3"), "one\r\n2\r\n3\r\n"),
        ("one\r\ntwo\nthree", ("two", "2"), "one\r\n2\nthree"),
        ("one\r\ntwo\nthree\n", ("\ntwo\nthree", "\n3"), "one\r\n3\n"),
        ("\ufeffone", ("one", "1"), "\ufeff1"),
        ("e\u0301 é", ("é", "x"), "e\u0301 x"),
    ],
)
def test_an_edit_changes_the_one_place_and_nothing_else(
    ws: Workspace, text: str, change: tuple[str, str], expected: str
) -> None:
    """Exact text, no patterns; line ends of the file are kept."""
    ws.write_bytes("f", text.encode())
    assert ws.edit("f", *change) == 1
    assert ws.read_bytes("f") == expected.encode()


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("a\nb\n", ("x", "y"), "not found.*white space"),
        ("a\r\nb\nc", ("a\nb", "y"), "not found"),
        ("", ("x", "y"), "not found"),
        ("x\na\nx\n\nx", ("x", "y"), "occurs 3 times in 'f', on lines 1, 3, 5; add .*replace_all"),
        ("aaa", ("aa", "b"), "occurs 2 times in 'f', on lines 1, 1"),
        ("x\n" * 99, ("x", "y"), "more than 20 times.* on lines 1, 2, .*, 20;"),
        ("a", ("a", "a"), "would change nothing"),
        ("a\r\nb\r\n", ("a\n", "a\r\n"), "would change nothing"),
        ("a", ("", "b"), "empty; to write a whole file"),
    ],
)
def test_an_edit_that_is_not_one_clear_change_is_refused(
    ws: Workspace, text: str, change: tuple[str, str], words: str
) -> None:
    """The file stays, and the text says what to do."""
    ws.write_bytes("f", text.encode())
    with pytest.raises(WorkspaceError, match=words):
        ws.edit("f", *change)
    assert ws.read_bytes("f") == text.encode()


def test_replace_all_counts_what_it_replaced(ws: Workspace) -> None:
    """Occurrences that overlap count once, as they are replaced once; no occurrence is still an error."""
    ws.write_text("f", "aaa b aa")
    assert ws.edit("f", "aa", "x", replace_all=True) == 2
    assert ws.read_text("f") == "xa b x"
    with pytest.raises(WorkspaceError, match="not found"):
        ws.edit("f", "zz", "x", replace_all=True)


# --- adding and deleting


def test_a_host_file_is_added_under_its_name_or_another(ws: Workspace, tmp_path: Path) -> None:
    """With a trailing slash the name is kept; permission bits come along; the host's links are followed."""
    source = tmp_path / "tool.sh"
    source.write_text("echo")
    source.chmod(0o755)
    (tmp_path / "alias.sh").symlink_to(source)
    added = [ws.add(source), ws.add(str(source), "in/"), ws.add(source, "in/other"), ws.add(tmp_path / "alias.sh", "l")]
    assert added == ["tool.sh", "in/tool.sh", "in/other", "l"]
    assert all(stat.S_IMODE((ws.root / path).stat().st_mode) == 0o755 for path in added)
    assert ws.list(recursive=True) == ["in/", "in/other", "in/tool.sh", "l", "tool.sh"]


def test_a_host_directory_is_added_without_its_links(ws: Workspace, tmp_path: Path, outside: Path) -> None:
    """Regular files only: what a link in it points at was not chosen by the host."""
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "x").write_text("1")
    (tmp_path / "data" / "secret").symlink_to(outside / "secret.txt")
    (tmp_path / "data" / "dir").symlink_to(outside)
    os.mkfifo(tmp_path / "data" / "pipe")
    assert ws.add(tmp_path / "data") == "data"
    assert ws.add(tmp_path / "data", "copy/of") == "copy/of"
    assert ws.glob("**/*") == ["copy/of/deep/x", "data/deep/x"]
    assert len(ws.list(recursive=True)) == 7


def test_what_cannot_be_added_is_named(ws: Workspace, tmp_path: Path) -> None:
    """A missing source, and a directory that holds the workspace."""
    with pytest.raises(WorkspaceError, match="nowhere"):
        ws.add(tmp_path / "nowhere")
    with pytest.raises(WorkspaceError, match="holds the workspace itself"):
        ws.add(tmp_path)
    assert ws.list() == []


def test_deleting_takes_files_and_empty_directories(ws: Workspace) -> None:
    """A full directory only when asked, the root never."""
    ws.write_text("d/e/f", "1")
    with pytest.raises(WorkspaceError, match="not empty; pass recursive=True"):
        ws.delete("d")
    ws.delete("d/e/f")
    ws.delete("d/e")
    ws.write_text("d/e/f", "1")
    ws.delete("d", recursive=True)
    with pytest.raises(WorkspaceError, match="no such file"):
        ws.delete("d")
    with pytest.raises(WorkspaceError, match="root directory itself"):
        ws.delete(".", recursive=True)
    assert ws.list() == []


def test_a_tree_deeper_than_any_stack_can_be_deleted(ws: Workspace) -> None:
    """A script can nest directories without end; neither a snapshot nor a deletion recurses."""
    fd = os.open(ws.root, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("d", dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(os.open("file", os.O_CREAT, dir_fd=fd))
        os.close(fd)
        fd = deeper
    os.close(fd)
    assert len(ws.snapshot().files) == 1_200
    ws.delete("d", recursive=True)
    assert ws.list() == ["file"]


# --- listing and information


def test_listing_marks_directories_and_shows_hidden_entries(ws: Workspace) -> None:
    """Sorted, relative to the root, and reusable as they are."""
    for path in ("b.txt", ".hidden", "sub/a.txt", "sub-x"):
        ws.write_text(path, "1")
    assert ws.list() == [".hidden", "b.txt", "sub-x", "sub/"]
    assert ws.list("") == ws.list(".") == ws.list(str(ws.root))
    assert ws.list("sub/") == ["sub/a.txt"]
    assert ws.list(recursive=True) == [".hidden", "b.txt", "sub-x", "sub/", "sub/a.txt"]
    assert [ws.read_text(path) for path in ws.list("sub")] == ["1"]
    with pytest.raises(WorkspaceError, match="not a directory"):
        ws.list("b.txt")


def test_names_of_any_bytes_are_listed_and_usable(ws: Workspace) -> None:
    """Neither a newline nor bytes that are not UTF-8 break a method."""
    for name in (b"\xff.txt", b"new\nline.txt", b"-rf", b"*"):
        ws.write_text(os.fsdecode(name), "text")
    for path in ws.list():
        assert ws.read_text(path) == "text"
        assert ws.info(path).lines == 1
        assert ws.edit(path, "text", "other") == 1
    assert {match.path for match in ws.grep("other").matches} == set(ws.list())
    assert len(ws.glob("*.txt")) == 2
    for path in ws.list():
        ws.delete(path)
    assert ws.list() == []


def test_info_tells_what_a_file_is(ws: Workspace) -> None:
    """Size, time, type and lines of text."""
    ws.write_text("dir/a.csv", "x,y\n" * 500 + "end")
    os.utime(ws.root / "dir/a.csv", (0, 86_400))
    info = ws.info("dir/a.csv")
    assert (info.path, info.kind, info.size, info.human_size) == ("dir/a.csv", "file", 2003, "2.0 KiB")
    assert (info.modified, info.mime_type, info.lines) == ("1970-01-02T00:00:00+00:00", "text/csv", 501)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.json", b"{}", ("application/json", 1)),
        ("README", b"hello\n", ("text/plain", 1)),
        ("blob", b"\xff", ("application/octet-stream", None)),
        ("nul.txt", b"a\0b", ("text/plain", None)),
        ("img.png", b"\x89PNG\0", ("image/png", None)),
    ],
)
def test_info_knows_types_and_counts_lines_of_text_only(
    ws: Workspace, name: str, data: bytes, expected: tuple[str, int | None]
) -> None:
    """The name decides the type; where it says nothing, the content does."""
    ws.write_bytes(name, data)
    assert (ws.info(name).mime_type, ws.info(name).lines) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (3 * 1024**3, "3.0 GiB")],
)
def test_info_shows_sizes_for_people(ws: Workspace, size: int, expected: str) -> None:
    """In powers of 1024."""
    (ws.root / "sparse").touch()
    os.truncate(ws.root / "sparse", size)
    assert ws.info("sparse").human_size == expected


def test_info_on_directories_and_impossible_times(ws: Workspace) -> None:
    """The root has information too; a time beyond every calendar, which some file systems can hold, is left out."""
    assert (ws.info(".").kind, ws.info(".").mime_type, ws.info(".").lines) == ("directory", "", None)
    assert datetime.fromisoformat(ws.info(".").modified) <= datetime.now(UTC)
    assert fileinfo._iso(1e18) == ""
