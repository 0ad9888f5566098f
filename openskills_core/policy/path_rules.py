"""Path patterns as in `.gitignore`, anchored as Claude Code's rules are.

    //path      from the root of the file system        path, ./path    from the workspace
    ~/path      from the home directory                 /path           from the workspace

A pattern with a slash before its end holds at its anchor, any other at every depth beneath it, and both hold for all
that lies beneath what they match. A rule for `dir/**` that denies or asks finds `dir` at every depth, too.
Sources: gitignore(5); Claude Code, "Read and Edit".

This is not `pathspec`, whose regular expressions take exponential time for some patterns, and skills write patterns.
"""

from __future__ import annotations

import itertools
import posixpath
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PATTERN = 1_000
_MANY = "**"


@dataclass(frozen=True, slots=True)
class Places:
    """Absolute paths that patterns are anchored at; "" is one that is not known."""

    workspace: str = ""
    home: str = ""


@dataclass(frozen=True, slots=True)
class _Set:
    """`[a-z]`, or `[!a-z]`."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def has(self, letter: str) -> bool:
        return self.negated != any(first <= letter <= last for first, last in self.ranges)


_Token = str | _Set
_Segment = tuple[_Token, ...]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One pattern. `anchor` is "/", "~" or "", the workspace; `directory` says that it is about directories only."""

    anchor: str
    segments: tuple[_Segment, ...]
    floating: bool
    floating_to_deny: bool
    directory: bool


def path_matches(pattern: str, path: str, places: Places, *, grants: bool) -> bool:
    """Whether a rule with this pattern is about `path`, absolute or relative to the workspace.

    In doubt it is about the path if it denies, and not if it `grants`: whether something is a directory, or where the
    workspace is, may not be known.

    Raises:
        ValueError: see `check_pattern`.
    """
    rule = _parsed(pattern)
    names, somewhere = _beneath(rule.anchor, path, places)
    if names is None or (grants and (somewhere or path.startswith("~/"))):
        return False
    floating = rule.floating or somewhere or (rule.floating_to_deny and not grants)
    wanted = (((_MANY,),) if floating else ()) + rule.segments
    if not grants and wanted[-1] == (_MANY,) and len(names) in _depths(wanted[:-1], names):
        return True
    certain = not (grants and rule.directory)
    return any(depth < len(names) or certain for depth in _depths(wanted, names))


def check_pattern(pattern: str) -> None:
    """See that a pattern can be read.

    Raises:
        ValueError: it is too long, begins with `!`, names nothing beneath its anchor, or has a set without an end.
    """
    _parsed(pattern)


def is_beneath(workspace: str, path: str) -> bool:
    """Whether `path` lies beneath the workspace; an absolute one does not when the workspace is not known."""
    names, somewhere = _beneath("", path, Places(workspace))
    return bool(names) and not somewhere


@lru_cache(maxsize=1024)
def _parsed(text: str) -> _Pattern:
    if len(text) > MAX_PATTERN:
        raise ValueError(f"its path is longer than {MAX_PATTERN:,} characters")
    if text.startswith("!"):
        raise ValueError("a path cannot be excepted with !: write a narrower rule")
    anchor = "/" if text.startswith("//") else "~" if text.startswith("~/") else ""
    rest = text.removeprefix("~/" if anchor == "~" else "./")
    names = [name for name in rest.split("/") if name not in ("", ".")]
    if not names or ".." in names:
        raise ValueError("its path names nothing beneath the place where it begins")
    return _Pattern(
        anchor,
        tuple((_MANY,) if name == _MANY else tuple(_tokens(name)) for name in names),
        floating=not anchor and "/" not in rest.rstrip("/") and names[0] != _MANY,
        floating_to_deny=not anchor and not rest.startswith("/") and len(names) == 2 and names[1] == _MANY,  # noqa: PLR2004 - dir/**
        directory=text.endswith("/"),
    )


