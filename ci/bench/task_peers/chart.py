"""Bar charts of tables, in SVG: no scripts, the reader's own font, readable on light and dark pages."""

from collections.abc import Sequence
from html import escape

from ci.bench.task_peers.table import HIGHER, OURS, Table, number

WIDTH, LABELS, TEXT = 790, 245, 215  # of the drawing, of the labels, of the text to the right of a bar
TOP, BAR, THIN, GAP = 62, 20, 7, 12
FOOT = 18  # height of a line of small print
LINE = 118  # characters of small print in a line
STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.ours { font-weight: 600 }
.small { font-size: 12px; font-weight: 400; fill: #59636e }
rect { fill: #afb8c1 }
rect.ours { fill: #1a7f37 }
rect.more { fill-opacity: .45 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  rect { fill: #59636e }
  rect.ours { fill: #3fb950 }
}
"""


def chart(table: Table) -> str:
    """Return the whole drawing. Sides are sorted from best to worst; those that were not measured are left out."""
    labels = [label for label in table.rows if table.row(label)[0] is not None]
    labels.sort(key=lambda label: table.row(label)[0] or 0.0, reverse=table.better == HIGHER)
    step = BAR + (table.drawn - 1) * (THIN + 2) + GAP
    longest = max((value or 0.0 for label in labels for value in table.row(label)[: table.drawn]), default=0.0)
    scale = (WIDTH - LABELS - TEXT) / (longest or 1.0)
    bars = [line for place, label in enumerate(labels) for line in _bars(table, label, TOP + place * step, scale)]
    foot = TOP + len(labels) * step + 16
    print_lines = _wrapped(caption(table))
    size = f"0 0 {WIDTH} {foot + FOOT * len(print_lines)}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" role="img">',
            f"<title>{escape(_spoken(table, labels))}</title>",
            f"<style>{STYLE}</style>",
            _text(0, 20, table.title, "title"),
            _text(0, 42, f"{_legend(table)}, {table.better}", "small"),
            *bars,
            *(_text(0, foot + place * FOOT, line, "small") for place, line in enumerate(print_lines)),
            "</svg>\n",
        ]
    )


def caption(table: Table) -> str:
    """Return the date, the machine, the versions and the command of the measurement."""
    facts = dict(table.facts)
    first = [facts.pop("date", ""), f"{facts.pop('CPUs', '?')} CPUs"]
    last = facts.pop("command", "")
    sides = {label.partition(",")[0]: row.version for label, row in table.rows.items() if row.runs}
    versions = [f"{name} {version}" for name, version in (facts | sides).items()]
    return " · ".join(filter(None, [*first, *versions, last]))


def beside(table: Table, label: str) -> str:
    """Return the text to the right of the number: the row's own note, or how many times faster djbundle is."""
    if table.rows[label].note or label.startswith(OURS):
        return table.rows[label].note
    times = table.advantage(table.row(label)[0] or 0.0)
    return f"djbundle × {number(times)}" if times and table.is_race else ""


def _bars(table: Table, label: str, top: int, scale: float) -> list[str]:
    values = [value or 0.0 for value in table.row(label)[: table.drawn]]
    kind = "ours" if label.startswith(OURS) else ""
    lines = [_text(LABELS - 12, top + 15, label, kind, anchor="end"), _rectangle(top, BAR, values[0] * scale, kind)]
    for place, value in enumerate(values[1:]):
        lines.append(_rectangle(top + BAR + 2 + place * (THIN + 2), THIN, value * scale, f"{kind} more"))
    text = " / ".join(number(value) for value in table.row(label)[: table.drawn])
    note = f'<tspan class="small" dx="8">{escape(beside(table, label))}</tspan>'
    lines.append(f'<text x="{LABELS + max(values) * scale + 8:.1f}" y="{top + 15}" class="{kind}">{text}{note}</text>')
    return lines


def _rectangle(top: int, height: int, length: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{max(1.0, length):.1f}" height="{height}" rx="2"/>'


def _text(left: int, base: int, text: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text x="{left}" y="{base}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def _legend(table: Table) -> str:
    return " / ".join(table.columns[: table.drawn])


def _spoken(table: Table, labels: Sequence[str]) -> str:
    """Return the chart as text, for screen readers."""
    text = (f"{label} {number(table.row(label)[0])}" for label in labels)
    return f"{table.title}, {table.columns[0]}: {', '.join(text)}"


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for part in text.split(" · "):
        if lines[-1] and len(lines[-1]) + len(part) > LINE:
            lines.append("")
        lines[-1] += f"{' · ' if lines[-1] else ''}{part}"
    return lines
