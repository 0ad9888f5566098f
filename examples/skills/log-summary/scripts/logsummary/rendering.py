"""The summary as Markdown, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from logsummary.counting import BY_HOUR, Group, Summary, ranked
from logsummary.fields import show_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from logsummary.formats import Log

SHOWN_LINES = 5
CELL_WIDTH = 60
PRECISE_BELOW = 10


def report(name: str, log: Log, summary: Summary, top: int) -> dict[str, Any]:
    """Return the whole summary as JSON-ready values; shares and rates are between 0 and 1."""
    total = row("all", summary.total, summary.total.count)
    del total["value"], total["share"]
    return {
        "input": name,
        "format": log.format,
        "skipped_lines": log.skipped[:SHOWN_LINES],
        "skipped": len(log.skipped),
        "first": show_time(summary.first) if summary.first else None,
        "last": show_time(summary.last) if summary.last else None,
        "numeric_field": summary.schema.value if summary.total.values else None,
        **total,
        "groups": {heading: rows(heading, groups, summary, top) for heading, groups in summary.groups.items()},
    }


def rows(heading: str, groups: Mapping[str, Group], summary: Summary, top: int) -> list[dict[str, Any]]:
    """Return one row per value of a field."""
    order = ranked(groups, top, in_time=heading == BY_HOUR)
    return [row(value, group, summary.total.count) for value, group in order]


def row(value: str, group: Group, total: int) -> dict[str, Any]:
    """Return the figures of one group."""
    return {
        "value": value,
        "count": group.count,
        "share": round(group.count / total, 4) if total else 0.0,
        "errors": group.errors,
        "error_rate": round(group.errors / group.count, 4) if group.count else 0.0,
        "p50": group.quantile(0.5),
        "p95": group.quantile(0.95),
    }


def as_json(data: Mapping[str, Any]) -> str:
    """Return the report for programs."""
    return json.dumps(data, indent=2, ensure_ascii=False)


def as_csv(data: Mapping[str, Any]) -> str:
    """Return one line per value, after a line for the whole log."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    keys = ("value", "count", "share", "errors", "error_rate", "p50", "p95")
    writer.writerow(("group", *keys))
    whole = {**data, "value": "all", "share": 1.0}
    writer.writerow(("total", *(whole[key] for key in keys)))
    for heading, group in data["groups"].items():
        writer.writerows((heading, *(line[key] for key in keys)) for line in group)
    return out.getvalue().rstrip("\n")


def as_markdown(data: Mapping[str, Any]) -> str:
    """Return tables for people."""
    parts = [f"# Summary of {safe(data['input'])}", table(("Property", "Value"), overview(data))]
    for heading, group in data["groups"].items():
        parts += [f"## By {safe(heading)}", group_table(heading, group, data["numeric_field"])]
    return "\n\n".join(parts)


def overview(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the facts about the whole log."""
    facts = [
        ("Format", data["format"]),
        ("Records", f"{data['count']:,}"),
        ("Lines skipped", skipped(data)),
        ("First", data["first"] or "no times found"),
        ("Last", data["last"] or "no times found"),
        ("Errors", f"{data['errors']:,} ({data['error_rate']:.1%})"),
    ]
    if data["numeric_field"]:
        facts.append((f"{safe(data['numeric_field'])} p50 / p95", f"{figure(data['p50'])} / {figure(data['p95'])}"))
    return facts


def skipped(data: Mapping[str, Any]) -> str:
    """Return how many lines did not fit the format, and the first of them."""
    if not data["skipped"]:
        return "0"
    more = ", …" if data["skipped"] > SHOWN_LINES else ""
    return f"{data['skipped']:,} (line {', '.join(map(str, data['skipped_lines']))}{more})"


def group_table(heading: str, group: Sequence[Mapping[str, Any]], numeric: str | None) -> str:
    """Return the table of one field; the quantiles only when the log has a numeric field."""
    header = [safe(heading), "Count", "Share", "Errors", "Error rate"]
    body = [
        [safe(r["value"]), f"{r['count']:,}", f"{r['share']:.1%}", f"{r['errors']:,}", f"{r['error_rate']:.1%}"]
        for r in group
    ]
    if numeric:
        header += [f"{safe(numeric)} p50", f"{safe(numeric)} p95"]
        for cells, figures in zip(body, group):  # noqa: B905 - `strict` is not in Python 3.9; body was made from group
            cells += [figure(figures["p50"]), figure(figures["p95"])]
    return table(header, body)


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are set to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *body])


def figure(value: float | None) -> str:
    """Return a number for people."""
    if value is None:
        return ""
    decimals = 1 if abs(value) >= PRECISE_BELOW else 3
    return f"{round(value, decimals):,}".removesuffix(".0")


def safe(text: str) -> str:
    """Return `text` short, on one line, and without breaking the table."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    short = line if len(line) <= CELL_WIDTH else line[: CELL_WIDTH - 1] + "…"
    return short.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "\\<")
