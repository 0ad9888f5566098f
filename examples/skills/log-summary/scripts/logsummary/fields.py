"""What fields mean: which one is the level, the time, the status, the duration, whatever a log calls them."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

UTC = dt.timezone.utc  # noqa: UP017 - datetime.UTC came with Python 3.11, the script runs on 3.9
ALIASES = {
    "level": ("level", "severity", "lvl", "levelname", "log.level", "log_level", "loglevel"),
    "time": ("time", "timestamp", "@timestamp", "ts", "datetime", "date", "asctime"),
    "status": ("status", "status_code", "statuscode", "http.status", "http_status", "http.response.status_code"),
    "path": ("path", "url.path", "route", "endpoint", "url", "uri", "request_path", "http.path"),
    "duration": (
        *("duration_ms", "duration", "latency_ms", "latency", "elapsed_ms", "elapsed", "response_time_ms"),
        *("response_time", "request_time", "took_ms", "took"),
    ),
    "size": ("bytes", "size", "body_bytes_sent"),
}
ERROR_LEVELS = frozenset({"error", "critical", "fatal", "alert", "emergency", "panic"})
SAME_LEVEL = {"err": "error", "crit": "critical", "warn": "warning", "emerg": "emergency"}
NUMBERED_LEVELS = {10: "trace", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal"}
SERVER_ERROR = 500
MILLISECONDS_FROM = 1e11  # an epoch this large would be the year 5138 in seconds, so it counts milliseconds
ISO = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:[.,](\d+))?\s?(Z|[+-]\d{2}:?\d{2})?")
ACCESS_TIME = "%d/%b/%Y:%H:%M:%S %z"
SYSLOG_TIME = "%Y %b %d %H:%M:%S"
LEAP_YEAR = "1904"  # stands for the year that syslog does not write; it has a 29 February and no logs


def locate(names: Iterable[str], meaning: str) -> str:
    """Return which of the fields `names` has this meaning, "" when none has; case does not count."""
    present = {name.lower(): name for name in names}
    return next((present[alias] for alias in ALIASES[meaning] if alias in present), "")


def level_of(value: Any) -> str:
    """Return a level by its full name in lower case; numbers are those of bunyan and pino."""
    if isinstance(value, int) and value in NUMBERED_LEVELS:
        return NUMBERED_LEVELS[value]
    name = str(value).strip().lower()
    return SAME_LEVEL.get(name, name)


def path_of(value: Any) -> str:
    """Return a path without its query."""
    return str(value).partition("?")[0]


def is_error(level: str, status: Any) -> bool:
    """Say whether a record reports a failure: an error level, or a status of 500 and more."""
    number = number_of(status)
    return level in ERROR_LEVELS or (number is not None and number >= SERVER_ERROR)


def number_of(value: Any) -> float | None:
    """Return a finite number, also from text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def time_of(value: Any) -> dt.datetime | None:
    """Return the moment, in UTC; None when the value is not a time. A time without zone is taken as UTC."""
    number = None if isinstance(value, str) and ":" in value else number_of(value)
    if number is not None:
        return from_epoch(number)
    if not isinstance(value, str):
        return None
    match = ISO.fullmatch(value.strip())
    return from_iso(match) if match else from_pattern(value.strip())


def from_epoch(number: float) -> dt.datetime | None:
    """Read seconds or milliseconds since 1970."""
    seconds = number / 1000 if abs(number) >= MILLISECONDS_FROM else number
    try:
        return dt.datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def from_iso(match: re.Match[str]) -> dt.datetime | None:
    """Read an ISO time; `fromisoformat` alone accepts neither `Z` nor odd fractions before Python 3.11."""
    day, clock, fraction, zone = match.groups()
    sign = "+00:00" if zone in (None, "Z") else f"{zone[:3]}:{zone[-2:]}"
    try:
        return dt.datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{sign}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def from_pattern(text: str) -> dt.datetime | None:
    """Read the times of access logs and of syslog."""
    try:
        return dt.datetime.strptime(text, ACCESS_TIME).astimezone(UTC)
    except ValueError:
        pass
    try:
        return dt.datetime.strptime(f"{LEAP_YEAR} {text}", SYSLOG_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def show_time(moment: dt.datetime) -> str:
    """Return a moment for people; without a year where the log has none."""
    if str(moment.year) == LEAP_YEAR:
        return moment.strftime("%b %d %H:%M:%S")
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def cell(meaning: str, value: Any) -> str | None:
    """Return a field's value as text to count by; None when there is none."""
    if value is None or value == "":
        return None
    if meaning == "level":
        return level_of(value)
    if meaning == "path":
        return path_of(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
