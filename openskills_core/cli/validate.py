"""`openskills validate`: every problem of every skill, with the line it is on."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from openskills_core.cli.excerpt import excerpt
from openskills_core.cli.options import json_option
from openskills_core.cli.output import Style, aside, headline, one_line, print_json, say
from openskills_core.format.profiles import Profile
from openskills_core.manifest import Preset, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openskills_core.validation import Report, Stats

_STYLES: dict[Severity, Style] = {"error": "red", "warning": "yellow", "info": "dim"}
_PATH = click.Path(path_type=Path)
_MILD: dict[Severity, str] = {"warning": "warning", "info": "hint"}


def _existing(_context: click.Context, _option: click.Parameter, paths: Sequence[Path]) -> Sequence[Path]:
    """Name every path that is not there at once; nothing is checked then."""
    missing = [str(path) for path in paths if not os.path.lexists(path)]
    if missing:
        raise click.UsageError(f"there is no file or directory {', '.join(missing)}")
    return paths


@click.command(epilog="Example: openskills validate ./skills --profile upload")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=_PATH, callback=_existing)
@click.option(
    "--profile",
    type=click.Choice(get_args(Profile)),
    default="strict",
    help="Whose rules: the open specification's, claude.ai's too, or Claude Code's. [default: strict]",
)
@click.option(
    "--preset",
    type=click.Choice(get_args(Preset)),
    default="claude-code",
    help="Whose idea of a skill that loads, for the profile runtime. [default: claude-code]",
)
@json_option
def validate(paths: Sequence[Path], *, profile: Profile, preset: Preset, as_json: bool) -> int:
    """Check skills and print every problem.

    PATH is the directory of a skill, its SKILL.md, or a directory with skills beneath it. The exit status is 1 when
    there is an error; warnings and hints do not count.
    """
    from openskills_core.validation import validate as check

    found = {report.path.absolute(): report for path in paths for report in check(path, profile=profile, preset=preset)}
    reports = list(found.values())
    if as_json:
        print_json(_document(reports, profile))
    else:
        _print(reports)
    return 0 if all(report.ok for report in reports) else 1


def _document(reports: Sequence[Report], profile: Profile) -> dict[str, Any]:
    skills = [
        {
            "path": str(report.path),
            "ok": report.ok,
            "stats": report.stats and asdict(report.stats),
            "diagnostics": [asdict(note) for note in report.diagnostics],
        }
        for report in reports
    ]
    return {"profile": profile, "ok": all(report.ok for report in reports), "skills": skills}


def _print(reports: Sequence[Report]) -> None:
    for report in reports:
        if report.diagnostics or len(reports) == 1:
            _print_report(report)
    headline(_summary(reports))
    method = next((report.stats.tokens for report in reports if report.stats), "")
    if method:
        aside(f"tokens are {method}")


def _print_report(report: Report) -> None:
    headline(one_line(f"{report.path}{_size(report.stats)}"))
    for note in report.diagnostics:
        headline(one_line(str(note)), _STYLES[note.severity])
        for line in excerpt(note):
            say(line)
    say()


def _size(stats: Stats | None) -> str:
    return f": {_many(stats.body_lines, 'line')}, {_many(stats.body_tokens, 'token')}" if stats else ""


def _summary(reports: Sequence[Report]) -> str:
    count = Counter(note.severity for report in reports for note in report.diagnostics)
    valid = sum(report.ok for report in reports)
    parts = [f"{valid} valid"] if valid else []
    if count["error"]:
        parts.append(f"{len(reports) - valid} with {_many(count['error'], 'error')}")
    parts += [_many(count[severity], noun) for severity, noun in _MILD.items() if count[severity]]
    return f"{_many(len(reports), 'skill')}: {', '.join(parts)}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
