"""Finding links, images, references and anchors in the text of a paragraph."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdowncheck.blocks import Line

HIDDEN = "\0"  # stands for a character that is code, a comment or escaped
LABEL = r"(?P<label>(?:[^\[\]]|\[(?:[^\[\]]|\[[^\[\]]*\])*\])*)"
INLINE = re.compile(
    r"(?P<bang>!?)\[" + LABEL + r"\]\(\s*(?P<target><[^<>\n]*>|(?:[^\s()<]|\([^\s()]*\))(?:[^\s()]|\([^\s()]*\))*|)"
    r"(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*\)"
)
REFERENCE = re.compile(r"(?<!\w)(?P<bang>!?)\[" + LABEL + r"\]\[(?P<ref>[^\[\]]*)\]")
SHORTCUT = re.compile(r"\[(?P<ref>[^\[\]]+)\](?![\[(:])")
FOOTNOTE = re.compile(r"(?<!^)\[\^(?P<ref>[^\]\s]+)\]|^\[\^(?P<start>[^\]\s]+)\](?!:)", re.MULTILINE)
DEFINITION = re.compile(r"^ {0,3}\[(?P<ref>[^\[\]]+)\]:[ \t]*\n?[ \t]*(?P<target><[^<>\n]*>|\S+)?", re.MULTILINE)
AUTOLINK = re.compile(r"<(?P<target>https?:[^<>\s]*)>", re.IGNORECASE)
TAG = re.compile(r"<(?P<name>[A-Za-z][\w-]*)(?P<attributes>(?:\s+[^<>]*)?)>")
ATTRIBUTE = re.compile(r"(?P<name>[\w-]+)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'>]+))")
CODE_OR_ESCAPE = re.compile(r"\\[!-/:-@\[-`{-~]|(?P<ticks>`+)|<!--")


@dataclass(frozen=True)
class Link:
    """Something that points: at a file, an anchor or a web address. `no_alt` marks an image without its text."""

    line: int
    target: str
    no_alt: bool = False


@dataclass(frozen=True)
class Mention:
    """A reference to a label: `[text][label]`, `[label]` or `[^label]`. A shortcut may be plain text in brackets."""

    line: int
    label: str
    kind: Literal["full", "shortcut", "footnote"]
    no_alt: bool = False


class Text:
    """The text of one paragraph, as written and with code, comments and escapes hidden at the same offsets."""

    def __init__(self, lines: Sequence[Line]) -> None:
        """Join the lines."""
        self.raw = "\n".join(line.text for line in lines)
        self.seen = hide(self.raw)
        self._numbers = [line.number for line in lines]

    def line_at(self, offset: int) -> int:
        """Return the file line of a character."""
        return self._numbers[self.raw.count("\n", 0, offset)]

    def written(self, match: re.Match[str], group: str) -> str:
        """Return a matched group as it was written."""
        return self.raw[match.start(group) : match.end(group)]


def hide(raw: str) -> str:
    """Return `raw` with code spans, comments and escaped characters replaced, newlines kept."""
    parts, position = [], 0
    while match := CODE_OR_ESCAPE.search(raw, position):
        end = hidden_end(raw, match)
        parts += [raw[position : match.start()], re.sub(r"[^\n]", HIDDEN, raw[match.start() : end])]
        if end == match.start():  # backticks that open nothing
            parts.append(match.group())
        position = max(end, match.end())
    return "".join(parts) + raw[position:]


def hidden_end(raw: str, match: re.Match[str]) -> int:
    """Return where the code span, comment or escape that starts at `match` ends; its start when it is none."""
    if match.group() == "<!--":
        end = raw.find("-->", match.end())
        return end + 3 if end >= 0 else match.start()
    if not match["ticks"]:
        return match.end()
    closing = re.compile(rf"(?<!`){match['ticks']}(?!`)").search(raw, match.end())
    return closing.end() if closing else match.start()


def links(text: Text) -> Iterator[Link]:
    """Yield inline links and images, web addresses in angle brackets, and those of HTML tags."""
    yield from inline_links(text, 0, len(text.seen))
    for match in AUTOLINK.finditer(text.seen):
        yield Link(text.line_at(match.start()), text.written(match, "target"))
    for line, name, attributes in tags(text):
        if name == "img":
            # An empty alt is how HTML says that an image is only decoration, so it may be empty but not absent.
            yield Link(line, attributes.get("src", ""), no_alt="alt" not in attributes)
        elif name == "a" and "href" in attributes:
            yield Link(line, attributes["href"])


def inline_links(text: Text, start: int, end: int) -> Iterator[Link]:
    """Yield `[text](target)` and `![alt](target)` between two offsets; an image may stand within a link."""
    for match in INLINE.finditer(text.seen, start, end):
        target = unwrap(text.written(match, "target"))
        yield Link(text.line_at(match.start()), target, no_alt=lacks_alt(text, match, "label"))
        if not match["bang"]:
            yield from inline_links(text, match.start("label"), match.end("label"))


def lacks_alt(text: Text, match: re.Match[str], group: str) -> bool:
    """Say whether the match is an image whose alternative text is empty."""
    return bool(match["bang"]) and not text.written(match, group).strip()


def unwrap(target: str) -> str:
    """Return a link target without angle brackets, backslashes and entities."""
    inner = target[1:-1] if target.startswith("<") else target
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", inner))


def tags(text: Text) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Yield (line, name, attributes) of HTML start tags."""
    for match in TAG.finditer(text.seen):
        attributes = {
            found["name"].lower(): html.unescape(found["double"] or found["single"] or found["bare"] or "")
            for found in ATTRIBUTE.finditer(text.written(match, "attributes"))
        }
        yield text.line_at(match.start()), match["name"].lower(), attributes


def anchors(text: Text) -> Iterator[tuple[int, str]]:
    """Yield (line, anchor) of every `id`, and of every `name` of an `a` tag."""
    for line, name, attributes in tags(text):
        for key in ("id", "name"):
            if attributes.get(key) and (key == "id" or name == "a"):
                yield line, attributes[key]


def definitions(text: Text) -> Iterator[tuple[str, Link]]:
    """Yield (label, link) of every `[label]: target`; footnotes have an empty target."""
    for match in DEFINITION.finditer(text.seen):
        label = text.written(match, "ref")
        target = "" if label.startswith("^") else unwrap(text.written(match, "target"))
        yield normal(label), Link(text.line_at(match.start("ref")), target)


def mentions(text: Text) -> Iterator[Mention]:
    """Yield every use of a label."""
    taken: set[int] = set()
    for match in REFERENCE.finditer(text.seen):
        label = text.written(match, "ref") or text.written(match, "label")
        taken.update(range(match.start(), match.end()))
        yield Mention(text.line_at(match.start()), normal(label), "full", no_alt=lacks_alt(text, match, "label"))
    for match in SHORTCUT.finditer(text.seen):
        label = text.written(match, "ref")
        if match.start("ref") not in taken and not label.startswith("^"):
            yield Mention(text.line_at(match.start()), normal(label), "shortcut")
    for match in FOOTNOTE.finditer(text.seen):
        label = match["ref"] or match["start"]
        yield Mention(text.line_at(match.start()), normal(f"^{label}"), "footnote")


def normal(label: str) -> str:
    """Return a label as Markdown compares it: case and spacing do not count."""
    return " ".join(label.casefold().split())