def _tokens(name: str) -> Iterator[_Token]:
    """Yield the letters of one segment: "*" and "?" are wildcards, a letter that stands for itself follows a "="."""
    at = 0
    while at < len(name):
        letter = name[at]
        if letter == "[":
            end = _set_end(name, at)
            yield _set(name[at + 1 : end])
            at = end + 1
        elif letter == "\\":
            yield f"={name[at + 1 : at + 2] or letter}"
            at += 2
        else:
            yield letter if letter in "*?" else f"={letter}"
            at += 1


def _set_end(name: str, start: int) -> int:
    first = start + (2 if name[start + 1 : start + 2] in ("!", "^") else 1)
    end = name.find("]", first + 1)
    if end < 0 or "[:" in name[start + 1 : end] or "\\" in name[start:end]:
        raise ValueError("its path has a [ that begins no set of characters such as [a-z]; write \\[ for the bracket")
    return end


def _set(inside: str) -> _Set:
    negated = inside[0] in "!^"
    letters = inside[1:] if negated else inside
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(letters):
        last = letters[at + 2] if letters[at + 1 : at + 2] == "-" and at + 2 < len(letters) else letters[at]
        ranges.append((letters[at], last))
        at += 1 if last == letters[at] and letters[at + 1 : at + 2] != "-" else 3
    return _Set(tuple(ranges), negated)


def _beneath(anchor: str, path: str, places: Places) -> tuple[list[str] | None, bool]:
    """Return the names on the way from the anchor to `path`, or None, and whether they begin somewhere else."""
    if not path:
        return None, False
    if anchor == "~" and path.startswith("~/"):
        return _names(path[2:]), False
    plain = posixpath.normpath(path)
    if not plain.startswith("/") and not places.workspace:
        return (None, False) if anchor else _from_somewhere(plain)
    if not places.workspace and not anchor:
        return _names(plain), True
    absolute = posixpath.normpath(posixpath.join(places.workspace, plain))
    return _names_below({"/": "/", "~": places.home, "": places.workspace}[anchor], absolute), False


def _from_somewhere(path: str) -> tuple[list[str], bool]:
    """Return the names of a path relative to a workspace that is not known, and whether it leads out of it."""
    names = _names(path)
    inside = list(itertools.dropwhile(lambda name: name == "..", names))
    return inside, len(inside) < len(names)


def _names_below(place: str, absolute: str) -> list[str] | None:
    base = _names(place)
    names = _names(absolute)
    return names[len(base) :] if place and names[: len(base)] == base else None


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _depths(wanted: tuple[_Segment, ...], names: list[str]) -> set[int]:
    """Return how many of the names, from the first on, the whole of a pattern can match."""
    found: set[int] = set()
    places = _skipping(wanted, {0})
    for depth, name in enumerate([*names, ""]):
        if len(wanted) in places:
            found.add(depth)
        stay = {place for place in places if place < len(wanted) and wanted[place] == (_MANY,)}
        step = {place + 1 for place in places if place < len(wanted) and _matches(wanted[place], name)}
        places = _skipping(wanted, stay | step)
    return found


def _skipping(wanted: tuple[_Segment, ...], places: set[int]) -> set[int]:
    """Add the places that are reached because `**` may stand for nothing, except at the end of a pattern."""
    reached = set(places)
    for place in range(len(wanted) - 1):
        if place in reached and wanted[place] == (_MANY,):
            reached.add(place + 1)
    return reached


def _matches(segment: _Segment, name: str) -> bool:
    """Match one segment, going back to the last `*` only: every earlier one has taken as little as it can."""
    if segment == (_MANY,):
        return bool(name)
    at = letter = 0
    star, mark = -1, 0
    while letter < len(name):
        if at < len(segment) and segment[at] == "*":
            star, mark = at, letter
            at += 1
        elif at < len(segment) and _is(segment[at], name[letter]):
            at, letter = at + 1, letter + 1
        elif star >= 0:
            mark += 1
            at, letter = star + 1, mark
        else:
            return False
    return all(wildcard == "*" for wildcard in segment[at:])


def _is(token: _Token, letter: str) -> bool:
    return token.has(letter) if isinstance(token, _Set) else token in ("?", f"={letter}")
