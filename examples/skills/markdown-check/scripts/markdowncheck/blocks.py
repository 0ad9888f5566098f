"""Splitting a page into headings and paragraphs; code, comments and frontmatter are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

FENCE = re.compile(r"(?P<marks>`{3,}|~{3,})(?P<info>.*)")
ATX_HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})(?:[ \t]+(?P<text>.*?))?(?:[ \t]+#+)?[ \t]*")
SETEXT_RULE = re.compile(r" {0,3}(=+|-+)[ \t]*")
QUOTE = re.compile(r" {0,3}> ?")
LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s+|$)")
RAW_HTML = re.compile(r" {0,3}<(?P<tag>!--|pre\b|script\b|style\b|textarea\b)", re.IGNORECASE)
CODE_INDENT = 4


@dataclass(frozen=True)
class Line:
    """One line of text: its number in the file, counted from 1, and its text without quote marks."""

    number: int
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading as written, without its marks."""

    line: int
    level: int
    text: str


@dataclass(frozen=True)
class Page:
    """The blocks of one file. `open_fences` are the lines on which a code fence starts that never ends."""

    headings: list[Heading] = field(default_factory=list)
    paragraphs: list[list[Line]] = field(default_factory=list)
    open_fences: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Fence:
    """An open code fence: its marks, its line, and how many block quotes it stands in."""

    marks: str
    line: int
    depth: int


class PageReader:
    """Walks once through the lines of a file and collects its blocks."""

    def __init__(self) -> None:
        """Start with an empty page."""
        self.page = Page()
        self._paragraph: list[Line] = []
        self._fence: Fence | None = None
        self._raw_end = ""
        self._in_list = False
        self._after_blank = True

    def feed(self, number: int, raw: str) -> None:
        """Take the next line."""
        if self._fence and self._inside_fence(raw, self._fence):
            return
        text, depth = strip_quotes(raw)
        if self._raw_end or self._opens_raw_html(text):
            self._inside_raw_html(text)
        elif not text.strip():
            self._blank()
        elif not self._is_indented_code(text) and not self._opens_fence(text, number, depth):
            self._text(Line(number, text))
            self._after_blank = not self._paragraph

    def finish(self) -> Page:
        """Close what is open and return the page."""
        self._end_paragraph()
        if self._fence:
            self.page.open_fences.append(self._fence.line)
        return self.page

    def _inside_fence(self, raw: str, fence: Fence) -> bool:
        text, depth = strip_quotes(raw, fence.depth)
        if depth < fence.depth:  # the quote ended, and the code with it
            self._fence = None
            return False
        closing = text.strip()
        if closing.startswith(fence.marks) and not closing.strip(fence.marks[0]):
            self._fence = None
        return True

    def _opens_raw_html(self, text: str) -> bool:
        match = RAW_HTML.match(text)
        if match:
            self._end_paragraph()
            self._raw_end = "-->" if match["tag"] == "!--" else f"</{match['tag'].lower()}>"
        return bool(match)

    def _inside_raw_html(self, text: str) -> None:
        if self._raw_end in text.lower():
            self._raw_end = ""

    def _blank(self) -> None:
        self._end_paragraph()
        self._after_blank = True

    def _is_indented_code(self, text: str) -> bool:
        expanded = text.expandtabs(CODE_INDENT)
        indent = len(expanded) - len(expanded.lstrip())
        if LIST_ITEM.match(text) and indent < CODE_INDENT:
            self._in_list = True
        elif self._after_blank and indent == 0:
            self._in_list = False
        # Code cannot interrupt a paragraph, and within a list the same indentation continues the item.
        return indent >= CODE_INDENT and self._after_blank and not self._in_list

    def _opens_fence(self, text: str, number: int, depth: int) -> bool:
        match = FENCE.fullmatch(LIST_ITEM.sub("", text, count=1).strip())
        if not match or (match["marks"][0] == "`" and "`" in match["info"]):
            return False
        self._blank()
        self._fence = Fence(match["marks"], number, depth)
        return True

    def _text(self, line: Line) -> None:
        heading = ATX_HEADING.fullmatch(line.text)
        if heading:
            self._end_paragraph()
            self._add_heading(line.number, len(heading["marks"]), heading["text"] or "")
        elif self._paragraph and SETEXT_RULE.fullmatch(line.text) and not LIST_ITEM.match(self._paragraph[0].text):
            self._underlined(1 if "=" in line.text else 2)
        else:
            self._paragraph.append(line)

    def _underlined(self, level: int) -> None:
        first = self._paragraph[0].number
        text = " ".join(line.text.strip() for line in self._paragraph)
        self._paragraph = []
        self._add_heading(first, level, text)

    def _add_heading(self, number: int, level: int, text: str) -> None:
        self.page.headings.append(Heading(number, level, text.strip()))
        self.page.paragraphs.append([Line(number, text)])

    def _end_paragraph(self) -> None:
        if self._paragraph:
            self.page.paragraphs.append(self._paragraph)
        self._paragraph = []


def read_page(text: str) -> Page:
    """Return the blocks of a Markdown text."""
    reader = PageReader()
    for number, line in enumerate(blank_frontmatter(text).split("\n"), start=1):
        reader.feed(number, line.rstrip("\r"))
    return reader.finish()


def strip_quotes(line: str, limit: int | None = None) -> tuple[str, int]:
    """Return `line` without the marks of at most `limit` block quotes, and how many there were."""
    depth = 0
    while depth != limit and (match := QUOTE.match(line)):
        line = line[match.end() :]
        depth += 1
    return line, depth


def blank_frontmatter(text: str) -> str:
    """Return `text` with a YAML block at its top emptied, so that line numbers stay."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return text
    for index, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ("---", "..."):
            return "\n".join([""] * (index + 1) + lines[index + 1 :])
    return text
