"""Looking through the files beneath a root: by name (glob) and by content (grep).

Names follow the conventions of ripgrep: hidden files and directories take part only when the pattern says so, symbolic
links are not followed, results are sorted. Regular expressions are Python's. One can take forever on one line and
cannot be interrupted inside this process, so they are matched in a child process that is killed at a deadline; the
child opens no file, it is sent their content.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from stat import S_ISDIR
from typing import IO, TYPE_CHECKING, Any, cast

from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.models import MIB
from openskills_core.paths import MAX_ENTRIES, Root, shown

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence

MAX_MATCHES = 1_000
MAX_FILES = 10_000
MAX_FILE_BYTES = 8 * MIB
MAX_PATTERN_CHARACTERS = 1_000
MAX_CONTEXT_LINES = 20
LINE_CHARACTERS = 500
DEADLINE_SECONDS = 10.0

# Runs in the child: first line the question, then per file a line with its size and the matches wanted, then its bytes.
# Every answer is one line of JSON: "" or an error for the question, null or a list of matches for a file.
_MATCHER = r"""
import json, re, sys
source, ask = sys.stdin.buffer, json.loads(sys.stdin.buffer.readline())
def answer(value):
    print(json.dumps(value), flush=True)
def cut(line, start=0):
    begin = max(0, min(start - ask["width"] // 4, len(line) - ask["width"]))
    end = begin + ask["width"]
    return ("..." if begin else "") + line[begin:end] + ("..." if end < len(line) else "")
def find(lines, wanted):
    found, around = [], ask["context"]
    for index, line in enumerate(lines):
        match = pattern.search(line)
        if match and len(found) < wanted:
            before = [cut(text) for text in lines[max(0, index - around):index]]
            after = [cut(text) for text in lines[index + 1:index + 1 + around]]
            found.append([index + 1, cut(line, match.start()), before, after])
        if len(found) == wanted:
            break
    return found
try:
    pattern = re.compile(ask["pattern"], re.IGNORECASE if ask["ignore_case"] else 0)
except Exception as error:
    answer(str(error) or type(error).__name__)
    sys.exit()
answer("")
while header := source.readline():
    size, wanted = json.loads(header)
    data = source.read(size)
    lines = [line.removesuffix("\r") for line in data.decode("utf-8", "replace").split("\n")]
    if not lines[-1]:
        lines.pop()
    answer(None if b"\0" in data else find(lines, wanted))
"""


@dataclass(frozen=True, slots=True)
class GrepQuery:
    """What to look for: `glob` narrows the files, `context` counts lines before and after, `limit` counts matches."""

    pattern: str
    glob: str | None = None
    ignore_case: bool = False
    context: int = 0
    limit: int = 200


@dataclass(frozen=True, slots=True)
class GrepMatch:
    """One matching line: `line` counts from 1, `path` is relative to the root, `before` and `after` are the context.

    A line of more than 500 characters is cut around the match, with "..." where something is missing.
    """

    path: str
    line: int
    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GrepResult:
    """The matches, sorted by path and line. `truncated` says that some may be missing, and `note` says why."""

    matches: tuple[GrepMatch, ...]
    truncated: bool = False
    note: str = ""


def glob(root: Root, pattern: str, path: str = ".") -> list[str]:
    """Return the regular files beneath `path` whose path relative to it fits `pattern`, sorted, relative to the root.

    `*`, `?` and `[...]` match within one component and `**` matches any number of directories. A pattern without "/"
    matches at any depth. A component that starts with a dot is matched only by one that does in the pattern. An
    absolute pattern beneath the root is taken relative to the root.

    Raises:
        PathEscapeError: the path or the pattern leads outside.
        WorkspaceError: the pattern is empty, `path` is no directory, or there are too many entries to look at.
    """
    if pattern.startswith("/"):
        pattern, path = root.relative(pattern), "."
    found, complete = _find(root, root.relative(path), pattern)
    if not complete:
        raise WorkspaceError(f"{shown(path)} holds more than {MAX_ENTRIES} entries; search a directory beneath it")
    return found


def grep(root: Root, query: GrepQuery, path: str = ".") -> GrepResult:
    """Return the lines of text files beneath `path`, or of the file `path`, that the regular expression matches.

    Lines end at a line feed; bytes that are not UTF-8 are replaced; a file with a NUL byte is binary and skipped.

    Raises:
        PathEscapeError: the path or the glob leads outside.
        WorkspaceError: the regular expression is invalid, a number is out of range, or `path` cannot be read.
    """
    _check(query)
    paths, complete = _candidates(root, root.relative(path), query.glob or "*")
    with _matcher(query) as find:
        return _Search(root, query, find).over(paths, complete=complete)


def _check(query: GrepQuery) -> None:
    if len(query.pattern) > MAX_PATTERN_CHARACTERS:
        raise WorkspaceError(f"the regular expression is longer than {MAX_PATTERN_CHARACTERS} characters; shorten it")
    if not 0 <= query.context <= MAX_CONTEXT_LINES:
        raise WorkspaceError(f"context must be 0 to {MAX_CONTEXT_LINES} lines, got {query.context}")
    if not 1 <= query.limit <= MAX_MATCHES:
        raise WorkspaceError(f"limit must be 1 to {MAX_MATCHES} matches, got {query.limit}")


def _candidates(root: Root, base: str, pattern: str) -> tuple[list[str], bool]:
    if S_ISDIR(root.stat(base).st_mode):
        return _find(root, base, pattern)
    root.open_read(base).close()
    return [base], True


def _find(root: Root, base: str, pattern: str) -> tuple[list[str], bool]:
    """Return the files beneath `base` that fit, sorted, and whether every entry was looked at."""
    fits = _Glob.of(pattern)
    skip = 0 if base == "." else len(base) + 1
    walk = root.walk(base, limit=MAX_ENTRIES + 1, enter=lambda entry: fits.enters(entry.path[skip:]))
    entries = list(walk)
    files = (entry.path for entry in entries[:MAX_ENTRIES] if entry.kind == "file")
    return sorted(path for path in files if fits.matches(path[skip:])), len(entries) <= MAX_ENTRIES


@dataclass(frozen=True, slots=True)
class _Glob:
    """A pattern as components. Matching tracks every position at once, so `**/**/**` costs no backtracking."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str) -> _Glob:
        parts = tuple(part for part in pattern.split("/") if part not in ("", "."))
        if ".." in parts:
            raise PathEscapeError(
                f"the pattern {shown(pattern)} must not hold '..'; name the directory as path instead"
            )
        if not parts:
            raise WorkspaceError("the pattern is empty; '**/*' matches every file that is not hidden")
        return cls(parts if "/" in pattern else ("**", *parts))

    def matches(self, path: str) -> bool:
        return len(self.parts) in self._positions(path)

    def enters(self, directory: str) -> bool:
        return bool(self._positions(directory) - {len(self.parts)})

    def _positions(self, path: str) -> set[int]:
        positions = self._past_stars({0})
        for name in path.split("/"):
            steps = (at + (self.parts[at] != "**") for at in positions if self._accepts(at, name))
            positions = self._past_stars(set(steps))
        return positions

    def _past_stars(self, positions: set[int]) -> set[int]:
        for at in range(len(self.parts)):
            if at in positions and self.parts[at] == "**":
                positions.add(at + 1)
        return positions

    def _accepts(self, at: int, name: str) -> bool:
        if at == len(self.parts) or (name.startswith(".") and not self.parts[at].startswith(".")):
            return False
        return fnmatch.fnmatchcase(name, self.parts[at])


class _Search:
    """One run over the candidate files, which counts what it had to leave out."""

    def __init__(self, root: Root, query: GrepQuery, find: Callable[[bytes, int], Any]) -> None:
        self._root = root
        self._query = query
        self._find = find
        self._matches: list[GrepMatch] = []
        self._cuts: list[str] = []
        self._unread = 0
        self._binary = 0

    def over(self, paths: Sequence[str], *, complete: bool) -> GrepResult:
        if not complete:
            self._cuts.append(f"only the first {MAX_ENTRIES} entries were looked at")
        if len(paths) > MAX_FILES:
            self._cuts.append(f"only the first {MAX_FILES} of {len(paths)} files were searched")
        for path in paths[:MAX_FILES]:
            if not self._search(path):
                break
        return self._result()

    def _search(self, path: str) -> bool:
        """Search one file and return whether to go on."""
        data = self._content(path)
        if data is None:
            return True
        try:
            found = self._find(data, self._query.limit + 1 - len(self._matches))
        except TimeoutError:
            text = f"stopped in {shown(path)} after {DEADLINE_SECONDS:g} s; use a simpler pattern or a narrower path"
            self._cuts.append(text)
            return False
        self._binary += found is None
        self._matches.extend(_match(path, *item) for item in found or ())
        return len(self._matches) <= self._query.limit

    def _content(self, path: str) -> bytes | None:
        with suppress(WorkspaceError, PathEscapeError):
            return self._root.read(path, limit=MAX_FILE_BYTES)
        self._unread += 1
        return None

    def _result(self) -> GrepResult:
        limit = self._query.limit
        if len(self._matches) > limit:
            self._cuts.append(f"stopped at {limit} matches")
        if self._unread:
            self._cuts.append(f"files unreadable or larger than {MAX_FILE_BYTES // MIB} MiB skipped: {self._unread}")
        notes = [*self._cuts, f"binary files skipped: {self._binary}"] if self._binary else self._cuts
        return GrepResult(tuple(self._matches[:limit]), bool(self._cuts), "; ".join(notes))


def _match(path: str, line: int, text: str, *around: list[str]) -> GrepMatch:
    before, after = around
    return GrepMatch(path, line, text, tuple(before), tuple(after))


@contextmanager
def _matcher(query: GrepQuery) -> Iterator[Callable[[bytes, int], Any]]:
    """Start the child and give a function from (content, matches wanted) to its answer; kill it in the end."""
    import subprocess

    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _MATCHER]
    child = subprocess.Popen(  # noqa: S603 - our own program and interpreter; the pattern travels as data
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/"
    )
    timer = threading.Timer(DEADLINE_SECONDS, child.kill)
    timer.daemon = True
    timer.start()
    try:
        _question(child, query)
        yield functools.partial(_ask, child)
    finally:
        timer.cancel()
        timer.join()
        child.kill()
        _reap(child)


def _question(child: subprocess.Popen[bytes], query: GrepQuery) -> None:
    fields = {"pattern": query.pattern, "ignore_case": query.ignore_case, "context": query.context}
    try:
        error = _exchange(child, json.dumps({**fields, "width": LINE_CHARACTERS}).encode())
    except TimeoutError:
        error = "the matching process ended before it answered"
    if error:
        raise WorkspaceError(f"invalid regular expression {shown(query.pattern)}: {error}", culprit=query.pattern)


def _ask(child: subprocess.Popen[bytes], data: bytes, wanted: int) -> Any:
    return _exchange(child, json.dumps([len(data), wanted]).encode(), data)


def _exchange(child: subprocess.Popen[bytes], head: bytes, data: bytes = b"") -> Any:
    """Send one question and return the answer.

    Raises:
        TimeoutError: the child was killed at the deadline.
    """
    stdin, stdout = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
    line = b""
    with suppress(BrokenPipeError):
        stdin.write(head + b"\n" + data)
        stdin.flush()
        line = stdout.readline()
    if not line.endswith(b"\n"):
        raise TimeoutError("the search was stopped")
    return json.loads(line)


def _reap(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        # What was not yet written is of no use to a dead child.
        with suppress(BrokenPipeError):
            cast("IO[bytes]", pipe).close()
    child.wait()
