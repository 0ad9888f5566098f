#!/usr/bin/env python3
"""Check Markdown files for broken links, anchors, headings, images, fences and references, without the network.

Exit status: 0 clean, 1 problems were found, 2 wrong usage or nothing to check.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import Counter
from pathlib import Path

from markdowncheck.documents import InputError, read_documents
from markdowncheck.rules import RULES, Problem, check


def parse_arguments() -> argparse.Namespace:
    """Return the command line's arguments; argparse ends the program with status 2 when they are wrong."""
    parser = argparse.ArgumentParser(
        description="Check Markdown files and folders; prints `path:line: code message` for each problem.",
        epilog="example: check.py docs README.md --json",
    )
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="a Markdown file, or a folder of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    codes = f"leave out a rule, may be repeated: {', '.join(RULES)}"
    parser.add_argument("--ignore", action="append", default=[], choices=sorted(RULES), metavar="CODE", help=codes)
    return parser.parse_args()


def as_json(files: int, problems: list[Problem]) -> str:
    """Return the report for programs."""
    counts = Counter(problem.code for problem in problems)
    report = {"files": files, "counts": dict(counts), "problems": [problem.as_dict() for problem in problems]}
    return json.dumps(report, indent=2, ensure_ascii=False)


def as_lines(files: int, problems: list[Problem]) -> str:
    """Return the report for people; the last line sums up."""
    found = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "no problems"
    total = f"{found} in {files} file{'' if files == 1 else 's'}"
    return "\n".join([*map(str, problems), total])


def main() -> int:
    """Run the command line and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the locale, and though a name be no valid text
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    options = parse_arguments()
    try:
        documents = read_documents(options.paths)
        problems = check(documents, options.ignore)
    except InputError as error:
        print(f"check.py: {error}", file=sys.stderr)
        return 2
    render = as_json if options.json else as_lines
    print(render(len(documents), problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
