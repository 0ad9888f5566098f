"""Which files a Markdown text speaks of.

A link or an image names one for certain. In code it is a path beneath one of the folders a skill has by convention, or
beneath `${CLAUDE_SKILL_DIR}`; blocks of code count where they are commands, since other code speaks of the files of
whoever runs it. Left out are placeholders, examples, drawings of a directory, and files that the text says are made.
Source: Agent Skills specification, "File references".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_LINE = 4_000  # a longer one is data

_FENCE = re.compile(r"[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[^`\s]*)")
_COMMANDS = frozenset({"", "!", "bash", "sh", "shell", "zsh", "console", "terminal", "shellsession", "shell-session"})
_LINK = re.compile(r"\]\([ \t]*(<[^<>]*>|[^\s()<>]*(?:\([^\s()]*\)[^\s()]*)*)")
_DEFINITION = re.compile(r" {0,3}\[(?!\^)[^\]]+\]:[ \t]*(<[^<>]*>|\S+)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_SKILL_DIR = ("${CLAUDE_SKILL_DIR}/", "{baseDir}/", "./")
_PATH = re.compile(
    r"(?<![\w./~}$>*\\@-])(?P<root>\$\{CLAUDE_SKILL_DIR\}/|\{baseDir\}/)?(?:\./)?"
    r"(?P<path>(?(root)|(?:scripts|references|reference|assets)/)[\w.@+/-]+)(?P<next>.?)"
)
_FILE_NAME = re.compile(r"[^/]\.[A-Za-z0-9]{1,10}\Z")
_UNFINISHED = frozenset("<>{}[]$*?%…|")
_STAND_IN = re.compile(
    r"(?:^|/)(?:path/to/|(?:your|my|some|foo|bar|baz|example|xxx+)(?:[-_.]|$)|(?:script|file|skill)?[-_]?name\.)",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"\bexamples?\b|\be\.g\.|\bfor instance\b|\bsuch as\b|\b(?:would|could|might|may) be\b|\bif\b.{0,80}\bexists?\b"
    r"|\boptional\b|[├└│]",
    re.IGNORECASE,
)
_TITLE = re.compile(r"[ \t]*#[ \t]*\S+[ \t]*\r?")  # `# scripts/x.sh` above a sample of that file
_MADE = re.compile(
    r"(?:>|\s(?:-o|-O|--out\w*|--save\w*)[ =]|\b(?:tee|touch)\s+|\b(?:cp|mv)\s.*\s"
    r"|\b(?:sav|writ|stor|creat|generat|output|produc|export|download|past|put|plac)\w*\s(?:[^`]{0,40}\s)?"
    r"(?:to|as|at|into|in)\s"
    r"|\b(?:saves|writes|creates|generates|outputs|produces|exports|downloads)\s)[ \t]*[`\"']?\Z",
    re.IGNORECASE,
)
_BEFORE = 100  # characters looked at to tell whether a file is made


@dataclass(frozen=True, slots=True)
class Mention:
    """A file that a text names. `target` is a POSIX path as meant, relative; `line` counts from 1."""

    target: str
    line: int
    kind: Literal["link", "code"]


def find_mentions(text: str) -> list[Mention]:
    """Return the files that a Markdown text names, in order."""
    mentions: list[Mention] = []
    made: set[str] = set()
    for number, line, is_code in _lines(text):
        spans = [(0, len(line))] if is_code else _code_spans(line)
        for at, target in _paths(line, spans):
            mentions.append(Mention(target, number, "code"))
            if _MADE.search(line, max(0, at - _BEFORE), at):
                made.add(target)
        if not is_code and ("](" in line or "]:" in line):
            mentions += [Mention(target, number, "link") for target in _links(_without_code(line, spans))]
    return [mention for mention in mentions if mention.kind == "link" or mention.target not in made]


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield the lines of prose and of commands, which of the two, and no line of any other code or of comments.

    A block that opens within a block of as many marks closes the outer one to Markdown, and never to its author.
    """
    marks: list[str] = []
    language = ""
    for number, line in enumerate(_without_comments(text).split("\n"), 1):
        fence = _FENCE.match(line)
        if fence and not marks:
            marks, language = [fence["mark"]], fence["language"].lower()
        elif fence and fence["language"] and fence["mark"].startswith(marks[-1]):
            marks.append(fence["mark"])
        elif fence and fence["mark"].startswith(marks[-1]):
            marks.pop()
        elif len(line) <= _LONGEST_LINE and (not marks or language in _COMMANDS):
            yield number, line, bool(marks)


def _without_comments(text: str) -> str:
    """Blank out HTML comments, keeping the count of lines."""
    parts: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts += [text[at:start], "\n" * text.count("\n", start, end)]
        at = end + len("-->")
    return "".join(parts) + text[at:]


def _code_spans(line: str) -> list[tuple[int, int]]:
    """Return where the text of each code span begins and ends: between two runs of as many backticks."""
    if "`" not in line:
        return []
    runs = [match.span() for match in re.finditer("`+", line)]
    closing: dict[int, int] = {}
    last: dict[int, int] = {}
    for index in reversed(range(len(runs))):
        length = runs[index][1] - runs[index][0]
        closing[index] = last.get(length, 0)
        last[length] = index
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(runs):
        end = closing[at]
        # Code that is the text of a link names nothing: the link does.
        if end and not line.startswith("](", runs[end][1]):
            spans.append((runs[at][1], runs[end][0]))
        at = max(at, closing[at]) + 1
    return spans


def _paths(line: str, spans: list[tuple[int, int]]) -> list[tuple[int, str]]:
    """Return the paths in the code of a line, and where each begins; none where the line gives an example."""
    paths: list[tuple[int, str]] = []
    for start, end in spans:
        for match in _PATH.finditer(line, start, end):
            path = match["path"].rstrip(".,:")
            if match["next"] not in _UNFINISHED and _names_a_file(path):
                paths.append((match.start(), path))
    return [] if paths and (_EXAMPLE.search(line) or _TITLE.fullmatch(line)) else paths


def _links(prose: str) -> Iterator[str]:
    """Yield the relative targets of links, images and link definitions."""
    for match in [*_LINK.finditer(prose), *_DEFINITION.finditer(prose)]:
        target = match[1].strip("<>")
        for prefix in _SKILL_DIR:
            target = target.removeprefix(prefix)
        path = unquote(target.partition("#")[0].partition("?")[0])
        # A link from the root is one of a web site; nobody can mean a file of every reader's machine.
        if _SCHEME.match(target) or path.startswith("/"):
            continue
        if not _UNFINISHED & set(path) and (path.endswith("/") or _names_a_file(path)):
            yield path


def _names_a_file(path: str) -> bool:
    """Whether a path is one of a certain file, and no placeholder such as `scripts/your_script.py`."""
    return bool(_FILE_NAME.search(path)) and "..." not in path and not _STAND_IN.search(path)


def _without_code(line: str, spans: list[tuple[int, int]]) -> str:
    """Return the prose of a line: what looks like a link in code is none."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(line)]
    return "".join(line[end:start] for end, start in zip(ends, starts, strict=True))
