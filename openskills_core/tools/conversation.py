"""The tools of one conversation, which remembers what it has activated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openskills_core.tools.toolset import ToolSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openskills_core.tools.memory import ActiveSkill, Memory


class Conversation(ToolSet):
    """A ToolSet that remembers, see `ToolSet.conversation`. Threads may share it.

    A skill that was activated stays active, and a second identical activation is answered with a note. For the turn
    in which it was activated its `disallowed-tools` are withdrawn and its `allowed-tools` answer the policy's "ask".
    """

    __slots__ = ()

    @property
    def active_skills(self) -> tuple[ActiveSkill, ...]:
        """The skills that are active, the most recently activated first, each with the text that was shown."""
        return self._memory.active()

    def next_turn(self, marker: str = "") -> None:
        """Begin the user's next turn: what skills withdrew is back, and what they approved is not.

        A host calls this when it takes up a message of the user. One that never does has one long turn.

        Args:
            marker: a name of the turn, such as the message's id, for callers that see each step and no turns: the turn
                under way named again changes nothing, and what `activate` did just before a new one belongs to it.
        """
        self._memory.next_turn(marker)

    def withdrawn(self, name: str) -> str:
        """Return what a call of this tool is refused with in this turn, "" unless a skill has withdrawn all of it."""
        return self._refusal(name)

    def reattach(self, remaining: Iterable[str] = ()) -> str:
        """Return what to put behind the summary after a compaction, "" for nothing, so that no active skill is lost.

        Of each skill the latest activation, the latest skill first: up to 20,000 characters of each and 100,000 of
        all, which is 5,000 and 25,000 tokens. A skill that is cut or left out is given in full when it is activated
        again. Calling this again with the same texts gives the same text.

        Args:
            remaining: the texts of the messages that the compaction left; a skill that is whole there is not added.
        """
        again, reader = self.exposed_name("activate_skill"), self.exposed_name("read_skill_file")
        startable = self._startable_skills() if again else frozenset()
        read = f"read the rest with {reader}, path SKILL.md" if reader else "dropped to save space"
        activate = f"to read them call {again} again"
        return self._memory.reattach(remaining, lambda skill_id: activate if skill_id in startable else read)

    def recall(self, texts: Iterable[str], *, by_user: bool = False) -> None:
        """Take up the skills that these texts have activated, for a conversation begun in another process.

        Args:
            texts: what `activate_skill` answered, from the host's own store. Give no others: any text can look like a
                skill, and what is taken up here may be attached later.
            by_user: they are what `activate` answered; only then a skill that models may not start is taken up.
        """
        self._memory.recall(texts, None if by_user else self._startable_skills())

    def forget(self, *skill_ids: str) -> None:
        """Take these skills, or without any all of them, for not active: their text is gone from the conversation."""
        self._memory.forget(skill_ids)

    @property
    def _memory(self) -> Memory:
        memory = self._state.memory
        if memory is None:
            raise TypeError("a Conversation is made by ToolSet.conversation(id)")
        return memory
