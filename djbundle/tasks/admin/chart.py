"""Charts of 24 hours as SVG. This module computes positions; the template writes the SVG, the style sheet colours it.

Coordinates are text, so that no template writes them with a decimal comma.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext as _

from djbundle.tasks.admin.history import Hour, percentile
from djbundle.tasks.admin.texts import local, span

WIDTH, HEIGHT = 480, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 18, 12, 24  # margins
LABEL_EVERY = 4  # hours
MIN_BAR_HEIGHT = 2.0  # least height of a bar whose value is not zero
MINUTE, HOUR, DAY = 60, 3600, 86400
LONG_SCALES = (2 * MINUTE, 4 * MINUTE, 10 * MINUTE, 20 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR, DAY, 4 * DAY)


@dataclass(frozen=True, slots=True)
class Label:
    x: str
    y: str
    text: str
    is_minor: bool = False  # left out on small screens


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Column:
    """An hour, with the text that is shown when the user points at it."""

    title: str
    area: Bar
    bars: list[Bar] = field(default_factory=list)
    dots: list[tuple[str, str, str]] = field(default_factory=list)  # kind, x, y


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    title: str
    summary: str  # for users who do not see the chart
    legend: list[tuple[str, str]]  # kind, text
    rows: list[Label]
    marks: list[Label]
    columns: list[Column]
    lines: list[tuple[str, str]] = field(default_factory=list)  # kind, points
    width: str = str(WIDTH)
    height: str = str(HEIGHT)
    left: str = str(LEFT)
    right: str = str(WIDTH - RIGHT)
    label_x: str = str(LEFT - 6)


def throughput(hours: Sequence[Hour]) -> Chart:
    top = nice_count(max(hour.finished for hour in hours))
    done, failed = sum(hour.done for hour in hours), sum(hour.failed for hour in hours)
    columns = []
    for number, hour in enumerate(hours):
        params = {"time": clock(hour), "done": hour.done, "failed": hour.failed}
        column = Column(_("%(time)s: %(done)d done, %(failed)d failed") % params, _area(number, hours))
        low = float(HEIGHT - BOTTOM)
        for kind, count in (("done", hour.done), ("failed", hour.failed)):
            if count:
                size = max(MIN_BAR_HEIGHT, _size(count, top))
                low -= size
                column.bars.append(_bar(kind, number, len(hours), max(TOP, low), size))
        columns.append(column)
    return Chart(
        name="throughput",
        title=_("Finished tasks per hour"),
        summary=_("%(done)d tasks done and %(failed)d failed in 24 hours.") % {"done": done, "failed": failed},
        legend=[("done", _("done")), ("failed", _("failed"))],
        rows=_rows(top, lambda value: str(localize(int(value)))),
        marks=_marks(hours),
        columns=columns,
    )


def latency(hours: Sequence[Hour]) -> Chart:
    """Return the chart of how long tasks waited after they were due."""
    percentiles = [(percentile(hour.waits, 50), percentile(hour.waits, 95)) for hour in hours]
    worst = max((high for _half, high in percentiles if high is not None), default=0.0)
    top = nice_seconds(worst)
    columns = []
    for number, (hour, (half, high)) in enumerate(zip(hours, percentiles, strict=True)):
        params = {"time": clock(hour), "half": span(half), "most": span(high)}
        column = Column(_("%(time)s: half within %(half)s, 95 of 100 within %(most)s") % params, _area(number, hours))
        for kind, value in (("p95", high), ("p50", half)):
            if value is not None:
                column.dots.append((kind, *_point(number, len(hours), value, top)))
        columns.append(column)
    lines = [
        *_lines("p95", [high for _half, high in percentiles], top),
        *_lines("p50", [half for half, _high in percentiles], top),
    ]
    return Chart(
        name="latency",
        title=_("Wait from due to started"),
        summary=_("At worst, 95 of 100 tasks of an hour started within %s.") % span(worst),
        legend=[("p50", _("half of the tasks")), ("p95", _("95 of 100 tasks"))],
        rows=_rows(top, span),
        marks=_marks(hours),
        columns=columns,
        lines=lines,
    )


def clock(hour: Hour) -> str:
    return f"{local(hour.begin):%H:%M}"


def nice_count(most: int) -> int:
    """Return the smallest even round number that is not below `most`: 2, 4, 6, 8, 10, 20, 40 and so on."""
    size = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if factor * size >= most:
                return factor * size
        size *= 10


def nice_seconds(most: float) -> float:
    if most <= MINUTE:
        return min(nice_count(round(most * 1000 + 0.5)) / 1000, MINUTE)
    return next((size for size in LONG_SCALES if size >= most), nice_count(round(most / DAY + 0.5)) * DAY)


def _size(value: float, top: float) -> float:
    return value / top * (HEIGHT - TOP - BOTTOM)


def _step(count: int) -> float:
    return (WIDTH - LEFT - RIGHT) / count


def _point(number: int, count: int, value: float, top: float) -> tuple[str, str]:
    return _text(LEFT + (number + 0.5) * _step(count)), _text(HEIGHT - BOTTOM - _size(value, top))


def _bar(kind: str, number: int, count: int, top: float, size: float) -> Bar:
    step = _step(count)
    return Bar(kind, _text(LEFT + (number + 0.15) * step), _text(top), _text(step * 0.7), _text(size))


def _area(number: int, hours: Sequence[Hour]) -> Bar:
    step = _step(len(hours))
    return Bar("area", _text(LEFT + number * step), _text(TOP), _text(step), _text(HEIGHT - TOP - BOTTOM))


def _lines(kind: str, values: Iterable[float | None], top: float) -> list[tuple[str, str]]:
    """Return lines without gaps: an hour in which nothing finished splits a line in two."""
    placed = list(enumerate(values))
    lines = []
    for is_there, run in groupby(placed, lambda each: each[1] is not None):
        if is_there:
            points = [_point(number, len(placed), value, top) for number, value in run if value is not None]
            lines.append((kind, " ".join(f"{x},{y}" for x, y in points)))
    return lines


def _rows(top: float, write: Callable[[float], str]) -> list[Label]:
    """Return the horizontal lines, with their values."""
    return [Label("", _text(HEIGHT - BOTTOM - _size(value, top)), write(value)) for value in (0, top / 2, top)]


def _marks(hours: Sequence[Hour]) -> list[Label]:
    """Return the times below the chart; the last one is now."""
    labelled_hours = [number for number in range(len(hours)) if (len(hours) - 1 - number) % LABEL_EVERY == 0]
    return [
        Label(_point(number, len(hours), 0, 1)[0], str(HEIGHT - 7), clock(hours[number]), is_minor=bool(place % 2 == 0))
        for place, number in enumerate(labelled_hours)
    ]


def _text(value: float) -> str:
    return f"{value:.1f}"


def table(hours: Sequence[Hour]) -> list[dict[str, Any]]:
    """Return the same figures as a table, newest first."""
    return [
        {
            "time": clock(hour),
            "done": hour.done,
            "failed": hour.failed,
            "p50": span(percentile(hour.waits, 50)),
            "p95": span(percentile(hour.waits, 95)),
            "took_p50": span(percentile(hour.runs, 50)),
            "took_p95": span(percentile(hour.runs, 95)),
        }
        for hour in reversed(hours)
    ]
