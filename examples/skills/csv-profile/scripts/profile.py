#!/usr/bin/env python3
"""Profile a CSV file: a Markdown report and SVG charts in the current directory, a JSON summary on standard output.

Exit status: 0 done, 2 wrong usage or an input that cannot be profiled.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csvprofile.charts import chart
from csvprofile.columns import MAX_CATEGORIES, Column, study
from csvprofile.findings import column_findings, table_findings
from csvprofile.reading import InputError, Table, read_table
from csvprofile.report import overview, render, summary

if TYPE_CHECKING:
    from collections.abc import Callable


def parse_arguments() -> argparse.Namespace:
    """Return the command line's arguments; argparse ends the program with status 2 when they are wrong."""
    parser = argparse.ArgumentParser(
        description="Profile a CSV file into a Markdown report with SVG charts; prints a JSON summary.",
        epilog="example: profile.py sales.csv --out sales-report.md --top 5",
    )
    parser.add_argument("input", metavar="INPUT.csv", type=Path, help="the file; its first row is the header")
    parser.add_argument("--out", type=Path, default=Path("report.md"), help="the report (default: %(default)s)")
    parser.add_argument("--top", type=in_range(1, MAX_CATEGORIES), default=10, metavar="N", help="values per category")
    parser.add_argument("--delimiter", help="one character, or `tab`; found out when not given")
    parser.add_argument("--max-charts", type=in_range(0, 1000), default=12, metavar="N", help="default: %(default)s")
    return parser.parse_args()


def in_range(low: int, high: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        if text.isdecimal() and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")

    return parse


def delimiter_of(text: str | None) -> str | None:
    """Return the delimiter the user named, None when it is to be found out."""
    if text is None or len(text) == 1:
        return text
    if text in ("tab", "\\t"):
        return "\t"
    raise InputError(f"--delimiter takes one character or `tab`, not {text!r}.")


def output_path(out: Path, source: Path) -> Path:
    """Return `out` when it lies beneath the current directory and is not the input itself."""
    here = Path.cwd().resolve()
    target = (here / out).resolve()
    if here not in target.parents:
        raise InputError(f"--out must lie beneath the current directory, which {out} does not.")
    if target == source.resolve():
        raise InputError(f"--out {out} would overwrite the input; choose another name.")
    return target.relative_to(here)


def study_table(table: Table) -> list[Column]:
    """Return the profile of every column."""
    return [
        study(name, [row[index] for row in table.rows], table.lines, delimiter=table.delimiter)
        for index, name in enumerate(table.header)
    ]


def duplicate_lines(table: Table) -> list[int]:
    """Return the lines of rows that repeat an earlier row exactly."""
    seen: set[tuple[str, ...]] = set()
    repeated = []
    for line, row in zip(table.lines, table.rows):  # noqa: B905 - `strict` is not in Python 3.9; both have one length
        key = tuple(row)
        if key in seen:
            repeated.append(line)
        seen.add(key)
    return repeated


def write_charts(columns: list[Column], report: Path, *, top: int, limit: int) -> dict[str, Path]:
    """Write up to `limit` charts beside the report and return their paths by column name."""
    written: dict[str, Path] = {}
    for number, column in enumerate(columns, start=1):
        picture = chart(column, top) if len(written) < limit else None
        if picture is None:
            continue
        slug = re.sub(r"[^a-z0-9]+", "-", column.name.lower()).strip("-")[:40]
        path = report.with_name(f"{report.stem}-{number:02d}-{slug or 'column'}.svg")
        path.write_text(picture, encoding="utf-8")
        written[column.name] = path
    return written


def run(options: argparse.Namespace) -> dict[str, object]:
    """Profile the input, write the files and return the JSON summary."""
    report = output_path(options.out, options.input)
    table = read_table(options.input, delimiter_of(options.delimiter))
    columns = study_table(table)
    duplicates = duplicate_lines(table)
    findings = [*table_findings(table, duplicates), *(text for column in columns for text in column_findings(column))]
    facts = overview(options.input.name, table, columns, len(duplicates))
    report.parent.mkdir(parents=True, exist_ok=True)
    charts = write_charts(columns, report, top=options.top, limit=options.max_charts)
    names = {name: path.name for name, path in charts.items()}
    report.write_text(render(facts, columns, findings, charts=names, top=options.top), encoding="utf-8")
    files = [path.as_posix() for path in [report, *charts.values()]]
    return {**summary(facts, columns, findings, options.top), "files": files}


def main() -> int:
    """Run the command line and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the locale, and though a name be no valid text
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    try:
        result = run(parse_arguments())
    except (InputError, OSError) as error:
        print(f"profile.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
