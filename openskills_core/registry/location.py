"""Where skills are looked for, and how a place is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from openskills_core.models import REMOTE

if TYPE_CHECKING:
    from pathlib import Path

SKILL_FILE = "SKILL.md"

Kind = Literal["skills", "tree", "plugin", "commands"]


@dataclass(frozen=True, slots=True)
class Location:
    """A directory that skills are taken from.

    Args:
        path: the directory.
        name: what hosts are told of where a skill is from.
        required: whether it is an error that the directory is missing, and a warning that it holds no skill.
        kind: how it is read. "skills" takes the directory itself and each child with a SKILL.md. "tree" takes
            directories with a SKILL.md at any depth, within limits and `.gitignore`, hidden ones left out. "plugin" is
            the root of a Claude Code plugin, whose skills are called `plugin:skill`. "commands" takes Claude Code's
            command files: `a/b.md` is the skill `a:b`, and any skill of that id wins over it.
        prefix: put before every id of the location, as `prefix:id`. For a plugin, by default the plugin's name.
        reserved: names of children that are no skills here, in any capitalization.
        trusted: whether what a skill declares for itself counts. Where not, its `allowed-tools` grant nothing and the
            commands in its text are never run. A location of the name "remote" is never trusted.

    Raises:
        ValueError: there is no such kind.
    """

    path: Path
    name: str = "custom"
    required: bool = True
    kind: Kind = "skills"
    prefix: str = ""
    reserved: tuple[str, ...] = ()
    trusted: bool = True

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"Location.kind must be one of {', '.join(get_args(Kind))}, not {self.kind!r}")
        object.__setattr__(self, "trusted", self.trusted and self.name != REMOTE)
