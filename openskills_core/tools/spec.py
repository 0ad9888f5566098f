"""What a tool is and what it answers: the two values that every adapter translates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Group = Literal["skills", "workspace", "exec"]


class ToolCallError(Exception):
    """A call that cannot be served as asked. The text is written for the model, `code` for programs."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ToolAnnotations:
    """Hints about a tool, named as the Model Context Protocol names them. They inform people and enforce nothing."""

    title: str = ""
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as a model sees it.

    `parameters` is a closed JSON Schema object (draft 2020-12) that always has `required`. `requires_approval` says
    that the host's policy wants a person asked before the tool runs.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    annotations: ToolAnnotations
    group: Group
    requires_approval: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What one call answers.

    `text` is for the model; `data` is the same for programs, a dict that JSON can hold. `code` is None unless
    `is_error`; `truncated` says that `text` leaves something out and tells how to get it.
    """

    text: str
    data: Mapping[str, Any] | None = None
    is_error: bool = False
    code: str | None = None
    truncated: bool = False
