"""Reading a CSV file whose encoding and delimiter nobody wrote down."""

from __future__ import annotations

import csv
import io
import itertools
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")
SNIFF_LINES = 100
BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class InputError(Exception):
    """The input cannot be profiled; the text is one sentence for the user."""


@dataclass(frozen=True)
class Table:
    """A rectangular table. `lines` gives the file line on which each row ends, `ragged` those of another width."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    ragged: list[int]
    encoding: str
    delimiter: str


def read_table(path: Path, delimiter: str | None = None) -> Table:
    """Read `path`; the first row that is not blank is the header.

    Raises:
        InputError: when the file cannot be read, is binary, or holds no header.
    """
    text, encoding = decode(read_bytes(path))
    csv.field_size_limit(sys.maxsize)
    try:
        delimiter = delimiter or sniff_delimiter(text)
        numbered = numbered_rows(text, delimiter)
    except csv.Error as error:
        raise InputError(f"{path} is not valid CSV: {error}.") from error
    if not numbered:
        raise InputError(f"{path} is empty: a CSV file needs at least a header row.")
    header = unique_names(numbered[0][1])
    body = numbered[1:]
    return Table(
        header=header,
        rows=[fit(row, len(header)) for _, row in body],
        lines=[line for line, _ in body],
        ragged=[line for line, row in body if len(row) != len(header)],
        encoding=encoding,
        delimiter=delimiter,
    )


def read_bytes(path: Path) -> bytes:
    """Return the content of `path`, or raise `InputError` with the reason in plain words."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error


def decode(data: bytes) -> tuple[str, str]:
    """Return the text and the name of its encoding: a byte order mark decides, then UTF-8, then Latin-1."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), encoding
    if b"\0" in data:
        raise InputError("The input holds NUL bytes, so it looks binary; export it as CSV text first.")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that splits the first lines most evenly; a comma when none splits them at all."""
    sample = list(itertools.islice(io.StringIO(text, newline=""), SNIFF_LINES))
    return max(DELIMITERS, key=lambda delimiter: evenness(sample, delimiter))


def evenness(sample: list[str], delimiter: str) -> tuple[float, int]:
    """Return the share of rows that have the commonest width, and that width; (0, 0) for a single column."""
    widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter) if row)
    if not widths:
        return 0.0, 0
    width, count = widths.most_common(1)[0]
    return (count / sum(widths.values()), width) if width > 1 else (0.0, 0)


def numbered_rows(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, each with the line it ends on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]


def fit(row: list[str], width: int) -> list[str]:
    """Return `row` cut or filled with empty cells to `width`."""
    return row[:width] + [""] * (width - len(row))


def unique_names(cells: list[str]) -> list[str]:
    """Return one distinct name per header cell: `column_3` for an empty one, `name_2` for a repeated one."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        base = " ".join(cell.split()) or f"column_{number}"
        name = base
        for attempt in itertools.count(2):
            if name not in names:
                break
            name = f"{base}_{attempt}"
        names.append(name)
    return names
