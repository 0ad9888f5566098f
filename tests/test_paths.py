"""Containment: no path given to a Root leads outside, through either way of resolving."""

from __future__ import annotations

import ctypes
import os
import posixpath
import socket
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openskills_core import opening, paths
from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.paths import Root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPENERS = {"openat2": opening.open_beneath, "walk": opening.open_by_walk}
CANARY = "outside-canary"


@pytest.fixture(params=sorted(OPENERS), autouse=True)
def opener(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run each test through the kernel's resolver and through the walk that stands in for it."""
    name = str(request.param)
    monkeypatch.setattr(paths, "choose_opener", lambda: OPENERS[name])
    return name


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Make a directory beside the root that nothing may reach."""
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "secret.txt").write_text(CANARY)
    return directory


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """Open a root with one file and one directory in it."""
    directory = tmp_path / "root"
    (directory / "sub").mkdir(parents=True)
    (directory / "a.txt").write_text("inside")
    (directory / "sub" / "b.txt").write_text("deeper")
    with Root(directory) as opened:
        yield opened


def test_the_kernel_resolver_is_chosen_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Linux that has openat2 the walk is not what runs."""
    monkeypatch.undo()
    opening.choose_opener.cache_clear()
    chosen = opening.choose_opener()
    assert (chosen is opening.open_beneath) == (os.uname().sysname == "Linux")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.txt", "a.txt"),
        ("./sub//b.txt", "sub/b.txt"),
        ("sub/../a.txt", "a.txt"),
        (".", "."),
        ("sub/", "sub"),
        ("sub/..", "."),
        ("..a/...", "..a/..."),
        ("~/x", "~/x"),
        ("C:\\x", "C:\\x"),
        ("line\nbreak", "line\nbreak"),
        ("\udcff", "\udcff"),
    ],
)
def test_relative_paths_are_normalised(root: Root, path: str, expected: str) -> None:
    """Dots and doubled slashes go, everything else in a name is kept as it is."""
    assert root.relative(path) == expected


@pytest.mark.parametrize("tail", ["a.txt", "sub/b.txt", "sub/../a.txt", ""])
def test_absolute_paths_beneath_the_root_become_relative(root: Root, tail: str) -> None:
    """Models echo absolute paths, with one slash or with several at the start."""
    expected = posixpath.normpath(tail)
    assert root.relative(f"{root.path}/{tail}") == expected
    assert root.relative(f"//{root.path}/{tail}") == expected
    assert root.relative(root.path / tail) == expected


def test_another_spelling_of_the_root_is_accepted_when_named(tmp_path: Path, root: Root) -> None:
    """A root that is reached through a symbolic link has two absolute names."""
    alias = tmp_path / "alias"
    alias.symlink_to(root.path)
    with Root(root.path, alias=alias) as opened:
        assert opened.relative(f"{alias}/a.txt") == "a.txt"
        assert opened.relative(f"{root.path}/a.txt") == "a.txt"


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../outside/secret.txt",
        "sub/../../outside",
        "/etc/passwd",
        "/",
        "//",
        "../root/a.txt",
        "a/../../root-twin",
    ],
)
def test_paths_that_lead_outside_are_refused(root: Root, outside: Path, path: str) -> None:
    """Lexical escapes are refused by every method, and the name of the path is in the text."""
    assert outside.exists()
    for use in (root.relative, root.open_read, root.open_dir, root.stat, root.children):
        with pytest.raises(PathEscapeError, match="leads outside") as caught:
            use(path)
        assert caught.value.culprit == path


def test_a_sibling_with_the_same_prefix_is_outside(root: Root) -> None:
    """/x/root-twin does not lie beneath /x/root."""
    with pytest.raises(PathEscapeError):
        root.relative(f"{root.path}-twin/a.txt")


@pytest.mark.parametrize(
    ("path", "words"), [("", "empty"), ("a\0b", "NUL"), ("\ud800", "encoded"), ("x" * 300, "long")]
)
def test_what_cannot_be_a_path_is_refused(root: Root, path: str, words: str) -> None:
    """The text says what is wrong with it and can always be encoded."""
    with pytest.raises(WorkspaceError, match=words) as caught:
        root.open_read(path)
    str(caught.value).encode()


