"""What to say when there is no skill of an id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.errors import SkillNotFoundError
from openskills_core.registry.problems import missing_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.registry.part import Part
    from openskills_core.registry.winners import Winners

_MAX_NAMED = 10
_MAX_SHOWN = 100


def not_found(skill_id: str, winners: Winners, parts: Sequence[Part]) -> SkillNotFoundError:
    """Return the error: it names the skill that was meant, else near matches, else what there is or was searched."""
    shown = skill_id[:_MAX_SHOWN]
    advice = _meant(shown, winners) or _near(shown, winners) or _known(winners) or _searched(parts)
    return SkillNotFoundError(f"there is no skill {shown!r}{advice}", culprit=skill_id)


def _meant(skill_id: str, winners: Winners) -> str:
    if skill_id in winners.twins:
        return f": that directory is the skill {winners.twins[skill_id]!r}"
    ids = [info.id for info in winners.infos.values() if info.name == skill_id]
    return f": the skill named {skill_id!r} has the id {' or '.join(map(repr, ids[:_MAX_NAMED]))}" if ids else ""


def _near(skill_id: str, winners: Winners) -> str:
    import difflib

    near = difflib.get_close_matches(skill_id, winners.infos)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _known(winners: Winners) -> str:
    ids = list(winners.infos)
    more = ", …" if len(ids) > _MAX_NAMED else ""
    return f"; there are {', '.join(ids[:_MAX_NAMED])}{more}" if ids else ""


def _searched(parts: Sequence[Part]) -> str:
    gone = [missing_text(part.location.path) for part in parts if part.listing is None and part.location.required]
    if gone:
        return f": {'; '.join(gone)}"
    searched = ", ".join(str(part.location.path) for part in parts if part.listing is not None)
    return f", nor any other: {searched or 'no directory'} was searched"
