"""Telling log formats apart and turning each line into a dictionary of fields."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

PROBE_LINES = 200
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
LEVEL_WORD = re.compile(r"\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|ALERT|EMERG|PANIC)\b")
ANY_CASE_LEVEL = re.compile(
    r"(?:^|[\[<(\s])(debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal)[\]>):]", re.IGNORECASE
)
ACCESS = re.compile(
    r'(?P<host>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" '
    r"(?P<status>\d{3}|-) (?P<bytes>\d+|-)"
    r'(?P<combined> "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?(?: (?P<duration>\d+(?:\.\d+)?))?.*'
)
SYSLOG = re.compile(
    r"(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}) (?P<host>\S+) "
    r"(?P<program>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: ?(?P<message>.*)"
)
SYSLOG_5424 = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>\S+) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) (?P<id>\S+) (?P<message>.*)"
)
PLAIN = re.compile(
    r"\[?(?P<time>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?)\]?\s+(?P<message>.*)"
)


class InputError(Exception):
    """The log cannot be summarised; the text is one sentence for the user."""


@dataclass(frozen=True)
class Log:
    """A log as read: the name of its format, its records as a stream, and the lines that did not fit."""

    format: str
    records: Iterator[dict[str, Any]]
    skipped: list[int]


def read_log(path: Path) -> Log:
    """Open `path` and find out its format.

    Raises:
        InputError: when the file cannot be read, is empty, or is of no known format.
    """
    try:
        lines = numbered_lines(path)
        probe = list(itertools.islice(lines, PROBE_LINES))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not probe:
        raise InputError(f"{path} is empty.")
    if probe[0][1].lstrip().startswith("["):
        array = json_array(path)
        if array is not None:
            return Log("json-array", iter(array), [])
    return line_log(path, probe, lines)


def line_log(path: Path, probe: list[tuple[int, str]], lines: Iterator[tuple[int, str]]) -> Log:
    """Return the log read by the parser that understands most of its first lines."""
    scores = {name: sum(1 for _, line in probe if parse(line) is not None) for name, parse in PARSERS.items()}
    name = max(scores, key=lambda candidate: scores[candidate])
    if 2 * scores[name] < len(probe):
        known = ", ".join(["json-array", *PARSERS])
        raise InputError(f"{path} is in no format this script knows ({known}).")
    skipped: list[int] = []
    return Log(name, parsed(itertools.chain(probe, lines), PARSERS[name], skipped), skipped)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers counted from 1."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")


def parsed(
    lines: Iterable[tuple[int, str]], parse: Callable[[str], dict[str, Any] | None], skipped: list[int]
) -> Iterator[dict[str, Any]]:
    """Yield the fields of each line, and note the numbers of those that do not fit in `skipped`."""
    for number, line in lines:
        fields = parse(line)
        if fields is None:
            skipped.append(number)
        else:
            yield fields


def json_array(path: Path) -> list[dict[str, Any]] | None:
    """Return the objects of a JSON array, flattened; None when the file is not one."""
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        return None
    objects = isinstance(data, list) and data and all(isinstance(item, dict) for item in data)
    return [flat(item) for item in data] if objects else None


def json_line(line: str) -> dict[str, Any] | None:
    """Read one JSON object."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return flat(data) if isinstance(data, dict) else None


def flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested objects as one level, with keys such as `http.status`."""
    fields: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            fields.update(flat(value, f"{prefix}{key}."))
        else:
            fields[f"{prefix}{key}"] = value
    return fields


def access_line(line: str, *, combined: bool) -> dict[str, Any] | None:
    """Read a line of the Common Log Format, or of the Combined one, which adds referer and user agent."""
    match = ACCESS.fullmatch(line)
    if not match or bool(match["combined"]) != combined:
        return None
    fields = {name: value for name, value in match.groupdict().items() if value not in (None, "-")}
    method, _, rest = fields.pop("request", "").partition(" ")
    fields.pop("combined", None)
    return {**fields, "method": method, "path": rest.rpartition(" ")[0] or rest}


def syslog_line(line: str) -> dict[str, Any] | None:
    """Read a line of syslog, in the old form without a year or in that of RFC 5424."""
    match = SYSLOG_5424.fullmatch(line) or SYSLOG.fullmatch(line)
    return with_level(match) if match else None


def plain_line(line: str) -> dict[str, Any] | None:
    """Read a line that starts with an ISO date and time, as most applications write."""
    match = PLAIN.fullmatch(line)
    return with_level(match) if match else None


def with_level(match: re.Match[str]) -> dict[str, Any]:
    """Return the named groups, and the level taken from the priority or from the first level word."""
    fields: dict[str, Any] = {name: value for name, value in match.groupdict().items() if value not in (None, "-")}
    priority = fields.pop("priority", None)
    word = LEVEL_WORD.search(fields.get("message", "")) or ANY_CASE_LEVEL.search(fields.get("message", ""))
    if priority is not None:
        fields["level"] = SEVERITIES[int(priority) % 8]
    elif word:
        fields["level"] = word[1]
    return fields


PARSERS: dict[str, Callable[[str], dict[str, Any] | None]] = {
    "json-lines": json_line,
    "combined": lambda line: access_line(line, combined=True),
    "common": lambda line: access_line(line, combined=False),
    "syslog": syslog_line,
    "plain": plain_line,
}
