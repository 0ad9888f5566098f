"""What a model is told of each skill before it activates one: its name always, its description within a budget.

Sources: Claude Code, "Skills", on the listing and its budget; Codex, on shortening descriptions. They give the listing
1 % and 2 % of the context window. The window is not known here, so the default is a fixed number of characters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from openskills_core.unseen import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.models import SkillInfo

MAX_DESCRIPTION = 1_536
MAX_NAMES = 1_000
MIN_DESCRIPTION = 60
# 2 % of a context window of 200,000 tokens, at 4 characters a token.
DEFAULT_BUDGET = 16_000
# Enough to fill the longest description after folding; a file may hold a million characters of it.
_MAX_READ = 4 * MAX_DESCRIPTION


@dataclass(frozen=True, slots=True)
class Catalog:
    """The skills as listed, sorted by id: each with the description that is shown, "" for a name alone.

    `unlisted` counts the skills past the last one, `shortened` the descriptions that the budget shortened or left out.
    """

    skills: tuple[SkillInfo, ...] = ()
    unlisted: int = 0
    shortened: int = 0

    @classmethod
    def of(cls, skills: Sequence[SkillInfo], budget: int = DEFAULT_BUDGET) -> Catalog:
        """List skills with at most `budget` characters of descriptions.

        When they do not fit, the longest are shortened to one length, the greatest with which all fit. Below
        `MIN_DESCRIPTION` a description says nothing any more: then each gets up to that many, in order of id, for as
        long as the budget lasts, and the rest are names alone. The same skills always give the same list.
        """
        listed = sorted(skills, key=lambda skill: skill.id)[:MAX_NAMES]
        whole = [described(skill) for skill in listed]
        shown = _fitted(whole, budget)
        return cls(
            skills=tuple(replace(skill, description=text) for skill, text in zip(listed, shown, strict=True)),
            unlisted=len(skills) - len(listed),
            shortened=sum(one != other for one, other in zip(whole, shown, strict=True)),
        )


def described(skill: SkillInfo) -> str:
    """Return a skill's description with its `when_to_use`, on one line and at most `MAX_DESCRIPTION` characters."""
    return _described(skill.description, skill.when_to_use)


@lru_cache(maxsize=4_096)
def _described(description: str, when_to_use: str) -> str:
    parts = (one_line(part[:_MAX_READ]) for part in (description, when_to_use))
    return _shortened(" - ".join(part for part in parts if part), MAX_DESCRIPTION)


def _fitted(texts: list[str], budget: int) -> list[str]:
    if sum(map(len, texts)) <= budget:
        return texts
    length = _common_length(sorted(map(len, texts)), budget)
    if length >= MIN_DESCRIPTION:
        return [_shortened(text, length) for text in texts]
    return _first_that_fit([_shortened(text, MIN_DESCRIPTION) for text in texts], budget)


def _common_length(lengths: list[int], budget: int) -> int:
    """Return the greatest length to which texts of these lengths, ascending, can be cut to fit together."""
    for place, length in enumerate(lengths):
        share = budget // (len(lengths) - place)
        if length > share:
            return share
        budget -= length
    return lengths[-1]


def _first_that_fit(texts: list[str], budget: int) -> list[str]:
    shown = []
    for text in texts:
        budget -= len(text)
        shown.append(text if budget >= 0 else "")
    return shown


def _shortened(text: str, length: int) -> str:
    """Return `text` within `length` characters, cut behind a word where there is one in its second half."""
    if len(text) <= length:
        return text
    space = text.rfind(" ", length // 2, length)
    kept = text[: space if space > 0 else length - 1]
    return kept.rstrip(" ,;:.-\u200c\u200d") + "…"
