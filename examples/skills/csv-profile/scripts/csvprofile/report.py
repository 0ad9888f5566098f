"""The Markdown report and the JSON summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from csvprofile.text import markdown, number

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from csvprofile.columns import Column, Dates, Numbers
    from csvprofile.reading import Table

DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
REPORTED_OUTLIERS = 10


def overview(source: str, table: Table, columns: Sequence[Column], duplicates: int) -> dict[str, Any]:
    """Return the facts about the table as a whole."""
    return {
        "input": source,
        "rows": len(table.rows),
        "column_count": len(columns),
        "encoding": table.encoding,
        "delimiter": table.delimiter,
        "missing_cells": sum(column.missing for column in columns),
        "duplicate_rows": duplicates,
        "ragged_rows": len(table.ragged),
    }


def summary(facts: Mapping[str, Any], columns: Sequence[Column], findings: Sequence[str], top: int) -> dict[str, Any]:
    """Return everything the report says, as JSON-ready values."""
    profiles = [column_summary(column, top) for column in columns]
    return {**facts, "columns": profiles, "findings": list(findings)}


def column_summary(column: Column, top: int) -> dict[str, Any]:
    """Return one column as JSON-ready values."""
    result: dict[str, Any] = {
        "name": column.name,
        "type": column.kind,
        "count": column.count,
        "missing": column.missing,
        "distinct": column.distinct,
    }
    if column.numbers:
        return {**result, **number_summary(column.numbers)}
    if column.dates:
        return {**result, **date_summary(column.dates)}
    return result if column.kind == "identifier" else {**result, "top": dict(column.top[:top])}


def number_summary(numbers: Numbers) -> dict[str, Any]:
    """Return numeric statistics, with at most ten outliers."""
    names = ("minimum", "p05", "q1", "median", "mean", "q3", "p95", "maximum", "deviation")
    outliers = [{"line": line, "value": value} for line, value in numbers.outliers[:REPORTED_OUTLIERS]]
    statistics = {name: round(getattr(numbers, name), 6) for name in names}
    return {**statistics, "outlier_count": len(numbers.outliers), "outliers": outliers}


def date_summary(dates: Dates) -> dict[str, Any]:
    """Return the range of a date column."""
    first, last = date_range(dates)
    return {"first": first, "last": last, "days": (dates.last - dates.first).days, "layout": dates.layout}


def date_range(dates: Dates) -> tuple[str, str]:
    """Return both ends, without the time when every value is a bare date."""
    bare = all((value.hour, value.minute, value.second) == (0, 0, 0) for value in dates.values)
    pattern = "%Y-%m-%d" if bare else "%Y-%m-%d %H:%M:%S"
    return stamp(dates.first, pattern), stamp(dates.last, pattern)


def stamp(moment: dt.datetime, pattern: str) -> str:
    """Return `moment` in this pattern; strftime alone writes year 5 without its zeros."""
    return moment.strftime(pattern.replace("%Y", f"{moment.year:04d}"))


def render(
    facts: Mapping[str, Any], columns: Sequence[Column], findings: Sequence[str], *, charts: Mapping[str, str], top: int
) -> str:
    """Return the whole report; `charts` maps column names to file names beside the report."""
    parts = [f"# Profile of {markdown(facts['input'])}", table_of(facts), "## Worth a look"]
    parts.append("\n".join(f"- {finding}" for finding in findings) or "Nothing stood out.")
    parts += ["## Columns", columns_table(columns)]
    for column in columns:
        parts += section(column, charts.get(column.name), top)
    return "\n\n".join(parts) + "\n"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are set to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def table_of(facts: Mapping[str, Any]) -> str:
    """Return the overview table."""
    rows = [
        ("Rows", f"{facts['rows']:,}"),
        ("Columns", f"{facts['column_count']:,}"),
        ("Encoding", facts["encoding"]),
        ("Delimiter", DELIMITER_NAMES.get(facts["delimiter"], facts["delimiter"])),
        ("Missing cells", f"{facts['missing_cells']:,}"),
        ("Duplicate rows", f"{facts['duplicate_rows']:,}"),
        ("Ragged rows", f"{facts['ragged_rows']:,}"),
    ]
    return grid(("Property", "Value"), rows)


def columns_table(columns: Sequence[Column]) -> str:
    """Return one line per column."""
    rows = [(markdown(c.name), c.kind, f"{c.count:,}", f"{c.missing:,}", f"{c.distinct:,}", extent(c)) for c in columns]
    return grid(("Column", "Type", "Values", "Missing", "Distinct", "Range or commonest"), rows)


def extent(column: Column) -> str:
    """Return the range of an ordered column, else its commonest value."""
    if column.numbers:
        return f"{number(column.numbers.minimum)} to {number(column.numbers.maximum)}"
    if column.dates:
        return " to ".join(date_range(column.dates))
    return f"{markdown(column.top[0][0])} ({column.top[0][1]:,})" if column.top else ""


def section(column: Column, chart: str | None, top: int) -> Iterator[str]:
    """Yield the paragraphs about one column that the table has no room for."""
    if column.kind in ("empty", "identifier"):
        return
    yield f"### {markdown(column.name)}"
    if column.numbers:
        yield number_table(column.numbers)
    elif column.dates:
        first, last = date_range(column.dates)
        yield f"From {first} to {last}, {(column.dates.last - column.dates.first).days:,} days; {column.dates.layout}."
    else:
        yield top_table(column, top)
    if chart:
        yield f"![Chart of {markdown(column.name)}]({chart})"


def number_table(numbers: Numbers) -> str:
    """Return the statistics of a numeric column."""
    rows = [
        ("Minimum", number(numbers.minimum)),
        ("5 % quantile", number(numbers.p05)),
        ("Lower quartile", number(numbers.q1)),
        ("Median", number(numbers.median)),
        ("Mean", number(numbers.mean)),
        ("Upper quartile", number(numbers.q3)),
        ("95 % quantile", number(numbers.p95)),
        ("Maximum", number(numbers.maximum)),
        ("Standard deviation", number(numbers.deviation)),
        ("Zeros", f"{numbers.zeros:,}"),
        ("Negative", f"{numbers.negatives:,}"),
        ("Outliers", f"{len(numbers.outliers):,}"),
    ]
    return grid(("Statistic", "Value"), rows)


def top_table(column: Column, top: int) -> str:
    """Return the commonest values with their shares."""
    rows = [(markdown(value), f"{count:,}", f"{count / column.count:.1%}") for value, count in column.top[:top]]
    return grid(("Value", "Rows", "Share"), rows)
