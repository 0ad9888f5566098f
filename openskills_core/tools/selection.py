"""Which tools a host wants offered, and under which names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openskills_core.models import as_strings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.tools.tool import Tool

GROUPS = ("skills", "workspace", "exec")


@dataclass(frozen=True, slots=True)
class Selection:
    """Names are the tools' own, without the prefix; None means all."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    prefix: str = ""

    @classmethod
    def of(
        cls,
        include: Sequence[str] | None,
        exclude: Sequence[str],
        *,
        groups: Sequence[str] | None,
        prefix: str,
        known: Sequence[str],
    ) -> Selection:
        """Return the selection.

        Raises:
            TypeError: for a bare string where a sequence of names is meant.
            ValueError: for a name or group that does not exist, or a prefix that no tool name can start with.
        """
        if prefix and not (prefix.isascii() and prefix.replace("_", "a").replace("-", "a").isalnum()):
            raise ValueError(f"prefix must be made of letters, digits, _ and -, got {prefix!r}")
        return cls(
            include=None if include is None else _known("include", include, known),
            exclude=_known("exclude", exclude, known),
            groups=None if groups is None else _known("groups", groups, GROUPS),
            prefix=prefix,
        )

    def narrowed(self, further: Selection) -> Selection:
        """Return what both selections want, under the further one's prefix if it has one."""
        return Selection(
            include=_both(self.include, further.include),
            exclude=self.exclude + further.exclude,
            groups=_both(self.groups, further.groups),
            prefix=further.prefix or self.prefix,
        )

    def has(self, tool: Tool) -> bool:
        """Whether the host wants this tool."""
        is_included = self.include is None or tool.name in self.include
        in_group = self.groups is None or tool.group in self.groups
        return is_included and in_group and tool.name not in self.exclude


def _known(argument: str, names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    chosen = as_strings(argument, names)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"{argument} names unknown {', '.join(unknown)}; known are {', '.join(known)}")
    return chosen


def _both(mine: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if mine is None or theirs is None:
        return theirs if mine is None else mine
    return tuple(name for name in mine if name in theirs)
