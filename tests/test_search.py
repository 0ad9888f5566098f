"""Searching by name and by content: patterns, caps, and expressions that would never end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from openskills_core import opening, paths, search
from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.search import GrepMatch
from openskills_core.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

FILES = (
    "README.md",
    "main.py",
    ".env",
    ".github/workflows/ci.yml",
    "src/app.py",
    "src/lib/deep/util.py",
    "src/lib/.secret.py",
    "src/[odd].py",
    "tests/test_app.py",
)
OPENERS = {"openat2": opening.open_beneath, "walk": opening.open_by_walk}


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


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["README.md"]),
        ("*.py", ["main.py", "src/[odd].py", "src/app.py", "src/lib/deep/util.py", "tests/test_app.py"]),
        ("./*.py", ["main.py"]),
        ("src/*.py", ["src/[odd].py", "src/app.py"]),
        ("src//./app.py", ["src/app.py"]),
        ("src/**", ["src/[odd].py", "src/app.py", "src/lib/deep/util.py"]),
        ("src/**/*.py", ["src/[odd].py", "src/app.py", "src/lib/deep/util.py"]),
        ("**/deep/**/util.py", ["src/lib/deep/util.py"]),
        ("**/**/**/app.py", ["src/app.py"]),
        ("*/lib/*/u???.py", ["src/lib/deep/util.py"]),
        ("[mt]*.py", ["main.py", "tests/test_app.py"]),
        ("src/[[]odd].py", ["src/[odd].py"]),
        (".*", [".env", "src/lib/.secret.py"]),
        ("**/.*", [".env", "src/lib/.secret.py"]),
        (".github/**/*.yml", [".github/workflows/ci.yml"]),
        (".github/*", []),
        ("*.yml", []),
        ("*", [path for path in sorted(FILES) if "." not in (path[0], path[path.rfind("/") + 1])]),
        ("readme.md", []),
        ("src", []),
        ("src/", []),
    ],
)
def test_a_glob_finds_what_its_pattern_says(ws: Workspace, pattern: str, expected: list[str]) -> None:
    """Files only, sorted; hidden ones only when the pattern says so; case matters."""
    for path in FILES:
        ws.write_text(path, "")
    assert ws.glob(pattern) == expected


def test_a_glob_is_relative_to_its_directory_and_gives_paths_of_the_root(ws: Workspace) -> None:
    """An absolute pattern, as models echo them, is taken relative to the root."""
    for path in FILES:
        ws.write_text(path, "")
    assert ws.glob("*.py", "src/lib") == ["src/lib/deep/util.py"]
    assert ws.glob("*.yml", ".github") == [".github/workflows/ci.yml"]
    assert ws.glob(f"{ws.root}/src/*.py") == ["src/[odd].py", "src/app.py"]


@pytest.mark.parametrize("pattern", ["../*", "src/../../*", "a/.."])
def test_a_pattern_that_leads_outside_is_refused(ws: Workspace, pattern: str) -> None:
    """Whatever lies there, in a glob and in the glob of a grep."""
    with pytest.raises(PathEscapeError, match="must not hold"):
        ws.glob(pattern)
    with pytest.raises(PathEscapeError, match="must not hold"):
        ws.grep("x", glob=pattern)
    with pytest.raises(PathEscapeError, match="leads outside"):
        ws.glob(f"/etc/{pattern}")


@pytest.mark.parametrize("pattern", ["", "/", ".", "./"])
def test_an_empty_pattern_is_refused(ws: Workspace, pattern: str) -> None:
    """The text says what matches everything."""
    with pytest.raises((WorkspaceError, PathEscapeError), match=r"empty|outside"):
        ws.glob(pattern)


def test_a_glob_with_many_stars_is_fast(ws: Workspace) -> None:
    """Neither stars nor double stars backtrack into exponential time."""
    ws.write_text("/".join(["a" * 20] * 20) + "/b", "")
    start = time.perf_counter()
    assert ws.glob("**/" * 30 + "a*" * 15 + "c") == []
    assert time.perf_counter() - start < 2


def test_a_glob_says_when_there_is_too_much_to_look_at(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incomplete list would look complete."""
    monkeypatch.setattr(search, "MAX_ENTRIES", 3)
    for number in range(4):
        ws.write_text(f"f{number}", "x")
    with pytest.raises(WorkspaceError, match="more than 3 entries"):
        ws.glob("*")
    result = ws.grep("x")
    assert (len(result.matches), result.truncated) == (3, True)
    assert "only the first 3 entries were looked at" in result.note


