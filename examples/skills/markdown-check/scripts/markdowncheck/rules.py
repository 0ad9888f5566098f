"""The rules: each is a function from a document to the problems it sees."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from markdowncheck.documents import SUFFIXES, Document, read_document
from markdowncheck.slugs import slug

if TYPE_CHECKING:
    from pathlib import Path

SCHEME = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9+.-]*):")
WEB = ("http", "https")


@dataclass(frozen=True)
class Problem:
    """One thing to mend."""

    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        """Return `path:line: code message`."""
        return f"{self.path}:{self.line}: {self.code} {self.message}"

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name."""
        return asdict(self)


class Anchors:
    """The anchors of any Markdown file, read when first asked for."""

    def __init__(self, documents: Iterable[Document]) -> None:
        """Start with the documents that were read already."""
        self._known = {document.path.resolve(): document.targets for document in documents}

    def of(self, path: Path) -> set[str]:
        """Return the anchors of the file at `path`."""
        key = path.resolve()
        if key not in self._known:
            self._known[key] = read_document(path, path.parent).targets
        return self._known[key]


def check(documents: list[Document], ignored: Iterable[str] = ()) -> list[Problem]:
    """Return the problems of all documents, sorted by path and line."""
    known, skipped = Anchors(documents), set(ignored)
    problems = [
        Problem(str(document.path), line, code, message)
        for document in documents
        for code, rule in RULES.items()
        if code not in skipped
        for line, message in rule(document, known)
    ]
    return sorted(problems, key=lambda problem: (problem.path, problem.line, problem.code))


Found = Iterator["tuple[int, str]"]


def missing_files(document: Document, _known: Anchors) -> Found:
    """Yield relative links to files that do not exist."""
    for line, target in targets(document):
        path = local_path(document, target)
        if path is not None and not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for names too long
            yield line, f'no file "{file_part(target)}"{near_file(path)}'


def missing_anchors(document: Document, known: Anchors) -> Found:
    """Yield links to an anchor that its page does not have."""
    for line, target in targets(document):
        path, anchor = local_path(document, target), anchor_part(target)
        page = document.path if path is None and target.startswith("#") else path
        if page is None or anchor in ("", "top") or not is_page(page):
            continue
        if anchor not in known.of(page):
            yield line, f'{page.name} has no anchor "#{anchor}"{suggestion(anchor, known.of(page), "#")}'


def heading_jumps(document: Document, _known: Anchors) -> Found:
    """Yield headings more than one level below the one before."""
    levels = [heading.level for heading in document.headings]
    for previous, heading in zip(levels, document.headings[1:]):  # noqa: B905 - each heading with the one before it
        if heading.level > previous + 1:
            yield heading.line, f"level {heading.level} follows level {previous}: {shorten(heading.text)}"


def duplicate_anchors(document: Document, _known: Anchors) -> Found:
    """Yield headings and HTML anchors that repeat an earlier anchor."""
    first: dict[str, int] = {}
    for base, anchor, line in sorted(all_anchors(document), key=lambda found: found[2]):
        if base in first:
            renamed = f', so its anchor becomes "#{anchor}"' if anchor != base else ""
            yield line, f'"#{base}" was taken on line {first[base]}{renamed}'
        first.setdefault(base, line)


def all_anchors(document: Document) -> Iterator[tuple[str, str, int]]:
    """Yield (anchor wanted, anchor given, line) for headings and HTML anchors."""
    for heading, anchor in zip(document.headings, document.slugs):  # noqa: B905 - one slug was made per heading
        yield slug(heading.text), anchor, heading.line
    for line, anchor in document.anchors:
        yield anchor, anchor, line


def missing_alts(document: Document, _known: Anchors) -> Found:
    """Yield images that say nothing to those who cannot see them."""
    lines = [link.line for link in document.links if link.no_alt]
    lines += [mention.line for mention in document.mentions if mention.no_alt]
    for line in lines:
        yield line, "image without alternative text"


def unclosed_fences(document: Document, _known: Anchors) -> Found:
    """Yield code fences that never end."""
    for line in document.open_fences:
        yield line, "code fence is never closed, so the rest of the page is code"


def undefined_references(document: Document, _known: Anchors) -> Found:
    """Yield reference links and footnotes without a definition. Plain text in brackets is not taken for one."""
    for mention in document.mentions:
        if mention.kind != "shortcut" and mention.label not in document.definitions:
            hint = suggestion(mention.label, document.definitions, "")
            yield mention.line, f'nothing defines "[{mention.label}]"{hint}'


def bad_urls(document: Document, _known: Anchors) -> Found:
    """Yield web addresses that cannot be right, and links without a target."""
    for line, target in targets(document):
        match = SCHEME.match(target)
        if not target:
            yield line, "link without a target"
        elif match and match["name"].lower() in WEB and (reason := url_fault(target)):
            yield line, f'"{shorten(target)}" {reason}'


RULES: dict[str, Callable[[Document, Anchors], Found]] = {
    "missing-file": missing_files,
    "missing-anchor": missing_anchors,
    "heading-jump": heading_jumps,
    "duplicate-anchor": duplicate_anchors,
    "missing-alt": missing_alts,
    "unclosed-fence": unclosed_fences,
    "undefined-reference": undefined_references,
    "bad-url": bad_urls,
}


def targets(document: Document) -> Iterator[tuple[int, str]]:
    """Yield (line, target) of every link and of every definition that is not a footnote."""
    for link in document.links:
        yield link.line, link.target.strip()
    for label, link in document.definitions.items():
        if not label.startswith("^"):
            yield link.line, link.target.strip()


def file_part(target: str) -> str:
    """Return the path of a link target, without query and anchor."""
    return unquote(re.split(r"[?#]", target, maxsplit=1)[0])


def anchor_part(target: str) -> str:
    """Return what stands after `#` in a link target."""
    return unquote(target.partition("#")[2])


def local_path(document: Document, target: str) -> Path | None:
    """Return the file a relative link means; None for web addresses, mail and anchors of the same page."""
    name = file_part(target)
    if not name or SCHEME.match(target) or target.startswith("//"):
        return None
    return document.root / name.lstrip("/") if name.startswith("/") else document.path.parent / name


def is_page(path: Path) -> bool:
    """Say whether `path` is an existing Markdown file."""
    return path.name.lower().endswith(SUFFIXES) and os.path.isfile(path)  # noqa: PTH113 - likewise


def url_fault(target: str) -> str:
    """Return what is wrong with a web address, without asking the network; "" when nothing is."""
    try:
        parts = urlsplit(target)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        return f"is not a valid address: {error}"
    if not host:
        return "names no host"
    if re.search(r"\s", target) or ".." in host or not re.search(r"\w", host):
        return "is not a valid address"
    return ""


def near_file(path: Path) -> str:
    """Return a hint at a file of a similar name in the same folder."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    return suggestion(path.name, names, "")


def suggestion(wanted: str, known: Iterable[str], mark: str) -> str:
    """Return `; did you mean …?` with the nearest of `known`, or nothing."""
    near = difflib.get_close_matches(wanted, sorted(known), n=1)
    return f'; did you mean "{mark}{near[0]}"?' if near else ""


def shorten(text: str, limit: int = 60) -> str:
    """Return `text` cut to `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