def test_bytes_are_no_path(root: Root) -> None:
    """Only text is, because results are text."""
    with pytest.raises(TypeError, match="must be text, got bytes"):
        root.relative(b"a.txt")  # type: ignore[arg-type]  # the mistake under test


def names(directory: Path) -> list[str]:
    """List a directory."""
    return sorted(path.name for path in directory.iterdir())


def uses(root: Root) -> list[Callable[[str], object]]:
    """List everything that can be done with a path."""

    def place(path: str) -> None:
        with root.place(path, create=True, follow=True):
            pass

    return [root.open_read, root.open_dir, root.stat, root.children, root.walk, place]


def messages(root: Root, path: str) -> list[str]:
    """Collect the text of every refusal."""
    found = []
    for use in uses(root):
        with pytest.raises(PathEscapeError) as caught:
            use(path)
        found.append(str(caught.value))
    return found


@pytest.mark.parametrize("relative", [True, False])
def test_a_link_to_outside_says_the_same_whether_its_target_exists(root: Root, outside: Path, relative: bool) -> None:
    """Otherwise a script could ask the host which files exist."""
    link = root.path / "link"
    texts = []
    for target in (outside / "secret.txt", outside / "missing", outside / "missing" / "deep", Path("/root/.ssh")):
        link.symlink_to(os.path.relpath(target, root.path) if relative else target)
        texts.append(messages(root, "link"))
        link.unlink()
    assert all(text == texts[0] for text in texts)


@pytest.mark.parametrize("relative", [True, False])
def test_a_directory_link_to_outside_is_no_way_out(root: Root, outside: Path, relative: bool) -> None:
    """A symlinked parent is refused for files that exist out there and for those that do not."""
    (root.path / "way").symlink_to(os.path.relpath(outside, root.path) if relative else outside)
    texts = {
        text.replace("missing", "secret")
        for name in ("secret.txt", "missing.txt")
        for text in messages(root, f"way/{name}")
    }
    assert len(texts) == 1
    assert names(outside) == ["secret.txt"]


def test_a_link_that_stays_inside_is_followed_by_the_kernel_only(root: Root, opener: str) -> None:
    """The walk cannot follow one without a race, so it refuses."""
    (root.path / "sub" / "up").symlink_to("../a.txt")
    if opener == "walk":
        with pytest.raises(PathEscapeError):
            root.open_read("sub/up")
        return
    with root.open_read("sub/up") as file:
        assert file.read() == b"inside"
    with pytest.raises(PathEscapeError):
        root.open_read("sub/up", follow=False)


def test_a_loop_of_links_ends(root: Root) -> None:
    """It is refused like any link that cannot be followed."""
    (root.path / "one").symlink_to("two")
    (root.path / "two").symlink_to("one")
    for use in uses(root):
        with pytest.raises(PathEscapeError):
            use("one")


def test_magic_links_are_refused() -> None:
    """/proc/self/fd leads anywhere without being a path."""
    with Root(Path(f"/proc/{os.getpid()}")) as root, pytest.raises(PathEscapeError):
        root.open_read("cwd/etc/passwd")


def special(kind: str, path: Path) -> None:
    """Make something that is no regular file."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    elif kind == "directory":
        path.mkdir()
    else:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 7))


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", ["FIFO", "socket", "directory", "device"])
def test_only_regular_files_are_read_and_nothing_blocks(root: Root, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO without a writer would hang a plain open for ever; the text names what was found."""
    monkeypatch.chdir(root.path)
    if kind == "device" and os.geteuid():
        pytest.skip("only root makes devices")
    special(kind, root.path / "odd")
    with pytest.raises(WorkspaceError, match=f"is a {kind}, not a regular file"):
        root.open_read("odd")
    assert paths.kind_of(root.stat("odd")) == kind


def test_read_refuses_more_than_its_limit(root: Root) -> None:
    """Exactly the limit is fine."""
    assert root.read("a.txt", limit=6) == b"inside"
    with pytest.raises(WorkspaceError, match="larger than the 5 bytes"):
        root.read("a.txt", limit=5)


def test_missing_files_and_wrong_kinds_are_named(root: Root) -> None:
    """The culprit is the path as it was given."""
    for path, words in (("no/such", "no such file"), ("a.txt/x", "not a directory"), ("missing", "no such file")):
        with pytest.raises(WorkspaceError, match=words) as caught:
            root.open_read(path)
        assert caught.value.culprit == path


