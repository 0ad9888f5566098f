"""An activated skill as a model reads it, wrapped so that it can be found again when a conversation is compacted."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import TYPE_CHECKING

from openskills_core.tools.texts import MAX_CHARACTERS, cleaned, fitting, head, named
from openskills_core.unseen import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openskills_core.models import ActivatedSkill

_MAX_RESOURCES = 100
_MAX_RESOURCE_CHARACTERS = 10_000
# Characters that take no room: put between the letters of a tag they would hide it from us and not from a model.
_HIDDEN = (
    "\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff"
)
_TAG = re.compile(rf"<(?=[\s/{_HIDDEN}]*{f'[{_HIDDEN}]*'.join('skill_content')})", re.IGNORECASE)
_START = re.compile(r'<skill_content name="([^"\n]*)">\n')
_END = "\n</skill_content>"
_FOOT = "\n\nSkill directory: "
_WRAPPING = 200


def wrapped(active: ActivatedSkill, *, list_files: str = "", read_file: str = "") -> tuple[str, bool]:
    """Return an activated skill in one `skill_content` element: its instructions and what is needed to follow them.

    All of it keeps within `MAX_CHARACTERS`; the second value says whether instructions were cut for that. No text of
    the skill can end the element or begin another: such tags have their `<` spelled `&lt;`.

    Args:
        active: the skill.
        list_files: name of the tool that lists a skill's files; "" when there is none.
        read_file: name of the tool that reads one.
    """
    foot = _harmless("\n".join(_foot(active, list_files)))
    how = f"read the rest with {read_file}, path SKILL.md" if read_file else "the rest is in its SKILL.md"
    room = MAX_CHARACTERS - len(foot) - len(active.id) - _WRAPPING
    body, is_cut = head(_harmless(active.instructions.strip("\n")), how, room)
    return f'<skill_content name="{escape(one_line(active.id))}">\n{body}{_FOOT}{foot}{_END}', is_cut


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the skill id and the whole element of each activated skill in `text`, in order."""
    at = 0
    while start := _START.search(text, at):
        end = text.find(_END, start.end() - 1)
        if end < 0:
            return
        at = end + len(_END)
        yield unescape(start[1]), text[start.start() : at]


def cut(block: str, length: int, how_to_get_rest: str) -> str:
    """Return an element with its instructions cut so that all of it has about `length` characters."""
    if len(block) <= length:
        return block
    body, found, foot = block.rpartition(_FOOT)
    return head(body, how_to_get_rest, max(length - len(foot), 0))[0] + found + foot


def _foot(active: ActivatedSkill, list_files: str) -> list[str]:
    return [
        named(str(active.skill_dir)),
        "Relative paths in these instructions are relative to that directory.",
        *([f"Missing here: {', '.join(map(named, active.missing))}"] if active.missing else []),
        *_resources(active, list_files),
    ]


def _resources(active: ActivatedSkill, list_files: str) -> list[str]:
    names = [named(name) for name in active.resources]
    shown = names[: min(_MAX_RESOURCES, fitting(names, _MAX_RESOURCE_CHARACTERS))]
    left_out = len(names) - len(shown)
    shows = f"; {list_files} shows them" if list_files else ""
    more = [f"[{left_out} more{shows}]"] if left_out else []
    return ["<skill_resources>", *shown, *more, "</skill_resources>"] if names else []


def _harmless(text: str) -> str:
    # Cleaning first: taking characters out afterwards could put a tag together.
    return _TAG.sub("&lt;", cleaned(text))
