"""The figures in docs/benchmarks.md, between markers: <!-- tasks: NAME --> ... <!-- end -->."""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path

from ci.bench.task_peers.bars import lines_of
from ci.bench.task_peers.chart import caption
from ci.bench.task_peers.table import Table, number

BLOCK = re.compile(r"(<!-- tasks: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Tables = dict[str, Table]


def fill(document: Path, tables: Tables, charts: Path) -> None:
    """Replace every block of `document`."""
    place = charts.relative_to(document.parent, walk_up=True).as_posix()

    def block(match: re.Match[str]) -> str:
        return f"{match[1]}\n{BLOCKS[match['name']](tables, place)}\n{match[3]}"

    document.write_text(BLOCK.sub(block, document.read_text()))


def summary(tables: Tables, _place: str) -> str:
    """Return a table of all goals, the measured values, and whether each goal is met."""
    rows = [
        f"| {line.what} | {line.ours} | {line.beside} | {line.bar} | {'yes' if line.met else '**no**'} |\n"
        for name in ORDER
        if name in tables
        for line in lines_of(tables[name])
    ]
    if not rows:
        return "Not measured yet.\n"
    return "| | djbundle | beside it | aim | met |\n|---|---|---|---|---|\n" + "".join(rows)


def gallery(tables: Tables, place: str) -> str:
    """Return all charts, two in a line."""
    shown = [tables[name] for name in ORDER if name in tables]
    return "".join(f'<img src="{place}/{table.name}.svg" width="49%" alt="{escape(table.title)}">\n' for table in shown)


def charts(tables: Tables, place: str) -> str:
    """Return each chart with its command, its table and its remarks."""
    return "\n".join(_part(tables[name], place) for name in ORDER if name in tables)


def _part(table: Table, place: str) -> str:
    rows = "".join(
        f"| {label} | {' | '.join(map(number, table.row(label)))} | {_runs(table, label)} | {row.durability} |\n"
        for label, row in table.rows.items()
    )
    remarks = "".join(f"    {remark}\n" for remark in table.remarks)
    return (
        f"### {table.title}\n\n![{table.title}]({place}/{table.name}.svg)\n\n"
        f"`{table.facts.get('command', '')}`\n\n<details><summary>All figures</summary>\n\n"
        f"| | {' | '.join(table.columns)} | each run | durable |\n|---|{'---|' * (len(table.columns) + 2)}\n{rows}\n"
        + (f"{remarks}\n" if remarks else "")
        + f"{caption(table)}\n\n</details>\n"
    )


def _runs(table: Table, label: str) -> str:
    return ", ".join(number(run[0]) for run in table.rows[label].runs)


BLOCKS: dict[str, Callable[[Tables, str], str]] = {"summary": summary, "gallery": gallery, "charts": charts}
ORDER = (
    *("drain-sqlite", "drain-postgresql", "enqueue", "latency-sqlite", "latency-postgresql"),
    *("backlog", "pages", "kills-sqlite", "kills-postgresql"),
)