def test_a_root_that_is_missing_or_no_directory_is_named(tmp_path: Path) -> None:
    """It fails when it is opened, not later."""
    (tmp_path / "file").touch()
    for name in ("missing", "file"):
        with pytest.raises(WorkspaceError, match=name):
            Root(tmp_path / name)


def test_a_place_makes_its_directories_only_when_asked(root: Root) -> None:
    """Without `create` a missing parent is an error."""
    with pytest.raises(WorkspaceError, match="no such file"), root.place("x/y/z"):
        pass
    with root.place("x/y/z", create=True) as place:
        assert place.name == "z"
        assert os.path.samestat(os.fstat(place.fd), (root.path / "x" / "y").stat())


def test_a_link_never_makes_directories(root: Root, opener: str) -> None:
    """Only the path as given may; a link into a missing directory is broken."""
    (root.path / "link").symlink_to("fresh/file")
    expected = WorkspaceError if opener == "openat2" else PathEscapeError
    with pytest.raises(expected), root.place("link", create=True, follow=True):
        pass
    assert not (root.path / "fresh").exists()


def test_a_place_resolves_a_link_that_stays_inside(root: Root, opener: str) -> None:
    """Also when the link's target goes up, down and through another link."""
    (root.path / "dir").symlink_to("sub")
    (root.path / "sub" / "up").symlink_to("../dir/b.txt")
    if opener == "walk":
        with pytest.raises(PathEscapeError), root.place("sub/up", follow=True):
            pass
        return
    with root.place("sub/up", follow=True) as place:
        assert os.stat(place.name, dir_fd=place.fd).st_ino == (root.path / "sub" / "b.txt").stat().st_ino
    with root.place("sub/up") as place:
        assert place.name == "up"


@pytest.mark.parametrize("path", [".", "sub/.."])
def test_the_root_itself_is_no_place(root: Root, path: str) -> None:
    """It can be neither replaced nor deleted."""
    with pytest.raises(WorkspaceError, match="root directory itself"), root.place(path):
        pass


def test_a_walk_is_sorted_follows_no_link_and_knows_its_kinds(root: Root, outside: Path) -> None:
    """A directory comes before what it holds."""
    (root.path / "way").symlink_to(outside)
    os.mkfifo(root.path / "pipe")
    (root.path / "sub" / "in").mkdir()
    found = [(entry.path, entry.kind) for entry in root.walk()]
    assert found == [
        ("a.txt", "file"),
        ("pipe", "FIFO"),
        ("sub", "directory"),
        ("sub/b.txt", "file"),
        ("sub/in", "directory"),
        ("way", "symlink"),
    ]


def test_a_walk_stops_at_its_limit_and_stays_out_where_told(root: Root) -> None:
    """The limit counts entries, whatever their kind."""
    assert [entry.path for entry in root.walk(limit=3)] == ["a.txt", "sub", "sub/b.txt"]
    assert [entry.path for entry in root.walk(enter=lambda _: False)] == ["a.txt", "sub"]
    assert [entry.path for entry in root.walk("sub")] == ["sub/b.txt"]


def test_a_walk_leaves_out_what_vanishes(root: Root) -> None:
    """A directory that goes between being seen and being entered holds nothing."""
    found = []
    for entry in root.walk():
        found.append(entry.path)
        if entry.path == "sub":
            (root.path / "sub" / "b.txt").unlink()
            (root.path / "sub").rmdir()
    assert found == ["a.txt", "sub"]


def test_a_walk_survives_a_tree_deeper_than_a_path_may_be_long(root: Root) -> None:
    """A script can make such a tree step by step; what no path can name is left out."""
    fd, name, depth = os.open(root.path / "sub", os.O_RDONLY), "d" * 200, 40
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        deeper = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    limit = depth if vars(paths)["choose_opener"]() is opening.open_by_walk else 21
    assert sum(entry.kind == "directory" for entry in root.walk("sub")) == limit


def test_names_that_are_not_utf8_and_newlines_pass_through(root: Root) -> None:
    """What a walk yields can be opened again."""
    for name in (b"\xff\xfe.bin", b"new\nline", b" "):
        (root.path / os.fsdecode(name)).write_bytes(name)
    for entry in root.children():
        if entry.kind == "file" and entry.path != "a.txt":
            assert root.read(entry.path, limit=100) == os.fsencode(entry.path)
    assert len(root.children()) == 5


