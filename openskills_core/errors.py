"""Every error the runtime raises, in one tree.

* OpenSkillsError
  - SkillNotFoundError        no skill of that id
  - InvalidSkillError         the skill exists but cannot be used as asked
  - DynamicContextError       a command in a skill's text failed, so there are no instructions
  - PermissionDeniedError     the host's policy or approver said no
  - PathEscapeError           a path leads outside the root it must stay beneath
  - WorkspaceError            a workspace file cannot be read or changed as asked
  - SandboxUnavailableError   the sandbox that was asked for cannot be had; nothing ran
  - LimitExceededError        a limit of the host was reached before anything ran
  - AuditError                the audit log cannot be written; nothing ran

A script that ends badly is no error but data: see `ExecutionResult`.
"""

from __future__ import annotations

from typing import ClassVar


class OpenSkillsError(Exception):
    """Root of the tree.

    `code` is stable and machine-readable, `exit_status` is what the command line ends with, and
    `culprit` names the skill, path or keyword at fault ("" when there is none).
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, culprit: str = "") -> None:
        super().__init__(message)
        self.culprit = culprit


class SkillNotFoundError(OpenSkillsError):
    """No skill has this id; the text lists near matches."""

    code = "skill-not-found"
    exit_status = 2


class InvalidSkillError(OpenSkillsError):
    """The skill cannot be used as asked, for example because it has no such script."""

    code = "invalid-skill"
    exit_status = 2


class DynamicContextError(OpenSkillsError):
    """A command in a skill's text failed, so its instructions cannot be had; the text holds what it printed."""

    code = "dynamic-context"
    exit_status = 1


class PermissionDeniedError(OpenSkillsError):
    """The host's policy, or the person it asked, refused."""

    code = "permission-denied"
    exit_status = 3


class PathEscapeError(OpenSkillsError):
    """A path leads outside the directory it must stay beneath."""

    code = "path-escape"
    exit_status = 3


class WorkspaceError(OpenSkillsError):
    """A file beneath the workspace or a skill cannot be read or changed as asked."""

    code = "workspace"
    exit_status = 1


class SandboxUnavailableError(OpenSkillsError):
    """The sandbox asked for cannot be had here. Nothing ran; the text names the fix."""

    code = "sandbox-unavailable"
    exit_status = 4


class LimitExceededError(OpenSkillsError):
    """A limit the host set was reached before anything ran."""

    code = "limit-exceeded"
    exit_status = 3


class AuditError(OpenSkillsError):
    """The audit log cannot be written, so nothing was run."""

    code = "audit"
    exit_status = 1
