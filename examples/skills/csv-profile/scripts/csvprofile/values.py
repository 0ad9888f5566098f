"""Turning cells into numbers, dates and truth values."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

UTC = dt.timezone.utc  # noqa: UP017 - datetime.UTC came with Python 3.11, the script runs on 3.9
MISSING = frozenset({"", "-", "?", "na", "n/a", "#n/a", "nan", "null", "none"})
TRUTH_VALUES = frozenset({"true", "false", "yes", "no", "y", "n"})
CURRENCY_OR_PERCENT = re.compile(r"^[$€£]\s*|\s*[%$€£]$")
POINT_NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
COMMA_NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d*)?|,\d+)(?:[eE][+-]?\d+)?", re.ASCII)
LEADING_ZERO = re.compile(r"0\d+", re.ASCII)
LARGEST = 1e100  # beyond it sums of squares overflow, and no measurement lives there

TIME = (
    r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?\s?(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)
YEAR_FIRST = re.compile(r"(?P<year>\d{4})(?P<sep>[-/])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})" + TIME, re.ASCII)
DAY_FIRST = re.compile(r"(?P<day>\d{1,2})(?P<sep>[./-])(?P<month>\d{1,2})(?P=sep)(?P<year>\d{4})" + TIME, re.ASCII)
MONTH_FIRST = re.compile(r"(?P<month>\d{1,2})(?P<sep>[/-])(?P<day>\d{1,2})(?P=sep)(?P<year>\d{4})" + TIME, re.ASCII)


@dataclass(frozen=True)
class Reading(Generic[T]):
    """One way to read a column: `parse` gives None for a cell that does not fit."""

    label: str
    parse: Callable[[str], T | None]


def is_missing(cell: str) -> bool:
    """Say whether `cell` stands for no value."""
    return cell.strip().lower() in MISSING


def parse_point_number(cell: str) -> float | None:
    """Read `1,234.5`, `$12` or `7%`; None for anything else."""
    text = CURRENCY_OR_PERCENT.sub("", cell.strip())
    return in_range(text.replace(",", "")) if POINT_NUMBER.fullmatch(text) else None


def parse_comma_number(cell: str) -> float | None:
    """Read `1.234,5` as European files write it; None for anything else."""
    text = CURRENCY_OR_PERCENT.sub("", cell.strip())
    return in_range(text.replace(".", "").replace(",", ".")) if COMMA_NUMBER.fullmatch(text) else None


def in_range(text: str) -> float | None:
    """Return the number, or None when it is too large to calculate with."""
    number = float(text)
    return number if abs(number) < LARGEST else None


def number_readings(delimiter: str) -> list[Reading[float]]:
    """Return the ways to read numbers, the likelier first: semicolons go with decimal commas."""
    readings = [Reading("decimal point", parse_point_number), Reading("decimal comma", parse_comma_number)]
    return readings[::-1] if delimiter == ";" else readings


def date_reader(pattern: re.Pattern[str]) -> Callable[[str], dt.datetime | None]:
    """Return a parser for one layout of dates. Times without a zone are taken as UTC."""

    def parse(cell: str) -> dt.datetime | None:
        match = pattern.fullmatch(cell.strip())
        return moment(match.groupdict()) if match else None

    return parse


def moment(parts: dict[str, str | None]) -> dt.datetime | None:
    """Return the moment these named parts mean, or None for a date that does not exist, such as 31 June."""
    year, month, day, hour, minute, second = (
        int(parts[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    try:
        local = dt.datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return local - offset(parts["zone"] or "Z")
    except (ValueError, OverflowError):
        return None


def offset(zone: str) -> dt.timedelta:
    """Return what `Z` or `+02:00` adds to UTC."""
    if zone == "Z":
        return dt.timedelta()
    digits = zone[1:].replace(":", "")
    value = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -value if zone.startswith("-") else value


DATE_READINGS = [
    Reading("year-month-day", date_reader(YEAR_FIRST)),
    Reading("day-month-year", date_reader(DAY_FIRST)),
    Reading("month-day-year", date_reader(MONTH_FIRST)),
]
