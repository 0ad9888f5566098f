"""The tools that models are given, independent of any framework."""

from __future__ import annotations

from openskills_core.tools.spec import ToolAnnotations, ToolResult, ToolSpec
from openskills_core.tools.toolset import ToolSet

__all__ = ["ToolAnnotations", "ToolResult", "ToolSet", "ToolSpec"]
