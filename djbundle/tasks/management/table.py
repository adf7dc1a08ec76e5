"""Tables and ages in what the commands print for people."""

import datetime
from collections.abc import Iterator, Sequence

from django.utils import timezone

GAP = "  "  # between two columns
UNITS = (("d", 86400), ("h", 3600), ("min", 60))  # each with its seconds


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of a table: the head in capital letters, then the rows. Columns in `numbers` align right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in ([name.upper() for name in head], *rows):
        cells = (
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        )
        yield GAP.join(cells).rstrip()


def age(moment: datetime.datetime | None) -> str:
    """Return a text such as "5 min ago", "in 2 h" or "never"."""
    if moment is None:
        return "never"
    seconds = (timezone.now() - moment).total_seconds()
    text = duration(round(abs(seconds)))
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def duration(seconds: float | None) -> str:
    """Return a text such as "5 min", "0.35 s", or "-" where there is none."""
    if seconds is None:
        return "-"
    for unit, length in UNITS:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.2f} s" if 0 < seconds < 1 else f"{seconds:.0f} s"