def test_no_descriptor_is_left_open(root: Root, outside: Path) -> None:
    """Neither by what succeeds nor by what is refused."""
    (root.path / "way").symlink_to(outside)
    os.mkfifo(root.path / "pipe")
    before = len(names(Path("/proc/self/fd")))
    for path in ("a.txt", "pipe", "way", "way/x", "missing/x", "sub", "a.txt/x", "n/e/w"):
        for use in uses(root)[2:]:
            with suppress(WorkspaceError, PathEscapeError):
                use(path)
        with suppress(WorkspaceError, PathEscapeError):
            root.open_read(path).close()
    assert len(names(Path("/proc/self/fd"))) == before


def swap_until(stop: threading.Event, real: Path, link: Path) -> None:
    """Let a directory and a symbolic link take turns under one name, which is never free."""
    here, exchange = -100, 2
    swap = ctypes.CDLL(None).renameat2
    while not stop.is_set():
        swap(here, os.fsencode(real), here, os.fsencode(link), exchange)


@pytest.fixture
def racing(root: Root, outside: Path) -> Iterator[None]:
    """Swap root/sub with a link to outside, as fast as one thread can."""
    (root.path / "link").symlink_to(outside)
    (root.path / "sub" / "secret.txt").write_text("inside")
    stop = threading.Event()
    thread = threading.Thread(target=swap_until, args=(stop, root.path / "sub", root.path / "link"))
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("racing")
def test_a_directory_swapped_for_a_link_never_gives_the_outside(root: Root, outside: Path) -> None:
    """Reading and placing race against the swap; the canary is never read and nothing appears beside it."""
    seen: set[str] = set()
    number, end = 0, time.monotonic() + 1.5
    while time.monotonic() < end:
        number += 1
        try:
            seen.add(root.read("sub/secret.txt", limit=100).decode())
            with root.place(f"sub/deep{number}/new", create=True) as place:
                os.close(os.open(place.name, os.O_CREAT | os.O_WRONLY, dir_fd=place.fd))
        except PathEscapeError:
            seen.add("escape")
        except WorkspaceError:
            seen.add("swapped in between")
    assert {"inside", "escape"} <= seen <= {"inside", "escape", "swapped in between"}
    assert names(outside) == ["secret.txt"]


PARTS = st.sampled_from(["..", ".", "", "a", "sub", "out", "up", "self", "b.txt", "new", "/", "\udcff", "ü", "\n"])
HOSTILE_PATHS = st.one_of(st.lists(PARTS, min_size=1, max_size=8).map("/".join), st.text(max_size=30))


def test_random_paths_never_leave_the_root(opener: str) -> None:
    """Whatever is opened lies beneath, whatever is made lies beneath, and every refusal is one of two errors."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name).resolve()
        for directory in ("root/sub/a", "outside"):
            (base / directory).mkdir(parents=True)
        (base / "outside" / "b.txt").write_text(CANARY)
        (base / "root" / "b.txt").touch()
        for link, target in (("out", base / "outside"), ("sub/up", "../.."), ("self", "."), ("sub/self", "../sub")):
            (base / "root" / link).symlink_to(target)
        _try_hostile_paths(base)
        assert opener in OPENERS


def _try_hostile_paths(base: Path) -> None:
    @settings(max_examples=400, deadline=None, database=None)
    @given(HOSTILE_PATHS, st.booleans())
    def attempt(path: str, absolute: bool) -> None:
        given_path = f"{base}/root/{path}" if absolute else path
        with Root(base / "root") as root:
            with suppress(PathEscapeError, WorkspaceError), root.open_read(given_path) as file:
                assert _beneath(file.fileno(), base / "root")
            with suppress(PathEscapeError, WorkspaceError), root.place(given_path, create=True, follow=True) as place:
                assert _beneath(place.fd, base / "root")
        assert names(base) == ["outside", "root"]
        assert names(base / "outside") == ["b.txt"]

    attempt()


def _beneath(fd: int, root: Path) -> bool:
    return Path(f"/proc/self/fd/{fd}").readlink().is_relative_to(root)
