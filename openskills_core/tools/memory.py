"""What is remembered between the calls of one conversation: which skills are active, and what its turn withdraws."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from openskills_core.tools.content import blocks, cut
from openskills_core.tools.turn import Restriction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from openskills_core.models import ActivatedSkill

_MAX_CONVERSATIONS = 1_000
# Claude Code keeps the first 5,000 tokens of each skill and 25,000 of all, the most recent first; at 4 characters each.
_KEPT_OF_EACH = 20_000
_KEPT_OF_ALL = 100_000
_LEAST_KEPT = 1_000
_STILL_ACTIVE = "These skills were activated earlier in this conversation and are still active:"


@dataclass(frozen=True, slots=True)
class ActiveSkill:
    """A skill that a conversation has activated. `text` is the whole `skill_content` element, as it was shown."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was shown of a skill last, and whether all of that is still in front of the model."""

    text: str
    is_whole: bool = True


class Memory:
    """The skills that one conversation has activated, and those of its current turn. Threads may share it."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, _Shown] = OrderedDict()
        self._turn: dict[str, Restriction] = {}
        self._upcoming: dict[str, Restriction] = {}
        self._turn_marker = ""
        self._lock = threading.Lock()

    def activate(self, active: ActivatedSkill, text: str, *, by_user: bool) -> bool:
        """Note an activation that is about to be shown; return whether the model has this very text already."""
        with self._lock:
            is_repeated = self._shown.get(active.id) == _Shown(text)
            self._shown[active.id] = _Shown(text)
            self._shown.move_to_end(active.id)
            self._turn[active.id] = Restriction(active.disallowed_tools, active.skill_dir)
            if by_user:
                self._upcoming[active.id] = self._turn[active.id]
            return is_repeated

    def recall(self, texts: Iterable[str], allowed: Collection[str] | None) -> None:
        """Take up the skills in these texts that are `allowed` and not known yet, the latest of each."""
        found = dict(block for text in texts for block in blocks(text))
        with self._lock:
            known = self._shown
            new = {name: _Shown(text) for name, text in found.items() if allowed is None or name in allowed}
            self._shown = OrderedDict((name, shown) for name, shown in new.items() if name not in known)
            self._shown.update(known)

    def active(self) -> tuple[ActiveSkill, ...]:
        """Return the skills that are active, the most recently activated first."""
        with self._lock:
            return tuple(ActiveSkill(name, shown.text) for name, shown in reversed(self._shown.items()))

    def reattach(self, remaining: Iterable[str], how_to_get_rest: Callable[[str], str]) -> str:
        """Return what a compaction that left `remaining` has to add, so that the active skills stay active.

        `how_to_get_rest` says it for one skill's id; it is called with the lock held and must not come back here.
        """
        texts = [text for text in remaining if "<skill_content" in text]
        attached: list[str] = []
        room = _KEPT_OF_ALL
        with self._lock:
            for name, shown in reversed(tuple(self._shown.items())):
                is_there = any(shown.text in text for text in texts)
                fits = not is_there and room >= _LEAST_KEPT
                kept = cut(shown.text, min(_KEPT_OF_EACH, room), how_to_get_rest(name)) if fits else ""
                room -= len(kept)
                self._shown[name] = replace(shown, is_whole=is_there or kept == shown.text)
                attached += [kept] * fits
        return "\n\n".join([_STILL_ACTIVE, *attached]) if attached else ""

    def forget(self, skill_ids: Iterable[str]) -> None:
        """Drop these skills, or without any all of them. What they withdrew stays withdrawn until the turn ends."""
        with self._lock:
            for skill_id in tuple(skill_ids) or tuple(self._shown):
                self._shown.pop(skill_id, None)

    def next_turn(self, marker: str) -> None:
        """End the turn, unless `marker` names the one that is under way.

        A framework names a turn when its first step comes to us; what the user activated just before belongs to it.
        """
        with self._lock:
            if marker and marker == self._turn_marker:
                return
            self._turn = self._upcoming if marker else {}
            self._turn_marker, self._upcoming = marker, {}

    @property
    def turn(self) -> Mapping[str, Restriction]:
        """The skills activated in this turn, each with what it disallows."""
        with self._lock:
            return dict(self._turn)


class Memories:
    """What one host's ToolSets share: a memory per conversation id, and the texts of preloaded skills.

    Beyond a thousand, the conversation unused for longest is forgotten.
    """

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Memory] = OrderedDict()
        self._preloaded: dict[str, tuple[object, str]] = {}
        self._lock = threading.Lock()

    def of(self, conversation_id: str) -> Memory:
        """Return the memory of this conversation, a fresh one the first time.

        Raises:
            TypeError: the id is no text. None would be one memory for all whose host has no id.
        """
        if not isinstance(conversation_id, str):
            raise TypeError(f"a conversation's id must be a string, got {conversation_id!r}")
        with self._lock:
            memory = self._by_id.setdefault(conversation_id, Memory())
            self._by_id.move_to_end(conversation_id)
            if len(self._by_id) > _MAX_CONVERSATIONS:
                self._by_id.popitem(last=False)
            return memory

    def preloaded(self, skill_id: str, version: object, render: Callable[[], str]) -> str:
        """Return a skill's text, rendered once per version: commands in it might print something else each time."""
        known = self._preloaded.get(skill_id)
        if known is None or known[0] != version:
            known = self._preloaded[skill_id] = (version, render())
        return known[1]


_of_hosts: WeakKeyDictionary[object, Memories] = WeakKeyDictionary()
_lock = threading.Lock()


def memories_of(host: object) -> Memories:
    """Return the conversations of a host: an id means the same one in each of its ToolSets, and nothing elsewhere."""
    with _lock:
        return _of_hosts.setdefault(host, Memories())
