"""The keywords that a runtime, and each of its calls, take; for type checkers and readers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from openskills_core.audit import AuditLog
    from openskills_core.manifest import Preset
    from openskills_core.models import HostPolicy, Limits
    from openskills_core.policy import Approver
    from openskills_core.sandbox import OnOutput, Sandbox

StrPath: TypeAlias = str | os.PathLike[str]


class Options(TypedDict, total=False):
    """What `OpenSkillRuntime` takes besides `skill_dirs`; see there."""

    standard_locations: bool
    project_root: StrPath | None
    preset: Preset
    workspace_dir: StrPath | None
    policy: HostPolicy
    approve: Approver | None
    limits: Limits
    audit: AuditLog | None
    sandbox: str | Sandbox
    python: StrPath | None
    node: StrPath | None
    warm: bool
    watch: bool
    cache_dir: StrPath | None
    prompt_dirs: Sequence[StrPath]
    max_concurrent: int | None


class RunOptions(TypedDict, total=False):
    """How a script or command is run.

    `args` become argv; `input` is written to standard input as JSON, `stdin` as it is (one of the two at most).
    `timeout_ms` and `memory_mb` replace the runtime's limits for this call. Setting `cancel` kills the whole process
    tree. `on_output(stream, text)` is called with "stdout" or "stderr" while the script runs.
    """

    args: Sequence[str]
    input: Any
    stdin: str | bytes | None
    timeout_ms: int | None
    memory_mb: int | None
    cancel: threading.Event | None
    on_output: OnOutput | None
