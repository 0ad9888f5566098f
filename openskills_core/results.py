"""How a call ended and what it changed → the result that its caller is given."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from openskills_core.models import Ended, ExecutionResult

if TYPE_CHECKING:
    from openskills_core.changes import Changes


def result_of(ended: Ended, hint: str, changes: Changes, record_id: str) -> ExecutionResult:
    """Return the result of a call that ended. `hint` is added to its error output."""
    return ExecutionResult(
        status=ended.status,
        exit_code=ended.exit_code,
        reason=ended.reason,
        output=None if ended.stdout_truncated else _parsed(ended.stdout),
        stdout=ended.stdout.decode("utf-8", "replace"),
        stderr=ended.stderr.decode("utf-8", "replace") + hint,
        stdout_truncated=ended.stdout_truncated,
        stderr_truncated=ended.stderr_truncated,
        duration_ms=ended.duration_ms,
        artifacts=changes.artifacts,
        sandbox=ended.sandbox,
        record_id=record_id,
        artifacts_complete=changes.complete,
    )


def _parsed(stdout: bytes) -> Any:
    try:
        return json.loads(stdout.strip(), parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float:
    """Read a number. Python also takes NaN and Infinity, and makes one of 1e999, but JSON has neither."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no number of JSON")
    return number
