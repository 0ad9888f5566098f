"""Whether the files that a skill's text names are there, and can be reached from it in one step."""

from __future__ import annotations

import difflib
import posixpath
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.models import MIB
from openskills_core.registry import SKILL_FILE
from openskills_core.validation.mentions import Mention, find_mentions
from openskills_core.validation.project import is_in_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.format.profiles import Findings
    from openskills_core.paths import Root

_MAX_DOCUMENT = MIB
_MAX_DOCUMENTS = 200
_MAX_LINES_NAMED = 3
_MAX_COMPARED = 100
_DOCUMENT = ".md"


@dataclass(frozen=True, slots=True)
class _Document:
    """A text of the skill. `path` is relative to the skill; `text` begins on `first_line` of that file."""

    path: str
    text: str
    first_line: int = 1


@dataclass(frozen=True, slots=True)
class _Target:
    """What a mention turned out to be: where it is when it is there, relative to the skill."""

    state: Literal["there", "missing", "outside"]
    path: str = ""


def check_references(root: Root, body: str, first_line: int, *, files: Sequence[str], found: Findings) -> None:
    """Check what the body names, and what the documents name that it leads to.

    Args:
        root: the skill's directory.
        body: the text of SKILL.md behind the frontmatter.
        first_line: the line of SKILL.md on which it begins.
        files: the skill's files, relative POSIX paths, to find what a misspelt name may mean.
        found: where the findings go.
    """
    check = _Check(root, files, found)
    known = {SKILL_FILE, *check.document(_Document(SKILL_FILE, body, first_line))}
    pending = deque(sorted(known - {SKILL_FILE}))
    documents = 0
    while pending and documents < _MAX_DOCUMENTS:
        documents += 1
        document = check.read(pending.popleft())
        for target, line in check.document(document).items():
            if target not in known:
                known.add(target)
                pending.append(target)
                if not _is_named(target, body):
                    check.note_deep(target, document.path, line)


def _is_named(path: str, body: str) -> bool:
    """Whether a text speaks of a file in a way that is no path: by its name, or as one of a folder."""
    folder, name = posixpath.split(path)
    return name in body or (bool(folder) and any(f"{folder}/{end}" in body for end in "` ),*"))


class _Check:
    """Checks the texts of one skill, one after another."""

    def __init__(self, root: Root, files: Sequence[str], found: Findings) -> None:
        self._root = root
        self._files = files
        self._found = found
        self._directory = found.path.parent

    def document(self, document: _Document) -> dict[str, int]:
        """Check what one text names; return the documents of the skill among it, each with its first line."""
        leads_to: dict[str, int] = {}
        for same in _grouped(find_mentions(document.text)):
            if self._found.full:
                break
            target = self._resolve(same[0].target, posixpath.dirname(document.path))
            lines = [mention.line + document.first_line - 1 for mention in same]
            if target.state != "there":
                self._note(same[0], target.state, lines, document.path)
            elif target.path.endswith(_DOCUMENT):
                leads_to.setdefault(target.path, lines[0])
        return leads_to

    def read(self, path: str) -> _Document:
        """Return a document of the skill, an empty one when it cannot be read or is too large to be one."""
        try:
            return _Document(path, self._root.read(path, limit=_MAX_DOCUMENT).decode("utf-8", "replace"))
        except (PathEscapeError, WorkspaceError):
            return _Document(path, "")

    def note_deep(self, target: str, path: str, line: int) -> None:
        """Note a document that SKILL.md does not name itself."""
        advice = f"name {target!r} in SKILL.md too: a model that reads only part of this file misses it"
        self._found.add("deep-reference", advice, line, path=self._directory / path)

    def _resolve(self, target: str, folder: str) -> _Target:
        """Look a path up from the skill's root, where scripts run from, and from the document that names it."""
        if target.startswith("~"):
            return _Target("outside")
        outside = True
        for candidate in dict.fromkeys((target, posixpath.join(folder, target))):
            try:
                self._root.stat(candidate)
            except PathEscapeError:
                continue
            except WorkspaceError:
                outside = False
            else:
                return _Target("there", self._root.relative(candidate))
        return _Target("outside" if outside else "missing")

    def _note(self, mention: Mention, state: Literal["missing", "outside"], lines: Sequence[int], path: str) -> None:
        what = f"{mention.target!r}{_again(lines)}"
        where = self._directory / path
        if state == "outside":
            advice = f"{what} leads out of the skill: copy the file into it, for a packed skill has nothing there"
            self._found.add("outside-skill", advice, lines[0], path=where)
        elif mention.kind == "link":
            advice = f"{what} does not exist: {self._advice(mention.target)}"
            self._found.add("broken-link", advice, lines[0], path=where)
        elif not is_in_project(mention.target, self._directory):
            advice = f"{what} does not exist: {self._advice(mention.target)}"
            self._found.add("missing-file", advice, lines[0], path=where)

    def _advice(self, target: str) -> str:
        """Return the file that was likely meant: one of the same name elsewhere, or of nearly the same."""
        folder, name = posixpath.split(posixpath.normpath(target))
        meant = self._by_name.get(name.casefold(), "")
        if not meant:
            near = difflib.get_close_matches(name, self._by_folder.get(folder, [])[:_MAX_COMPARED], n=1, cutoff=0.8)
            meant = posixpath.join(folder, near[0]) if near else ""
        return f"did you mean {meant!r}?" if meant else "create it, or correct the path"

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {posixpath.basename(file).casefold(): file for file in reversed(self._files)}

    @cached_property
    def _by_folder(self) -> dict[str, list[str]]:
        folders: dict[str, list[str]] = {}
        for file in self._files:
            folder, name = posixpath.split(file)
            folders.setdefault(folder, []).append(name)
        return folders


def _grouped(mentions: Sequence[Mention]) -> list[list[Mention]]:
    """Return the mentions of each file together, in order of the first; a link counts more than code."""
    groups: dict[str, list[Mention]] = {}
    for mention in mentions:
        groups.setdefault(mention.target, []).append(mention)
    return [sorted(group, key=lambda mention: mention.kind != "link") for group in groups.values()]


def _again(lines: Sequence[int]) -> str:
    others = sorted({*lines} - {lines[0]})
    if not others:
        return ""
    named = ", ".join(map(str, others[:_MAX_LINES_NAMED]))
    more = len(others) - _MAX_LINES_NAMED
    return f" (also on line{'s' if len(others) > 1 else ''} {named}{f' and {more} more' if more > 0 else ''})"
