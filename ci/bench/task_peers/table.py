"""The results of a section: a row for each side, with the values of each of its runs."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

OURS = "djbundle"  # a row whose label begins with it is djbundle's
HIGHER, LOWER = "higher is better", "lower is better"

Values = list[float | None]  # one for each column; None: the side has no such value


@dataclass
class Row:
    """The results of one side."""

    runs: list[Values] = field(default_factory=list)
    version: str = ""
    durability: str = ""  # what is certain of a task once it is enqueued
    note: str = ""  # printed beside its bar

    def values(self, width: int) -> Values:
        """Return the median of each column."""
        columns = ([run[place] for run in self.runs if run[place] is not None] for place in range(width))
        return [statistics.median(column) if column else None for column in columns]  # type: ignore[type-var]


@dataclass
class Table:
    """Rows and columns. Charts show the first `drawn` columns."""

    name: str
    title: str
    columns: list[str]
    better: str = HIGHER
    drawn: int = 1
    is_race: bool = True  # the first column says how many times faster one is than another
    rows: dict[str, Row] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)  # date, CPUs, versions, options

    def row(self, label: str) -> Values:
        return self.rows[label].values(len(self.columns))

    def add(self, label: str, run: Values, version: str = "", durability: str = "") -> None:
        """Add a run of a side, and report it on standard error, since all runs together take long."""
        row = self.rows.setdefault(label, Row(version=version, durability=durability))
        row.runs.append(run)
        cells = ", ".join(f"{column} {number(value)}" for column, value in zip(self.columns, run, strict=True))
        print(f"  {label}: {cells}", file=sys.stderr)

    def best(self, *, ours: bool) -> tuple[str, float] | None:
        """Return label and first value of our best row, or of the best other row."""
        candidates = [
            (label, value)
            for label in self.rows
            if label.startswith(OURS) == ours and (value := self.row(label)[0]) is not None
        ]
        choose = max if self.better == HIGHER else min
        return choose(candidates, key=lambda pair: pair[1]) if candidates else None

    def advantage(self, other: float) -> float | None:
        """Return how many times better than `other` our best row is, or None if it cannot be computed."""
        ours = self.best(ours=True)
        if ours is None or not ours[1] or not other:
            return None
        return ours[1] / other if self.better == HIGHER else other / ours[1]

    def show(self) -> None:
        """Print the table."""
        spread = any(len(row.runs) > 1 for row in self.rows.values())
        print(f"\n{self.title}")
        head = [*self.columns, *(("lowest", "highest") if spread else ())]
        widths = [max(12, len(column)) + 2 for column in head]
        print(f"  {'':30}" + "".join(f"{column:>{width}}" for column, width in zip(head, widths, strict=True)))
        for label, row in self.rows.items():
            values = [*self.row(label), *(_spread(row.runs) if spread else ())]
            print(
                f"  {label:30}"
                + "".join(f"{number(value):>{width}}" for value, width in zip(values, widths, strict=True))
            )
        for remark in self.remarks:
            print(f"    {remark}")

    def to_json(self) -> dict[str, Any]:
        """Return the table with the medians, for readers of the file."""
        data = asdict(self)
        for label, row in data["rows"].items():
            row["medians"] = dict(zip(self.columns, self.row(label), strict=True))
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        rows = {
            label: Row(**{name: value for name, value in row.items() if name != "medians"})
            for label, row in data["rows"].items()
        }
        return cls(**{**data, "rows": rows})


def _spread(runs: Sequence[Values]) -> Values:
    """Return the lowest and highest value of the first column."""
    first = [run[0] for run in runs if run[0] is not None]
    return [min(first), max(first)] if first else [None, None]


def number(value: float | None) -> str:
    """Format a number with three significant digits."""
    if value is None:
        return "-"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
