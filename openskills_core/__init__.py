"""OpenSkills for Python: Claude-compatible skills for any agent, run in a real sandbox.

Importing this loads nothing but the names; each part is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openskills_core.audit import AuditLog
    from openskills_core.errors import (
        AuditError,
        DynamicContextError,
        InvalidSkillError,
        LimitExceededError,
        OpenSkillsError,
        PathEscapeError,
        PermissionDeniedError,
        SandboxUnavailableError,
        SkillNotFoundError,
        WorkspaceError,
    )
    from openskills_core.manifest import Diagnostic
    from openskills_core.models import (
        ActivatedSkill,
        Approval,
        ApprovalRequest,
        Artifact,
        Decision,
        ExecutionResult,
        HostPolicy,
        Limits,
        SandboxReport,
        SkillInfo,
        VerifyResult,
    )
    from openskills_core.registry import Location, Reload
    from openskills_core.runtime import OpenSkillRuntime
    from openskills_core.tools import ActiveSkill, Conversation, ToolResult, ToolSet, ToolSpec
    from openskills_core.workspace import Workspace

_HOMES = {
    "audit": ("AuditLog",),
    "errors": (
        "AuditError",
        "DynamicContextError",
        "InvalidSkillError",
        "LimitExceededError",
        "OpenSkillsError",
        "PathEscapeError",
        "PermissionDeniedError",
        "SandboxUnavailableError",
        "SkillNotFoundError",
        "WorkspaceError",
    ),
    "manifest": ("Diagnostic",),
    "models": (
        "ActivatedSkill",
        "Approval",
        "ApprovalRequest",
        "Artifact",
        "Decision",
        "ExecutionResult",
        "HostPolicy",
        "Limits",
        "SandboxReport",
        "SkillInfo",
        "VerifyResult",
    ),
    "registry": ("Location", "Reload"),
    "runtime": ("OpenSkillRuntime",),
    "tools": ("ActiveSkill", "Conversation", "ToolResult", "ToolSet", "ToolSpec"),
    "workspace": ("Workspace",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ActivatedSkill",
    "ActiveSkill",
    "Approval",
    "ApprovalRequest",
    "Artifact",
    "AuditError",
    "AuditLog",
    "Conversation",
    "Decision",
    "Diagnostic",
    "DynamicContextError",
    "ExecutionResult",
    "HostPolicy",
    "InvalidSkillError",
    "LimitExceededError",
    "Limits",
    "Location",
    "OpenSkillRuntime",
    "OpenSkillsError",
    "PathEscapeError",
    "PermissionDeniedError",
    "Reload",
    "SandboxReport",
    "SandboxUnavailableError",
    "SkillInfo",
    "SkillNotFoundError",
    "ToolResult",
    "ToolSet",
    "ToolSpec",
    "VerifyResult",
    "Workspace",
    "WorkspaceError",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("openskills")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
