"""Documents: what a page offers to links, and what it links to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markdowncheck.blocks import Heading, read_page
from markdowncheck.inline import Link, Mention, Text, anchors, definitions, links, mentions
from markdowncheck.slugs import numbered, slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = (".md", ".markdown")
SKIPPED = ("node_modules",)


class InputError(Exception):
    """The paths cannot be checked; the text is one sentence for the user."""


@dataclass(frozen=True)
class Document:
    """One file. `anchors` are (line, anchor) written as HTML, `targets` everything a link may name after `#`."""

    path: Path
    root: Path
    headings: list[Heading]
    slugs: list[str]
    anchors: list[tuple[int, str]]
    links: list[Link]
    mentions: list[Mention]
    definitions: dict[str, Link]
    open_fences: list[int]

    @property
    def targets(self) -> set[str]:
        """Return every anchor of the page."""
        return {*self.slugs, *(anchor for _, anchor in self.anchors)}


def read_document(path: Path, root: Path) -> Document:
    """Read one file; links that start with a slash are taken from `root`."""
    try:
        page = read_page(path.read_bytes().decode("utf-8-sig", errors="replace"))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    texts = [Text(lines) for lines in page.paragraphs]
    return Document(
        path=path,
        root=root,
        headings=page.headings,
        slugs=list(numbered(slug(heading.text) for heading in page.headings)),
        anchors=[found for text in texts for found in anchors(text)],
        links=[found for text in texts for found in links(text)],
        mentions=[found for text in texts for found in mentions(text)],
        definitions=first_wins(found for text in texts for found in definitions(text)),
        open_fences=page.open_fences,
    )


def first_wins(pairs: Iterable[tuple[str, Link]]) -> dict[str, Link]:
    """Return the first definition of each label, as Markdown does."""
    result: dict[str, Link] = {}
    for label, link in pairs:
        result.setdefault(label, link)
    return result


def read_documents(paths: Iterable[Path]) -> list[Document]:
    """Read every Markdown file at or beneath `paths`, each once.

    Raises:
        InputError: when a path does not exist or no Markdown file is found.
    """
    found: dict[Path, Document] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"There is no file or directory {path}.")
        root = path if path.is_dir() else path.parent
        for file in markdown_files(path):
            found.setdefault(file.resolve(), read_document(file, root))
    if not found:
        raise InputError(f"There is no Markdown file ({' or '.join(SUFFIXES)}) at the given paths.")
    return list(found.values())


def markdown_files(path: Path) -> Iterator[Path]:
    """Yield `path` itself when it is a file, else the Markdown files beneath it; hidden folders are left out."""
    if path.is_file():
        yield path
        return
    for folder, subfolders, files in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name not in SKIPPED)
        yield from (Path(folder, name) for name in sorted(files) if name.lower().endswith(SUFFIXES))
