"""How the end of a script or command is told: to a model in words, to a program as data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from openskills_core.tools.spec import ToolResult
from openskills_core.tools.texts import MAX_CHARACTERS, counted, head_and_tail, named

if TYPE_CHECKING:
    from openskills_core.models import Artifact, ExecutionResult

_MAX_ERROR_CHARACTERS = MAX_CHARACTERS * 3 // 10
_MAX_OUTPUT_CHARACTERS = MAX_CHARACTERS * 6 // 10
_MAX_FILES = 100


def ended(result: ExecutionResult, timeout_ms: int) -> ToolResult:
    """Return how a run of at most `timeout_ms` ended. A script that failed is an answer; one we ended is an error."""
    stdout, stdout_cut = head_and_tail(result.stdout, _MAX_OUTPUT_CHARACTERS, "stdout")
    stderr, stderr_cut = head_and_tail(result.stderr, _MAX_ERROR_CHARACTERS, "stderr")
    sections = [
        _first_line(result, timeout_ms),
        *_stream("stdout", stdout, kept_all=not result.stdout_truncated),
        *_stream("stderr", stderr, kept_all=not result.stderr_truncated),
        *_files(result.artifacts),
    ]
    is_error = result.status not in ("success", "failed")
    return ToolResult(
        text="\n".join(sections),
        data=_as_data(result),
        is_error=is_error,
        code=result.status if is_error else None,
        truncated=stdout_cut or stderr_cut or result.stdout_truncated or result.stderr_truncated,
    )


def _first_line(result: ExecutionResult, timeout_ms: int) -> str:
    if result.status == "timeout":
        return f"timed out after {timeout_ms / 1000:g} s"
    if result.status == "killed":
        return f"killed: {result.reason}"
    if result.status == "cancelled":
        return "cancelled"
    because = f" ({result.reason})" if result.reason else ""
    return f"exit code {result.exit_code}{because}"


def _stream(name: str, text: str, *, kept_all: bool) -> list[str]:
    if not text.strip():
        return []
    note = [] if kept_all else [f"[the middle of {name} was dropped while it ran: it printed too much]"]
    return [f"{name}:", text.rstrip("\n"), *note]


def _files(artifacts: tuple[Artifact, ...]) -> list[str]:
    if not artifacts:
        return []
    more = [f"[{len(artifacts) - _MAX_FILES} more]"] if len(artifacts) > _MAX_FILES else []
    return ["files:", *(_file(artifact) for artifact in artifacts[:_MAX_FILES]), *more]


def _file(artifact: Artifact) -> str:
    size = "" if artifact.change == "deleted" else f" ({counted(artifact.size, 'byte')})"
    return f"{artifact.change} {named(artifact.path)}{size}"


def _as_data(result: ExecutionResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "exit_code": result.exit_code,
        "reason": result.reason,
        "output": result.output,
        "stdout": result.stdout,
        "stderr": result.stderr,
        "stdout_truncated": result.stdout_truncated,
        "stderr_truncated": result.stderr_truncated,
        "duration_ms": result.duration_ms,
        "artifacts": [asdict(artifact) for artifact in result.artifacts],
        "sandbox": {**asdict(result.sandbox), "degraded": list(result.sandbox.degraded)},
        "record_id": result.record_id,
    }