def test_grep_gives_path_line_text_and_context(ws: Workspace) -> None:
    """Sorted by path and line; context stops at the borders of the file."""
    ws.write_text("b.txt", "one\r\ntwo\r\nthree\r\n")
    ws.write_text("a/x.txt", "zero\nthree\n")
    assert ws.grep("^three$", context=1).matches == (
        GrepMatch("a/x.txt", 2, "three", ("zero",), ()),
        GrepMatch("b.txt", 3, "three", ("two",), ()),
    )
    assert ws.grep("t[wh]").matches == (
        GrepMatch("a/x.txt", 2, "three"),
        GrepMatch("b.txt", 2, "two"),
        GrepMatch("b.txt", 3, "three"),
    )


def test_grep_numbers_lines_as_reading_does(ws: Workspace) -> None:
    """A line ends at a line feed and nowhere else."""
    ws.write_text("f", "a\x0cb\x85c\u2028d\re\nneedle")
    (match,) = ws.grep("needle").matches
    assert ws.read_text("f", match.line, 1) == "needle"


def test_grep_narrows_by_directory_file_and_glob(ws: Workspace) -> None:
    """Hidden files only when the glob or the path says so."""
    for path in ("a.py", "a.txt", "d/b.py", ".hidden", ".git/config"):
        ws.write_text(path, "Needle")

    def found(path: str = ".", glob: str | None = None) -> list[str]:
        return [match.path for match in ws.grep("needle", path, glob=glob, ignore_case=True).matches]

    assert found() == ["a.py", "a.txt", "d/b.py"]
    assert found(glob="*.py") == ["a.py", "d/b.py"]
    assert found("d") == ["d/b.py"]
    assert found("a.txt") == ["a.txt"]
    assert found(glob=".*") == [".hidden"]
    assert found(".git") == [".git/config"]
    assert found(".hidden") == [".hidden"]
    assert ws.grep("needle").matches == ()


def test_binary_files_are_skipped_and_counted(ws: Workspace) -> None:
    """A NUL makes a file binary; text in another encoding is still searched."""
    ws.write_bytes("bin", b"needle\0")
    ws.write_bytes("latin", b"needle \xe9\n")
    result = ws.grep("needle")
    assert result.matches == (GrepMatch("latin", 1, "needle \ufffd"),)
    assert (result.truncated, result.note) == (False, "binary files skipped: 1")


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "*", "(?P<a>x)(?P<a>y)", "x{99999999999}", "(" * 500])
def test_an_invalid_expression_is_named_with_its_problem(ws: Workspace, pattern: str) -> None:
    """Even one that breaks the compiler in an unusual way."""
    with pytest.raises(WorkspaceError, match=r"invalid regular expression .*: .+"):
        ws.grep(pattern)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"limit": 0}, "limit must be 1 to 1000"),
        ({"limit": 1_001}, "limit must be 1 to 1000"),
        ({"context": -1}, "context must be 0 to 20"),
        ({"context": 21}, "context must be 0 to 20"),
    ],
)
def test_numbers_out_of_range_are_refused(ws: Workspace, keywords: dict[str, int], words: str) -> None:
    """With the range in the text."""
    with pytest.raises(WorkspaceError, match=words):
        ws.grep("x", limit=keywords.get("limit", 1), context=keywords.get("context", 0))


def test_a_very_long_expression_is_refused(ws: Workspace) -> None:
    """Before anything is started for it."""
    with pytest.raises(WorkspaceError, match="longer than 1000 characters"):
        ws.grep("x" * 1_001)


