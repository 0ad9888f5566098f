"""`openskills audit`: read the evidence, and check that nobody changed it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from openskills_core.cli.options import json_option
from openskills_core.cli.output import headline, one_line, print_json, say, table, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openskills_core.audit import AuditLog
    from openskills_core.cli.output import Style

    Record = Mapping[str, Any]

_log_option = click.option(
    "--log",
    "path",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False),
    help="The log. [default: the user's own, beneath $XDG_STATE_HOME or ~/.local/state]",
)
_HEADINGS = ("TIME (UTC)", "STATUS", "EXIT", "MS", "SANDBOX", "WHAT", "RECORD")
_SHORT_ID = 16
_MAX_WHAT = 60


@click.group(no_args_is_help=False, epilog="Example: openskills audit verify")
def audit() -> None:
    """Read and check the audit log.

    It has one record for every attempt to run something, refused and crashed ones included.
    """


@audit.command("list", epilog="Example: openskills audit list --limit 5")
@_log_option
@click.option("--limit", type=click.IntRange(min=1), default=20, metavar="N", help="The last N. [default: 20]")
@json_option
def list_records(path: str | None, limit: int, *, as_json: bool) -> None:
    """List the last records, newest last."""
    log = _open(path)
    records = log.records()[-limit:]
    if as_json:
        print_json(records)
        return
    table(_HEADINGS, [_line(record) for record in records])
    if not records:
        warn(f"no records in {log.path}")


@audit.command("show", epilog="Example: openskills audit show 01a2030b834c5461")
@click.argument("record_id", metavar="ID")
@_log_option
@json_option
def show_record(record_id: str, path: str | None, *, as_json: bool) -> None:
    """Show one record. The first characters of its id are enough when no other begins so."""
    record = _find(_open(path), record_id)
    if as_json:
        print_json(record)
        return
    for name, value in record.items():
        say(f"{name + ':':<16}{_plain(value)}")


@audit.command(epilog="Example: openskills audit verify --log ./audit.jsonl")
@_log_option
@json_option
def verify(path: str | None, *, as_json: bool) -> int:
    """Check the whole log for edits, deletions, reorderings and a cut tail."""
    log = _open(path)
    result = log.verify()
    if as_json:
        print_json({"ok": result.ok, "records": result.records, "problems": result.problems, "log": str(log.path)})
    else:
        headline(f"{'ok' if result.ok else 'not ok'}: {result.records} records in {log.path}", _colour(ok=result.ok))
        for problem in result.problems:
            say(f"  {problem}")
    return 0 if result.ok else 1


def _open(path: str | None) -> AuditLog:
    from openskills_core.audit import AuditLog, default_audit_path

    return AuditLog(path or default_audit_path())


def _find(log: AuditLog, wanted: str) -> Record:
    found = [record for record in log.records() if str(record.get("id", "")).startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"{len(found)} records begin with {wanted!r}: write more of the id")
    raise click.UsageError(f"there is no record {wanted!r} in {log.path}: `openskills audit list` names them")


def _line(record: Record) -> tuple[str, ...]:
    code = record.get("exit_code")
    return (
        str(record.get("time", ""))[:19].replace("T", " "),
        str(record.get("status", "")),
        "-" if code is None else str(code),
        f"{record.get('duration_ms', 0):.0f}",
        (record.get("sandbox") or {}).get("tier", "-"),
        one_line(f"{record.get('skill_id') or record.get('kind')}: {record.get('target')}")[:_MAX_WHAT],
        str(record.get("id", ""))[:_SHORT_ID],
    )


def _plain(value: Any) -> str:
    return one_line(value) if isinstance(value, str) else json.dumps(value)


def _colour(*, ok: bool) -> Style:
    return "green" if ok else "red"
