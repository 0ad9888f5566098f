"""The sentences a reader should see first: what in the table deserves a second look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csvprofile.text import code, number, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csvprofile.columns import Column, Numbers
    from csvprofile.reading import Table

SHOWN = 5
RARE = 0.02  # a sign this rare is more likely a slip than a measurement


def table_findings(table: Table, duplicates: Sequence[int]) -> Iterator[str]:
    """Yield what is odd about the table as a whole; `duplicates` are the lines of repeated rows."""
    if duplicates:
        yield f"{plural(len(duplicates), 'exact duplicate')} of an earlier row ({lines(duplicates)})."
    if table.ragged:
        yield f"{plural(len(table.ragged), 'row')} with more or fewer cells than the header ({lines(table.ragged)})."


def column_findings(column: Column) -> Iterator[str]:
    """Yield what is odd about one column."""
    name = code(column.name)
    if column.kind == "empty":
        yield f"{name} has no values."
        return
    if column.missing:
        share = column.missing / (column.missing + column.count)
        yield f"{name}: {plural(column.missing, 'value')} missing ({share:.1%})."
    if column.distinct == 1 and column.count > 1:
        yield f"{name} holds the same value in every row: {code(column.top[0][0])}."
    if column.misfits:
        yield f"{name}: {plural(len(column.misfits), 'value')} not of type {column.kind}: {located(column.misfits)}."
    if column.kind == "identifier" and 1 < column.distinct < column.count:
        repeated = [code(value) for value, count in column.top if count > 1]
        yield f"{name} looks like an identifier but repeats {', '.join(repeated[:SHOWN])}{rest(column.repeated)}."
    for group in column.variants:
        yield f"{name} spells one value in several ways: {', '.join(map(code, group))}."
    if column.numbers:
        yield from number_findings(name, column.numbers)
    if column.dates and column.dates.ambiguous:
        yield f"{name}: day and month could be the other way round; read as {column.dates.layout}."


def number_findings(name: str, numbers: Numbers) -> Iterator[str]:
    """Yield what is odd about the numbers of one column, the farthest outliers first."""
    if numbers.outliers:
        low, high = numbers.fences
        farthest = sorted(numbers.outliers, key=lambda outlier: -abs(outlier[1] - numbers.median))
        shown = located([(line, number(value)) for line, value in farthest])
        count = plural(len(numbers.outliers), "outlier")
        yield f"{name}: {count} outside {number(low)} to {number(high)}: {shown}."
    if 0 < numbers.negatives <= RARE * len(numbers.values):
        yield f"{name}: {plural(numbers.negatives, 'negative value')} among numbers that are otherwise not negative."


def located(cells: Sequence[tuple[int, str]]) -> str:
    """Return the first cells with their lines, as in `x (line 7)`."""
    shown = ", ".join(f"{code(cell)} (line {line})" for line, cell in cells[:SHOWN])
    return shown + rest(len(cells))


def lines(numbers: Sequence[int]) -> str:
    """Return the first line numbers, as in `lines 3, 9`."""
    word = "line" if len(numbers) == 1 else "lines"
    return f"{word} {', '.join(map(str, numbers[:SHOWN]))}{rest(len(numbers))}"


def rest(count: int) -> str:
    """Return how many of `count` things were not shown."""
    return f" and {count - SHOWN} more" if count > SHOWN else ""
