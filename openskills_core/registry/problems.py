"""What is wrong with a location as a whole, and which of its directories look like skills and are none."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openskills_core.manifest import Diagnostic
from openskills_core.registry.loading import unreadable
from openskills_core.registry.location import SKILL_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openskills_core.registry.part import Part
    from openskills_core.registry.winners import Winners

_MAX_LOOKED_AT = 2_000


def missing(part: Part) -> Diagnostic | None:
    """Return what to say of a location that cannot be listed, None if nothing is to be said."""
    path = part.location.path
    if part.listing is not None or not (part.location.required or os.path.lexists(path)):
        return None
    return Diagnostic("no-such-directory", "error", missing_text(path), path)


def missing_text(path: Path) -> str:
    """Say why a directory of skills cannot be listed, and what to do."""
    if "\0" in str(path) or not os.path.lexists(path):
        return f"there is no directory {path}: create it, or pass the directory that holds your skills"
    if not os.path.isdir(path):
        return f"{path} is no directory: pass the directory that holds your skills"
    return f"{path} cannot be listed: make it readable"


def location_notes(parts: Iterable[Part]) -> Iterator[Diagnostic]:
    """Yield what is to be said of locations as they are now, and of what in them is no skill."""
    for part in parts:
        yield from _problems(part)
        for file, notes in part.records.notes.items():
            yield from notes if file not in part.records.infos else ()


def skill_notes(winners: Winners) -> Iterator[Diagnostic]:
    """Yield which skills lost, then what is to be said of each that won."""
    yield from winners.notes
    for skill_id in winners.infos:
        for note in winners.parts[skill_id].records.notes.get(winners.files[skill_id], ()):
            yield note if note.skill_id == skill_id else replace(note, skill_id=skill_id)


def _problems(part: Part) -> Iterator[Diagnostic]:
    gone = missing(part)
    if gone or part.listing is None:
        yield from [gone] if gone else []
        return
    yield from part.listing.notes
    near = list(_near_misses(part))
    yield from near
    # A plugin may well bring other things than skills.
    if part.location.required and part.location.kind != "plugin" and not part.records.stamps:
        yield _empty(part, near)


def _empty(part: Part, near: list[Diagnostic]) -> Diagnostic:
    path, closest = part.location.path, f" (closest: {near[0].path})" if near else ""
    what, example = "a directory with a SKILL.md", path / "my-skill" / SKILL_FILE
    if part.location.kind == "commands":
        what, example = "a Markdown file", path / "my-command.md"
    advice = f"no skill here: a skill is {what}, such as {example}{closest}"
    return Diagnostic("no-skills", "warning", advice, path)


def _near_misses(part: Part) -> Iterator[Diagnostic]:
    if part.location.kind != "skills" or part.listing is None:
        return
    others = [os.path.dirname(file) for file in part.listing.files if file not in part.records.stamps]
    for child in sorted(others)[:_MAX_LOOKED_AT]:
        note = _near_miss(child) or (_unfinished(child) if part.records.infos else None)
        if note:
            yield note


def _near_miss(child: str) -> Diagnostic | None:
    """Say why a child that was meant as a skill yields none; None when it does not look like one."""
    names = _names(child)
    if SKILL_FILE in names:
        return unreadable(Path(child, SKILL_FILE), "", "it is a broken link, or its directory may not be searched")
    wrong = next((name for name in names if name.casefold() == SKILL_FILE.casefold()), None)
    if wrong:
        return Diagnostic("wrong-case", "warning", f"rename {wrong} to {SKILL_FILE}", Path(child, wrong))
    nested = next((name for name in names if os.path.isfile(f"{child}/{name}/{SKILL_FILE}")), None)
    if nested is None:
        return None
    advice = f"this is one level too deep: pass {child} as a directory of skills too"
    return Diagnostic("nested-skill", "warning", advice, Path(child, nested, SKILL_FILE))


def _unfinished(child: str) -> Diagnostic | None:
    """Say of a directory beside skills that it may be meant as one: it has scripts, or one Markdown file."""
    names = _names(child)
    texts = [name for name in names if name.endswith(".md")]
    if os.path.basename(child).startswith(".") or not (len(texts) == 1 or "scripts" in names):
        return None
    advice = f"rename {texts[0]} to {SKILL_FILE}" if len(texts) == 1 else f"write a {SKILL_FILE}"
    return Diagnostic("no-skill-file", "info", f"if this is a skill, {advice}", Path(child))


def _names(directory: str) -> list[str]:
    """Return the first names in a directory; none for what is no directory or cannot be listed."""
    try:
        return sorted(os.listdir(directory))[:_MAX_LOOKED_AT]
    except OSError:
        return []
