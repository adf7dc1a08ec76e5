"""The goal of each measurement, and whether it is met."""

from dataclasses import dataclass

from ci.bench.task_peers.table import OURS, Table, number

FASTER = {"drain-sqlite": 10.0, "drain-postgresql": 1.5, "enqueue": 1.0}  # times the fastest of the others
LATENCY = (2.0, 10.0)  # milliseconds, p50 and p99
BACKLOG = 0.9  # of the rate without finished rows
PAGES = {"compute": 0.6, "wait": 0.95}  # of the rate while the worker has nothing to do


@dataclass(frozen=True)
class Line:
    """A goal with its figures, ready to be printed."""

    what: str
    ours: str
    beside: str
    bar: str
    met: bool


def lines_of(table: Table) -> list[Line]:
    """Return the lines of a table; none if our side could not be measured."""
    kind = table.name.partition("-")[0]
    if table.best(ours=True) is None:
        return []
    return {
        "drain": _faster,
        "enqueue": _faster,
        "latency": _latency,
        "backlog": _backlog,
        "pages": _pages,
        "kills": _kills,
    }[kind](table)


def _faster(table: Table) -> list[Line]:
    ours, other = table.best(ours=True), table.best(ours=False)
    if not ours or not other:
        return []
    times = ours[1] / other[1]
    bar = FASTER[table.name]
    beside = f"{number(other[1])}, {other[0]}: {number(times)} times"
    aim = f"{number(bar)} times the fastest" if bar > 1 else "the fastest"
    return [Line(table.title, f"{number(ours[1])} {table.columns[0]}", beside, aim, times >= bar)]


def _latency(table: Table) -> list[Line]:
    ours, other = table.best(ours=True), table.best(ours=False)
    assert ours
    median, last, *_ = (value or 0.0 for value in table.row(ours[0]))
    is_first = other is None or median <= other[1]
    is_met = median < LATENCY[0] and last < LATENCY[1] and is_first
    beside = f"{number(other[1])} ms, {other[0]}" if other else ""
    bar = f"p50 under {number(LATENCY[0])} ms, p99 under {number(LATENCY[1])} ms, fastest"
    return [Line(table.title, f"p50 {number(median)} ms, p99 {number(last)} ms", beside, bar, is_met)]


def _backlog(table: Table) -> list[Line]:
    lines = []
    for label in table.rows:
        ratio, many, none, *_ = (value or 0.0 for value in table.row(label))
        ours, beside = f"{number(many)} claims/s", f"{number(none)} with none: {ratio:.2f}"
        lines.append(Line(f"{table.title}, {label}", ours, beside, f"{BACKLOG:.2f}", ratio >= BACKLOG))
    return lines


def _pages(table: Table) -> list[Line]:
    lines = []
    for word, bar in PAGES.items():
        for label in (each for each in table.rows if each.endswith(word)):
            rate, share = (value or 0.0 for value in table.row(label))
            what = f"pages per second beside {label.removeprefix(OURS + ', ')}, of idle"
            lines.append(Line(what, f"{share:.2f}", f"{number(rate)} pages/s", f"{bar:.2f}", share >= bar))
    return lines


def _kills(table: Table) -> list[Line]:
    lost, twice, again, kills, *_ = table.row(OURS)
    others = "; ".join(
        f"{label} {number(table.row(label)[0])}, {number(table.row(label)[1])}" for label in table.rows if label != OURS
    )
    ours = f"{number(lost)} lost, {number(twice)} recorded twice, of {number(kills)} kills ({number(again)} run again)"
    return [Line(table.title, ours, others, "0, 0", not lost and not twice)]
