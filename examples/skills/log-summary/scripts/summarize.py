#!/usr/bin/env python3
"""Summarise a log: counts, error rates, time range and p50/p95 of durations, on standard output.

Exit status: 0 done, 2 wrong usage or a file that is no log.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from logsummary.counting import summarize
from logsummary.formats import InputError, read_log
from logsummary.rendering import as_csv, as_json, as_markdown, report

RENDERERS = {"md": as_markdown, "json": as_json, "csv": as_csv}


def parse_arguments() -> argparse.Namespace:
    """Return the command line's arguments; argparse ends the program with status 2 when they are wrong."""
    parser = argparse.ArgumentParser(
        description="Summarise JSON lines, a JSON array, access logs, syslog or plain dated lines.",
        epilog="example: summarize.py access.log --by path --format json",
    )
    parser.add_argument("input", metavar="INPUT", type=Path, help="the log; its format is found out")
    parser.add_argument("--by", metavar="FIELD", help="count by this field only; `hour` groups by time")
    parser.add_argument("--value", metavar="FIELD", help="the numeric field for p50 and p95 (default: a duration)")
    parser.add_argument("--format", choices=sorted(RENDERERS), default="md", help="default: %(default)s")
    parser.add_argument("--top", type=positive, default=10, metavar="N", help="values per table (default: %(default)s)")
    return parser.parse_args()


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def main() -> int:
    """Run the command line and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the locale, and though a name be no valid text
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    options = parse_arguments()
    try:
        log = read_log(options.input)
        summary = summarize(log, options.by, options.value)
    except InputError as error:
        print(f"summarize.py: {error}", file=sys.stderr)
        return 2
    print(RENDERERS[options.format](report(options.input.name, log, summary, options.top)))
    if options.format == "csv":  # a table has no place for it
        print(f"read {options.input.name} as {log.format}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