@pytest.mark.parametrize(("limit", "truncated"), [(5, True), (9, True), (10, False), (11, False)])
def test_the_limit_is_exact_and_told(ws: Workspace, limit: int, truncated: bool) -> None:
    """As many matches as the limit are complete when there are no more."""
    ws.write_text("a", "x\n" * 6)
    ws.write_text("b", "x\n" * 4)
    result = ws.grep("x", limit=limit)
    assert (len(result.matches), result.truncated) == (min(limit, 10), truncated)
    assert result.note == (f"stopped at {limit} matches" if truncated else "")


def test_long_lines_are_cut_around_the_match(ws: Workspace) -> None:
    """What is shown holds the match, and dots where something is missing."""
    ws.write_text("f", "a" * 5_000 + "needle" + "b" * 5_000 + "\nneedle" + "c" * 1_000 + "\n" + "d" * 1_000 + "needle")
    middle, start, end = ws.grep("needle", context=1).matches
    assert middle.text == "..." + "a" * 125 + "needle" + "b" * 369 + "..."
    assert start.text == "needle" + "c" * 494 + "..."
    assert end.text == "..." + "d" * 494 + "needle"
    assert middle.after == ("needle" + "c" * 494 + "...",)


def test_large_files_and_too_many_files_are_told(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left out stands in the note."""
    monkeypatch.setattr(search, "MAX_FILES", 3)
    monkeypatch.setattr(search, "MAX_FILE_BYTES", 1024 * 1024)
    ws.write_bytes("a-large", b"x" * (1024 * 1024 + 1))
    for number in range(4):
        ws.write_text(f"f{number}", "x")
    result = ws.grep("x")
    assert [match.path for match in result.matches] == ["f0", "f1"]
    assert result.truncated
    assert result.note == (
        "only the first 3 of 5 files were searched; files unreadable or larger than 1 MiB skipped: 1"
    )


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*=", "(a|aa)+c"])
@pytest.mark.timeout(20)
def test_an_expression_that_never_ends_is_stopped(ws: Workspace, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found before is kept, this process stays responsive, and the note names the file."""
    monkeypatch.setattr(search, "DEADLINE_SECONDS", 1.0)
    ws.write_text("a", "a=aacb aaaa")
    ws.write_text("b", "a" * 60 + "!")
    beats, stop = [], threading.Event()

    def beat() -> None:
        while not stop.wait(0.05):
            beats.append(1)

    thread = threading.Thread(target=beat)
    thread.start()
    start = time.perf_counter()
    result = ws.grep(pattern)
    stop.set()
    thread.join()
    assert 0.9 < time.perf_counter() - start < 5
    assert [match.path for match in result.matches] == ["a"]
    assert result.truncated
    assert result.note == "stopped in 'b' after 1 s; use a simpler pattern or a narrower path"
    assert len(beats) > 5


def test_nothing_is_left_of_the_matcher(ws: Workspace) -> None:
    """Neither a process nor a descriptor nor a thread, whatever way a search ends."""
    ws.write_text("f", "x\n" * 10)
    before = _open_descriptors(), threading.active_count()
    for pattern in ("x", "(", "y"):
        with ThreadPoolExecutor(4) as pool:
            for search_run in [pool.submit(ws.grep, pattern, limit=2) for _ in range(8)]:
                assert search_run.exception() is None or pattern == "("
    assert (_open_descriptors(), threading.active_count()) == before


def _open_descriptors() -> int:
    from pathlib import Path

    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_search_goes_on_where_files_vanish(ws: Workspace) -> None:
    """What cannot be read any more is counted, not raised."""
    ws.write_text("kept", "x")
    with paths.Root(ws.root) as root, search._matcher(search.GrepQuery("x")) as find:
        result = search._Search(root, search.GrepQuery("x"), find).over(["gone", "kept"], complete=True)
    assert [match.path for match in result.matches] == ["kept"]
    assert result.note == "files unreadable or larger than 8 MiB skipped: 1"
