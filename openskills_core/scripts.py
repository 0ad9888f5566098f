"""Which file of a skill is meant when a script is named, or when none is."""

from __future__ import annotations

import difflib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from openskills_core.errors import InvalidSkillError
from openskills_core.programs import SCRIPT_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODULES = ("wasm/skill.wasm", "skill.wasm", "module.wasm", "main.wasm")
_USUAL = tuple(
    f"{folder}{name}{suffix}"
    for folder in ("", "src/", "scripts/")
    for name in ("script", "main", "index")
    for suffix in (".py", ".sh", ".js")
)
_MOST_NAMED = 12


def is_script(path: str) -> bool:
    """Whether a file looks like one a skill would run. Package markers are not."""
    file = PurePosixPath(path)
    return file.name != "__init__.py" and file.suffix.lower() in SCRIPT_SUFFIXES


def choose_script(skill_id: str, files: Sequence[str], wanted: str) -> str:
    """Return the script to run, a path of `files` (relative POSIX).

    With `wanted` "": the usual module names, the usual script names, then the only script there is.

    Raises:
        InvalidSkillError: there is no such script, or no telling which; the text names the candidates.
    """
    if wanted:
        return _named(skill_id, files, wanted)
    known = set(files)
    for usual in (*_MODULES, *_USUAL):
        if usual in known:
            return usual
    scripts = [file for file in files if is_script(file)]
    if len(scripts) == 1:
        return scripts[0]
    if not scripts:
        raise InvalidSkillError(
            f"skill {skill_id!r} has no script to run; it holds instructions to follow: activate it", culprit=skill_id
        )
    raise InvalidSkillError(
        f"skill {skill_id!r} has several scripts; name one of: {_listing(scripts)}", culprit=skill_id
    )


def _named(skill_id: str, files: Sequence[str], wanted: str) -> str:
    if wanted in files:
        return wanted
    scripts = [file for file in files if is_script(file)]
    same_name = [file for file in scripts if PurePosixPath(file).name == PurePosixPath(wanted).name]
    near = same_name or difflib.get_close_matches(wanted, scripts, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    have = f"it has: {_listing(scripts)}" if scripts else "it has no scripts at all"
    raise InvalidSkillError(f"skill {skill_id!r} has no script {wanted!r}; {hint}{have}", culprit=wanted)


def _listing(scripts: Sequence[str]) -> str:
    more = len(scripts) - _MOST_NAMED
    return ", ".join(scripts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
