"""Counting records by fields in one pass, so that only numbers are kept in memory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from logsummary.fields import LEAP_YEAR, cell, is_error, level_of, locate, number_of, time_of
from logsummary.formats import InputError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from logsummary.formats import Log

HEAD = 1000  # records that show which fields a log has
DEFAULT_GROUPS = ("level", "status", "path", "program")
BY_HOUR = "hour"


@dataclass
class Group:
    """What is counted for one value of a field, or for the whole log."""

    count: int = 0
    errors: int = 0
    values: list[float] = field(default_factory=list)

    def add(self, *, error: bool, value: float | None) -> None:
        """Count one record."""
        self.count += 1
        self.errors += error
        if value is not None:
            self.values.append(value)

    def quantile(self, share: float) -> float | None:
        """Return the value below which `share` of the values lie, interpolated; None without values."""
        if not self.values:
            return None
        self.values.sort()
        position = share * (len(self.values) - 1)
        low, high = self.values[int(position)], self.values[min(int(position) + 1, len(self.values) - 1)]
        return round(low + (high - low) * (position - int(position)), 3)


@dataclass(frozen=True)
class Schema:
    """Which field plays which part; "" when the log has none. `groups` maps a heading to its field."""

    level: str
    time: str
    status: str
    value: str
    groups: dict[str, str]


@dataclass
class Summary:
    """The counts of a whole log."""

    schema: Schema
    total: Group = field(default_factory=Group)
    groups: dict[str, dict[str, Group]] = field(default_factory=dict)
    first: dt.datetime | None = None
    last: dt.datetime | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one record."""
        schema = self.schema
        error = is_error(level_of(record.get(schema.level)), record.get(schema.status))
        value = number_of(record.get(schema.value))
        moment = time_of(record.get(schema.time))
        self.total.add(error=error, value=value)
        self._note_time(moment)
        for heading, name in schema.groups.items():
            key = hour_of(moment) if name == BY_HOUR and name not in record else cell(heading, record.get(name))
            if key is not None:
                self.groups.setdefault(heading, {}).setdefault(key, Group()).add(error=error, value=value)

    def _note_time(self, moment: dt.datetime | None) -> None:
        if moment is None:
            return
        in_order = str(moment.year) == LEAP_YEAR  # without years January looks older than the December before it
        if self.first is None or (moment < self.first and not in_order):
            self.first = moment
        if self.last is None or moment > self.last or in_order:
            self.last = moment


def summarize(log: Log, by: str | None, value: str | None) -> Summary:
    """Count every record of `log`, by the field `by` or by the usual ones.

    Raises:
        InputError: when no record has the field `by`, or none a number in the field `value`.
    """
    head = list(itertools.islice(log.records, HEAD))
    names = list(dict.fromkeys(name for record in head for name in record))
    summary = Summary(schema_of(names, by, value))
    for record in itertools.chain(head, log.records):
        summary.add(record)
    if by and not summary.groups:
        raise InputError(f"No record has the field {by!r}; the fields are {', '.join(names)}.")
    if value and not summary.total.values:
        raise InputError(f"No record has a number in the field {value!r}; the fields are {', '.join(names)}.")
    return summary


def schema_of(names: Sequence[str], by: str | None, value: str | None) -> Schema:
    """Decide which fields to read, given all names and the two the user may have named."""
    level, time, status = (locate(names, meaning) for meaning in ("level", "time", "status"))
    found = {"level": level, "status": status, "path": locate(names, "path")}
    if by:
        groups = {by: by if by in names else found.get(by) or by}
    else:
        groups = {name: found.get(name) or name for name in DEFAULT_GROUPS if found.get(name) or name in names}
    measured = value or locate(names, "duration") or locate(names, "size")
    return Schema(level, time, status, measured, groups)


def hour_of(moment: dt.datetime | None) -> str | None:
    """Return the hour a record falls into, in UTC."""
    if moment is None:
        return None
    return moment.strftime("%b %d %H:00" if str(moment.year) == LEAP_YEAR else "%Y-%m-%d %H:00")


def ranked(groups: Mapping[str, Group], top: int, *, in_time: bool) -> list[tuple[str, Group]]:
    """Return the `top` values, the commonest first (hours in their order), and the rest as one group at the end."""
    order = list(groups.items()) if in_time else sorted(groups.items(), key=lambda item: (-item[1].count, item[0]))
    rest = [group for _, group in order[top:]]
    return order[:top] + ([(f"({len(rest)} others)", merged(rest))] if rest else [])


def merged(groups: Iterable[Group]) -> Group:
    """Return several groups as one."""
    result = Group()
    for group in groups:
        result.count += group.count
        result.errors += group.errors
        result.values += group.values
    return result
