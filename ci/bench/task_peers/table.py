"""What a section has found: printed as text, drawn as a chart."""

import html
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

BAR, GAP, LABELS, WIDTH = 22, 8, 230, 760
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2328}.bar{fill:#8c959f}.ours{fill:#1a7f37}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#3fb950}}"
)


@dataclass
class Table:
    """Rows of numbers under columns; the first column is the one that is drawn."""

    name: str
    title: str
    columns: Sequence[str]
    rows: dict[str, list[float | None]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def show(self) -> None:
        print(f"\n{self.title}")
        print(f"{'':32}" + "".join(f"{column:>16}" for column in self.columns))
        for label, values in self.rows.items():
            print(f"{label:32}" + "".join(f"{_number(value):>16}" for value in values))
        for remark in self.remarks:
            print(f"  {remark}")

    def draw(self, folder: Path) -> None:
        """NAME.svg: a bar for each row."""
        bars = {label: values[0] for label, values in self.rows.items() if values[0] is not None}
        if not bars:
            return
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.svg").write_text(chart(f"{self.title}: {self.columns[0]}", bars))


def chart(title: str, bars: dict[str, float]) -> str:
    """Horizontal bars, readable on light and on dark; ours is the one whose label begins with our name."""
    scale = (WIDTH - LABELS - 90) / (max(bars.values()) or 1)
    height = 40 + len(bars) * (BAR + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>",
        f'<text x="0" y="18">{html.escape(title)}</text>',
    ]
    for place, (label, value) in enumerate(bars.items()):
        top, length = 34 + place * (BAR + GAP), max(1.0, value * scale)
        kind = "ours" if label.startswith("djbundle") else "bar"
        lines += [
            f'<text x="{LABELS - 10}" y="{top + 16}" text-anchor="end">{html.escape(label)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{length:.0f}" height="{BAR}" rx="2"/>',
            f'<text x="{LABELS + length + 8:.0f}" y="{top + 16}">{_number(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>\n"])


def summary(values: Sequence[float]) -> list[float | None]:
    """Median, lowest, highest; nothing where nothing could be measured."""
    return [statistics.median(values), min(values), max(values)] if values else [None, None, None]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")
