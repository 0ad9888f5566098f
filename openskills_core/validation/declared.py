"""Whether the scripts that the frontmatter declares, as actions or in hooks, are there."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.errors import PathEscapeError, WorkspaceError
from openskills_core.validation.project import is_in_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openskills_core.format import ParsedSkill
    from openskills_core.format.profiles import Findings
    from openskills_core.manifest import Hook
    from openskills_core.paths import Root

_IN_SKILL = re.compile(r"(?:\$\{CLAUDE_SKILL_DIR\}|\$CLAUDE_SKILL_DIR)\"?/(?P<path>[\w.@+/-]+)")
_RELATIVE = re.compile(r"(?<![\w./~}$>*\\@-])(?:\./)?(?P<path>scripts/[\w.@+/-]+)")


@dataclass(frozen=True, slots=True)
class _Script:
    """A script that a field declares. `path` is relative to the skill; `is_certain` says that no other can be meant."""

    field: str
    path: str
    owner: str
    is_certain: bool = True


def check_declared(root: Root, parsed: ParsedSkill, source: Sequence[str], found: Findings) -> None:
    """Note each declared script that is missing or outside of the skill.

    Args:
        root: the skill's directory.
        parsed: its SKILL.md as it was read.
        source: its SKILL.md line by line.
        found: where the findings go.
    """
    for script in _declared(parsed):
        problem = _problem(root, script.path)
        if not problem or (not script.is_certain and is_in_project(script.path, found.path.parent)):
            continue
        line = _line_of(script.path, source, parsed.lines.get(script.field, 1))
        advice = f"{script.owner} runs {script.path!r}, which {problem}"
        found.add("missing-script" if script.is_certain else "missing-file", advice, line)


def _problem(root: Root, path: str) -> str:
    try:
        root.stat(path)
    except PathEscapeError:
        return "leads out of the skill: copy the script into the skill"
    except WorkspaceError:
        return "does not exist: create it, or correct the path"
    return ""


def _declared(parsed: ParsedSkill) -> Iterator[_Script]:
    for action in parsed.manifest.actions:
        yield _Script("actions", action.path, f"the action {action.id!r}")
    for hook in parsed.manifest.hooks:
        if hook.type == "command":
            yield from _in_hook(hook)


def _in_hook(hook: Hook) -> Iterator[_Script]:
    """Yield the scripts of a command: behind ${CLAUDE_SKILL_DIR} the skill's; others may be the project's."""
    command = " ".join((hook.command, *(hook.args or ())))
    for match in _IN_SKILL.finditer(command):
        yield _Script("hooks", posixpath.normpath(match["path"]), f"the {hook.event} hook")
    for match in _RELATIVE.finditer(command):
        path = posixpath.normpath(posixpath.join(hook.cwd, match["path"]))
        yield _Script("hooks", path, f"the {hook.event} hook", is_certain=False)


def _line_of(text: str, source: Sequence[str], start: int) -> int:
    """Return the first line from `start` on that holds a text, `start` itself where none does; lines count from 1."""
    numbers = range(start, len(source) + 1)
    return next((number for number in numbers if text in source[number - 1]), start)
