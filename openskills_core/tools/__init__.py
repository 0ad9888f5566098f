"""The tools that models are given, independent of any framework."""

from __future__ import annotations

from openskills_core.tools.conversation import Conversation
from openskills_core.tools.memory import ActiveSkill
from openskills_core.tools.spec import ToolAnnotations, ToolResult, ToolSpec
from openskills_core.tools.toolset import ToolSet

__all__ = ["ActiveSkill", "Conversation", "ToolAnnotations", "ToolResult", "ToolSet", "ToolSpec"]
