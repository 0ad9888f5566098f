"""Charts as SVG text: a histogram for numbers, a timeline for dates, bars for categories."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csvprofile.svg import ACCENT, AXIS, BAR, INK, MUTED, PALE, box, document, line, text
from csvprofile.text import clean, compact, number, plural, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from csvprofile.columns import Column, Numbers

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 64, 68
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
BINS, X_LABELS, Y_LABELS = 20, 10, 5
MAX_PERIODS = 40
BAR_STEP, BAR_THICKNESS, LABEL_WIDTH, SHARE_WIDTH = 30, 20, 180, 100
OTHER = "(other values)"


@dataclass(frozen=True)
class Plot:
    """A row of columns. Positions count columns from the left edge; `ticks` and `marker` are (position, text)."""

    title: str
    x_label: str
    counts: list[int]
    ticks: list[tuple[float, str]]
    marker: tuple[float, str] | None = None
    note: str = ""


@dataclass(frozen=True)
class Bins:
    """Equal bins over numbers; `centred` bins hold one whole number each."""

    start: float
    step: float
    counts: list[int] = field(default_factory=list)
    centred: bool = False

    def position(self, value: float) -> float:
        """Return where `value` lies, counted in bins from the left edge."""
        return (value - self.start) / self.step


def chart(column: Column, top: int) -> str | None:
    """Return the SVG chart that suits `column`, or None when a picture would say nothing."""
    if column.distinct < 2:  # noqa: PLR2004 - one value makes one bar
        return None
    if column.numbers:
        return histogram(column.name, column.numbers, whole=column.kind == "integer")
    if column.dates:
        return timeline(column.name, column.dates.values)
    if column.kind in ("category", "boolean"):
        return bars(column, top)
    return None


def histogram(name: str, numbers: Numbers, *, whole: bool) -> str:
    """Return a histogram. Outliers would squeeze the rest into one bin, so they are named in a note instead."""
    hidden = {value for _, value in numbers.outliers}
    shown = [value for value in numbers.values if value not in hidden]
    bins = fill_bins(shown, whole=whole)
    median = (bins.position(numbers.median), f"median {number(numbers.median)}")
    note = f"{plural(len(numbers.outliers), 'outlier')} not drawn" if hidden else ""
    ticks = list(bin_ticks(bins))
    return columns_chart(Plot(f"Distribution of {shorten(name)}", name, bins.counts, ticks, median, note))


def fill_bins(values: Sequence[float], *, whole: bool) -> Bins:
    """Count `values` into about 20 bins whose edges are round numbers."""
    low, high = min(values), max(values)
    step = round_step((high - low) / BINS, whole=whole)
    centred = whole and step == 1
    start = low - 0.5 if centred else math.floor(low / step) * step
    empty = Bins(start, step, [0] * (int((high - start) / step) + 1), centred)
    for value in values:
        empty.counts[min(int(empty.position(value)), len(empty.counts) - 1)] += 1
    return empty


def round_step(raw: float, *, whole: bool = False) -> float:
    """Return the next number from 1, 2, 2.5, 5, 10 times a power of ten; with `whole` at least 1 and no fraction."""
    if whole and raw <= 1:
        return 1.0
    magnitude = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    factors = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    return next((factor * magnitude for factor in factors if factor * magnitude >= raw), 10 * magnitude)


def bin_ticks(bins: Bins) -> Iterator[tuple[float, str]]:
    """Yield axis labels: at the middle of centred bins, at the edges of others."""
    count = len(bins.counts)
    shift = 0.5 if bins.centred else 0.0
    for index in range(0, count if bins.centred else count + 1, stride(count)):
        yield index + shift, compact(bins.start + (index + shift) * bins.step)


def stride(count: int) -> int:
    """Return which every n-th label to write so that they do not run into each other."""
    return max(1, math.ceil(count / X_LABELS))


def timeline(name: str, moments: Sequence[dt.datetime]) -> str:
    """Return rows per day, month or year, whichever gives at most 40 columns; empty periods are drawn as gaps."""
    period = next((period for period in PERIODS if period.count(moments) <= MAX_PERIODS), PERIODS[-1])
    size = math.ceil(period.count(moments) / MAX_PERIODS)  # more than one only for more years than fit
    indices = [period.index(moment) for moment in moments]
    first = min(indices)
    counts = [0] * ((max(indices) - first) // size + 1)
    for index in indices:
        counts[(index - first) // size] += 1
    ticks = [(i + 0.5, period.label(first + i * size)) for i in range(0, len(counts), stride(len(counts)))]
    span = period.unit if size == 1 else f"{size} {period.unit}s"
    return columns_chart(Plot(f"Rows per {span} of {shorten(name)}", name, counts, ticks))


@dataclass(frozen=True)
class Period:
    """A unit of the calendar: `index` numbers the periods without gaps, `label` names one by its number."""

    unit: str
    index: Callable[[dt.datetime], int]
    label: Callable[[int], str]

    def count(self, moments: Sequence[dt.datetime]) -> int:
        """Return how many periods lie from the first moment to the last, both included."""
        return self.index(max(moments)) - self.index(min(moments)) + 1


PERIODS = (
    Period("day", lambda moment: moment.toordinal(), lambda index: dt.date.fromordinal(index).isoformat()),
    Period("month", lambda moment: moment.year * 12 + moment.month - 1, lambda i: f"{i // 12}-{i % 12 + 1:02d}"),
    Period("year", lambda moment: moment.year, str),
)


def columns_chart(plot: Plot) -> str:
    """Return upright columns with both axes."""
    return document((WIDTH, HEIGHT), plot.title, columns_parts(plot))


def columns_parts(plot: Plot) -> Iterator[str]:
    """Yield grid, columns, marker and axes, back to front."""
    base, pitch = TOP + PLOT_HEIGHT, PLOT_WIDTH / len(plot.counts)
    step = round_step(max(plot.counts) / Y_LABELS, whole=True)
    ceiling = math.ceil(max(plot.counts) / step) * step
    for index in range(int(ceiling / step) + 1):
        y = base - index * step / ceiling * PLOT_HEIGHT
        yield line((LEFT, y), (LEFT + PLOT_WIDTH, y))
        yield text(compact(index * step), LEFT - 10, y + 4, text_anchor="end")
    for index, count in enumerate(plot.counts):
        tall = count / ceiling * PLOT_HEIGHT
        yield box((LEFT + index * pitch + 1, base - tall), (max(pitch - 2, 1), tall), BAR)
    if plot.marker:
        yield from marker(plot.marker, pitch)
    yield line((LEFT, base), (LEFT + PLOT_WIDTH, base), stroke=AXIS)
    for position, label in plot.ticks:
        x = LEFT + position * pitch
        yield line((x, base), (x, base + 5), stroke=AXIS)
        yield text(label, x, base + 20, text_anchor="middle")
    yield from axis_names(shorten(plot.x_label), "rows")
    if plot.note:
        yield text(plot.note, WIDTH - RIGHT, 30, text_anchor="end")


def marker(mark: tuple[float, str], pitch: float) -> Iterator[str]:
    """Yield a dashed upright line with its label above the plot."""
    x = LEFT + mark[0] * pitch
    anchor = "start" if x < LEFT + PLOT_WIDTH / 2 else "end"
    yield line((x, TOP - 6), (x, TOP + PLOT_HEIGHT), stroke=ACCENT, stroke_width=1.5, stroke_dasharray="5 4")
    yield text(mark[1], x + (6 if anchor == "start" else -6), TOP - 8, fill=ACCENT, text_anchor=anchor)


def axis_names(x_name: str, y_name: str) -> Iterator[str]:
    """Yield the names of both axes."""
    middle = TOP + PLOT_HEIGHT / 2
    yield text(x_name, LEFT + PLOT_WIDTH / 2, HEIGHT - 16, text_anchor="middle", font_size=13, fill=INK)
    yield text(y_name, 22, middle, text_anchor="middle", font_size=13, fill=INK, transform=f"rotate(-90 22 {middle:g})")


def bars(column: Column, top: int) -> str:
    """Return level bars for the commonest values, with what is left over in a paler bar at the end."""
    shown = column.top[:top]
    left_over = column.count - sum(count for _, count in shown)
    rows = [(value, count, BAR) for value, count in shown]
    if left_over:
        rows.append((OTHER, left_over, PALE))
    height = TOP + len(rows) * BAR_STEP + BOTTOM
    return document((WIDTH, height), f"Rows per {shorten(column.name)}", bar_parts(rows, column.count))


def bar_parts(rows: Sequence[tuple[str, int, str]], total: int) -> Iterator[str]:
    """Yield grid, bars with their counts, and the axis of counts."""
    left, length = LABEL_WIDTH + 20, WIDTH - LABEL_WIDTH - 20 - SHARE_WIDTH
    base = TOP + len(rows) * BAR_STEP
    most = max(count for _, count, _ in rows)
    step = round_step(most / Y_LABELS, whole=True)
    ceiling = math.ceil(most / step) * step
    for index in range(int(ceiling / step) + 1):
        x = left + index * step / ceiling * length
        yield line((x, TOP), (x, base))
        yield text(compact(index * step), x, base + 20, text_anchor="middle")
    for index, (value, count, fill) in enumerate(rows):
        y = TOP + index * BAR_STEP + (BAR_STEP - BAR_THICKNESS) / 2
        yield text(shorten(clean(value), 24), left - 10, y + 14, text_anchor="end", font_size=13, fill=INK)
        yield box((left, y), (count / ceiling * length, BAR_THICKNESS), fill)
        yield text(f"{count:,} ({count / total:.0%})", left + count / ceiling * length + 8, y + 14, fill=MUTED)
    yield line((left, TOP), (left, base), stroke=AXIS)
    yield text("rows", left + length / 2, base + 48, text_anchor="middle", font_size=13, fill=INK)
