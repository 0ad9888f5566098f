"""What the messages of a PydanticAI run say about the skills of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.messages import ModelRequest, ToolReturnPart, UserPromptPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_ai.messages import ModelMessage

    from openskills_core import Conversation


def reattached(conversation: Conversation, messages: Sequence[ModelMessage]) -> str:
    """Return the active skills that the messages no longer hold."""
    parts = [part for message in messages if isinstance(message, ModelRequest) for part in message.parts]
    returned = [part for part in parts if isinstance(part, ToolReturnPart)]
    activate_skill = conversation.exposed_name("activate_skill")
    conversation.recall(str(part.content) for part in returned if part.tool_name == activate_skill)
    asked = [part for part in parts if isinstance(part, UserPromptPart)]
    return conversation.reattach([*(str(part.content) for part in returned), *map(_text, asked)])


def _text(part: UserPromptPart) -> str:
    return part.content if isinstance(part.content, str) else "\n".join(map(str, part.content))
