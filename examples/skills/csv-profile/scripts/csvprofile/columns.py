"""Studying one column: what it holds, how much is missing, what stands out."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from csvprofile.values import (
    DATE_READINGS,
    LEADING_ZERO,
    TRUTH_VALUES,
    Reading,
    is_missing,
    number_readings,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

T = TypeVar("T")

PROBE = 200  # cells that decide whether a reading is worth trying on the whole column
MOSTLY = 0.95  # the share of cells that must fit a reading
FENCE = 1.5  # Tukey's fences: this many interquartile ranges beyond the quartiles
MAX_CATEGORIES = 50
KEY_NAME = re.compile(r"(^|[\W_])(id|no|nr|key|code|number|uuid|sku)$", re.IGNORECASE)


@dataclass(frozen=True)
class Numbers:
    """Statistics of a numeric column. `outliers` are (line, value) beyond the fences, in file order."""

    values: list[float]
    minimum: float
    maximum: float
    mean: float
    median: float
    deviation: float
    p05: float
    q1: float
    q3: float
    p95: float
    zeros: int
    negatives: int
    fences: tuple[float, float]
    outliers: list[tuple[int, float]]


@dataclass(frozen=True)
class Dates:
    """Statistics of a date column. `ambiguous` says that day and month could be the other way round."""

    values: list[dt.datetime]
    first: dt.datetime
    last: dt.datetime
    layout: str
    ambiguous: bool


@dataclass(frozen=True)
class Column:
    """One column. `top` holds its commonest values, `misfits` (line, cell) that do not fit its type."""

    name: str
    kind: str
    count: int
    missing: int
    distinct: int
    top: list[tuple[str, int]]
    repeated: int = 0
    variants: list[list[str]] = field(default_factory=list)
    misfits: list[tuple[int, str]] = field(default_factory=list)
    numbers: Numbers | None = None
    dates: Dates | None = None


def study(name: str, cells: Sequence[str], lines: Sequence[int], *, delimiter: str) -> Column:
    """Profile one column, given its cells and the file line of each."""
    present = [(line, cell.strip()) for line, cell in zip(lines, cells) if not is_missing(cell)]  # noqa: B905 - `strict` is not in Python 3.9, and both come from one table
    counts = Counter(cell for _, cell in present)
    facts: dict[str, Any] = {
        "name": name,
        "count": len(present),
        "missing": len(cells) - len(present),
        "distinct": len(counts),
        "top": counts.most_common(MAX_CATEGORIES),
        "repeated": sum(1 for count in counts.values() if count > 1),
    }
    return Column(**facts, **typed(name, present, counts, delimiter=delimiter))


def typed(name: str, present: list[tuple[int, str]], counts: Counter[str], *, delimiter: str) -> dict[str, Any]:
    """Return the kind of a column and what goes with it, as fields of `Column`."""
    if not present:
        return {"kind": "empty"}
    if {cell.lower() for cell in counts} <= TRUTH_VALUES:
        return {"kind": "boolean"}
    if is_key(name, present, counts):
        return {"kind": "identifier"}
    return as_numbers(present, delimiter) or as_dates(present) or as_text(len(present), counts)


def is_key(name: str, present: list[tuple[int, str]], counts: Counter[str]) -> bool:
    """Say whether the cells name rows rather than measure them: codes like 00123, or all different and named so."""
    if any(LEADING_ZERO.fullmatch(cell) for cell in counts):
        return True
    nearly_unique = len(counts) >= MOSTLY * len(present)
    return bool(nearly_unique and KEY_NAME.search(name))


def as_numbers(present: list[tuple[int, str]], delimiter: str) -> dict[str, Any] | None:
    """Return the fields of a numeric column, or None."""
    fits, misfits, _ = best_reading(present, number_readings(delimiter))
    if not fits:
        return None
    numbers = measure(fits)
    kind = "integer" if all(value.is_integer() for value in numbers.values) else "decimal"
    return {"kind": kind, "numbers": numbers, "misfits": misfits}


def as_dates(present: list[tuple[int, str]]) -> dict[str, Any] | None:
    """Return the fields of a date column, or None."""
    fits, misfits, layout = best_reading(present, DATE_READINGS)
    if not fits:
        return None
    day_first, month_first = (apply(present, reading)[0] for reading in DATE_READINGS[1:])
    values = [value for _, value in fits]
    ambiguous = bool(day_first) and len(day_first) == len(month_first) and day_first != month_first
    dates = Dates(values=values, first=min(values), last=max(values), layout=layout, ambiguous=ambiguous)
    return {"kind": "date", "dates": dates, "misfits": misfits}


def as_text(count: int, counts: Counter[str]) -> dict[str, Any]:
    """Return the fields of a column of words: categories when few values repeat, else free text."""
    repeats = len(counts) <= MAX_CATEGORIES and 2 * len(counts) <= count
    if not repeats:
        return {"kind": "text"}
    return {"kind": "category", "variants": spelling_variants(counts)}


def best_reading(
    present: list[tuple[int, str]], readings: Sequence[Reading[T]]
) -> tuple[list[tuple[int, T]], list[tuple[int, str]], str]:
    """Return (fitting values, misfits, label) of the reading that fits most cells; nothing when none fits enough."""
    probe = present[:PROBE]
    tried = [reading for reading in readings if 2 * len(apply(probe, reading)[0]) >= len(probe)]
    results = [(*apply(present, reading), reading.label) for reading in tried]
    best = max(results, key=lambda result: len(result[0]), default=([], [], ""))
    return best if len(best[0]) >= MOSTLY * len(present) else ([], [], "")


def apply(present: list[tuple[int, str]], reading: Reading[T]) -> tuple[list[tuple[int, T]], list[tuple[int, str]]]:
    """Split the cells into values that `reading` understands and misfits, both with their lines."""
    fits: list[tuple[int, T]] = []
    misfits: list[tuple[int, str]] = []
    for line, cell in present:
        value = reading.parse(cell)
        if value is None:
            misfits.append((line, cell))
        else:
            fits.append((line, value))
    return fits, misfits


def measure(located: list[tuple[int, float]]) -> Numbers:
    """Return the statistics of at least one number."""
    values = [value for _, value in located]
    ordered = sorted(values)
    q1, q3 = quantile(ordered, 0.25), quantile(ordered, 0.75)
    low, high = q1 - FENCE * (q3 - q1), q3 + FENCE * (q3 - q1)
    # With half of the values equal the fences collapse onto them, and every other value would be an outlier.
    outliers = [(line, value) for line, value in located if q3 > q1 and not low <= value <= high]
    return Numbers(
        values=values,
        minimum=ordered[0],
        maximum=ordered[-1],
        mean=statistics.fmean(values),
        median=quantile(ordered, 0.5),
        deviation=statistics.stdev(values) if len(values) > 1 else 0.0,
        p05=quantile(ordered, 0.05),
        q1=q1,
        q3=q3,
        p95=quantile(ordered, 0.95),
        zeros=values.count(0.0),
        negatives=sum(1 for value in values if value < 0),
        fences=(low, high),
        outliers=outliers,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie, interpolated between neighbours."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def spelling_variants(counts: Counter[str]) -> list[list[str]]:
    """Return groups of values that differ only in case or spacing, such as `North` and `north`."""
    groups: dict[str, list[str]] = {}
    for value in counts:
        groups.setdefault(" ".join(value.casefold().split()), []).append(value)
    return [sorted(group) for group in groups.values() if len(group) > 1]
