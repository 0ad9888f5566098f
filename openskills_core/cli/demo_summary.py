"""What the demo ends with: every run with its sandbox, the files that are there now, and whether the log holds."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from openskills_core.cli.output import headline, one_line, say, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openskills_core.audit import AuditLog
    from openskills_core.workspace import Workspace

_MAX_FILES = 40
_HEADINGS = ("SCRIPT", "ENDED", "SANDBOX", "TIME")
_KIB = 1024


def summarize(
    workspace: Workspace, log: AuditLog, expected: Mapping[str, int], *, problems: Sequence[str] = ()
) -> bool:
    """Print it and return whether everything is as it should be.

    Args:
        workspace: what the agents worked in.
        log: the log of this demo alone.
        expected: the exit code that the scripts of each skill end with.
        problems: what has gone wrong so far.
    """
    headline("\n=== Summary")
    _print_runs(log.records(), expected)
    _print_files(workspace)
    intact = _print_audit(log)
    for problem in problems:
        headline(f"problem: {one_line(problem)}", "red")
    done = intact and not problems
    headline("demo: ok" if done else "demo: not ok", "green" if done else "red")
    return done


def _print_runs(records: Sequence[Mapping[str, Any]], expected: Mapping[str, int]) -> None:
    headline(f"\nRuns: {len(records)}")
    table(_HEADINGS, [_run(record, expected.get(record["skill_id"])) for record in records])


def _run(record: Mapping[str, Any], expected: int | None) -> tuple[str, ...]:
    sandbox = record.get("sandbox") or {"tier": "none, nothing ran", "backend": record.get("status")}
    code = record.get("exit_code")
    verdict = "as expected" if code == expected else f"not {expected}"
    return (
        f"  {record.get('skill_id')}/{record.get('target')}",
        f"{record.get('status') if code is None else f'exit code {code}'}, {verdict}",
        f"{sandbox['tier']} ({sandbox['backend']})",
        f"{record.get('duration_ms', 0):.0f} ms",
    )


def _print_files(workspace: Workspace) -> None:
    paths = [path for path in workspace.list(recursive=True) if not path.endswith("/")]
    headline(f"\nFiles now in {workspace.root}: {len(paths)}")
    for path in paths[:_MAX_FILES]:
        say(f"  {_size(os.stat(workspace.root / path).st_size):>9}  {one_line(path)}")  # noqa: PTH116 - names may be odd
    if len(paths) > _MAX_FILES:
        say(f"  and {len(paths) - _MAX_FILES} more")


def _size(count: int) -> str:
    return f"{count} B" if count < _KIB else f"{count / _KIB:.1f} KiB"


def _print_audit(log: AuditLog) -> bool:
    verified = log.verify()
    headline(f"\nAudit: {verified.records} records, {'the chain verifies' if verified.ok else 'the chain is broken'}")
    for problem in verified.problems:
        say(f"  {problem}")
    say(f"  openskills audit list --log {shlex.quote(str(log.path))}\n")
    return verified.ok
