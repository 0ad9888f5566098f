r"""A skill's body and the arguments of one activation → the text the model reads.

| written | becomes |
|---|---|
| `$ARGUMENTS` | all arguments as typed |
| `$ARGUMENTS[N]`, `$N` | the argument at position N from 0, split like a shell does; unchanged when there is none |
| `$name` | the argument at the position of that name in `arguments:`; nothing when there is none |
| `\$…` | the placeholder itself, without the backslash |
| `${CLAUDE_SKILL_DIR}`, `${CLAUDE_PROJECT_DIR}` | these directories; they cannot be escaped |

One pass over the body: text that was put in is never looked at again. Source: Claude Code, "String substitutions".
"""

from __future__ import annotations

import re
import shlex
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def render(
    body: str, arguments: str = "", *, names: Sequence[str] = (), skill_dir: Path, project_dir: Path | None = None
) -> str:
    """Fill in a skill's body.

    Args:
        body: the text after the frontmatter.
        arguments: what was typed after the skill's name. What no placeholder took is appended as `ARGUMENTS: …`.
        names: the skill's `arguments:` field, names in order of position.
        skill_dir: absolute directory of the skill.
        project_dir: absolute directory of the project; without it `${CLAUDE_PROJECT_DIR}` stays as written.
    """
    variables = {"CLAUDE_SKILL_DIR": str(skill_dir)}
    if project_dir is not None:
        variables["CLAUDE_PROJECT_DIR"] = str(project_dir)
    filling = _Filling(arguments, names, variables)
    text = _pattern(names).sub(filling.replace, body)
    if filling.taken or not arguments.strip():
        return text
    return f"{text.rstrip()}\n\nARGUMENTS: {arguments}".lstrip("\n")


def split_arguments(arguments: str) -> list[str]:
    """Split like a shell; at blanks alone when the quotes do not balance, so that `don't stop` is two arguments."""
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()


def _pattern(names: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(filter(None, names), key=len, reverse=True)
    # (?!) matches nothing; the look-behind keeps a long run of backslashes from being scanned once per backslash.
    name = "|".join(map(re.escape, longest_first)) or "(?!)"
    return re.compile(
        r"(?<!\\)(?P<slashes>\\*)\$(?:"
        r"ARGUMENTS\[(?P<index>[0-9]{1,6})\]|(?P<all>ARGUMENTS)|(?P<number>[0-9]{1,6})(?!\w)|(?P<digit>[0-9])|"
        rf"(?P<name>{name})(?!\w)|\{{(?P<variable>CLAUDE_SKILL_DIR|CLAUDE_PROJECT_DIR)\}})"
    )


class _Filling:
    """The values of one activation; remembers whether a placeholder took any of the arguments."""

    def __init__(self, arguments: str, names: Sequence[str], variables: Mapping[str, str]) -> None:
        self.taken = False
        self._arguments = arguments
        self._names = tuple(names)
        self._variables = variables

    def replace(self, match: re.Match[str]) -> str:
        """Return what stands in the place of one placeholder."""
        slashes = match["slashes"]
        if match["variable"]:
            value = self._variables.get(match["variable"])
            return match[0] if value is None else slashes + value
        if len(slashes) % 2:
            return match[0][1:]
        argument = self._argument(match)
        if argument is None:
            return match[0]
        self.taken = True
        return slashes + argument

    @cached_property
    def _words(self) -> list[str]:
        return split_arguments(self._arguments)

    def _argument(self, match: re.Match[str]) -> str | None:
        if match["all"]:
            return self._arguments
        if match["name"]:
            return self._word(self._names.index(match["name"])) or ""
        position = match["index"] or match["number"]
        return self._word(int(position)) if position else None

    def _word(self, position: int) -> str | None:
        return self._words[position] if position < len(self._words) else None
