"""Directories that are searched to some depth: trees of skills, and trees of command files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from openskills_core.registry.ignore import IGNORE_FILE, IgnoreRules
from openskills_core.registry.location import SKILL_FILE
from openskills_core.registry.stamps import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core.registry.draft import Draft

# The limits that the Agent Skills client guide names.
MAX_DEPTH = 6
MAX_DIRECTORIES = 2_000

_NEVER_ENTERED = frozenset({"node_modules", "__pycache__"})
_COMMAND_SUFFIX = ".md"


class _Directory(NamedTuple):
    """A directory on the way: its path, the names that lead to it, and what is in it."""

    path: str
    names: tuple[str, ...]
    content: dict[str, os.DirEntry[str]]


def list_tree(draft: Draft, base: str) -> None:
    """Take every directory with a SKILL.md. What lies in a skill belongs to it; only the base is looked into anyway.

    Raises:
        OSError: the base is no directory, or cannot be listed.
    """
    for directory in _walk(draft, base, stop=lambda found: bool(found.names) and SKILL_FILE in found.content):
        if SKILL_FILE in directory.content:
            name = directory.names[-1] if directory.names else os.path.basename(base)
            draft.add([name], [f"{directory.path}/{SKILL_FILE}"])


def list_commands(draft: Draft, base: str) -> None:
    """Take every Markdown file: `a/b.md` is `a:b`.

    Raises:
        OSError: the base is no directory, or cannot be listed.
    """
    for directory in _walk(draft, base, stop=lambda _: False):
        for name in directory.content:
            stem, suffix = os.path.splitext(name)
            if suffix == _COMMAND_SUFFIX and not stem.startswith("."):
                draft.add([":".join((*directory.names, stem))], [f"{directory.path}/{name}"])


def _walk(draft: Draft, base: str, stop: Callable[[_Directory], bool]) -> Iterator[_Directory]:
    """Yield a directory and those beneath it, names sorted, within the limits; what `stop` takes is not entered.

    Hidden and git-ignored directories are left out. Links are followed, each directory is entered once.
    """
    rules, entered, too_deep = IgnoreRules(), set[bytes](), ""
    pending: list[tuple[str, ...]] = [()]
    while pending:
        names = pending.pop()
        path = "/".join((base, *names))
        stamp = draft.watch(path)
        if stamp and identity_of(stamp) in entered:
            continue
        if len(entered) == MAX_DIRECTORIES:
            _note_limit(draft, base, f"only the first {MAX_DIRECTORIES:,} directories were searched")
            break
        directory = _listed(path, names)
        if directory is None:
            continue
        entered.update([identity_of(stamp)] if stamp else [])
        yield directory
        if stop(directory):
            continue
        if IGNORE_FILE in directory.content:
            draft.watch(f"{path}/{IGNORE_FILE}")
            rules.read(path)
        inner = [(*names, name) for name in _enterable(directory, rules if names else IgnoreRules())]
        if inner and len(names) == MAX_DEPTH:
            too_deep = too_deep or "/".join(("", *inner[0]))
            continue
        pending += reversed(inner)
    if too_deep:
        _note_limit(draft, base, f"what lies deeper than {MAX_DEPTH} levels was not searched, such as {base}{too_deep}")


def _listed(path: str, names: tuple[str, ...]) -> _Directory | None:
    try:
        with os.scandir(path) as entries:
            return _Directory(path, names, {entry.name: entry for entry in sorted(entries, key=lambda one: one.name)})
    except OSError:
        if not names:
            raise
        return None


def _enterable(directory: _Directory, rules: IgnoreRules) -> Iterator[str]:
    for name, entry in directory.content.items():
        if name.startswith(".") or name in _NEVER_ENTERED or not _is_directory(entry):
            continue
        if not rules.ignores(f"{directory.path}/{name}"):
            yield name


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _note_limit(draft: Draft, base: str, what: str) -> None:
    draft.note(
        "warning", "search-limit", f"{what}: name the directories further down as directories of skills", Path(base)
    )
