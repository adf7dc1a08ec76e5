"""What was measured, kept as JSON; charts and tables are made of it, so that none of them can differ."""

import json
from collections.abc import Iterable
from pathlib import Path

from ci.bench.task_peers.chart import chart
from ci.bench.task_peers.table import Table

NAME = "tasks.json"


def load(folder: Path) -> dict[str, Table]:
    """Every table that was kept, by its name."""
    file = folder / NAME
    told = json.loads(file.read_text()) if file.exists() else {}
    return {name: Table.from_json(table) for name, table in told.items()}


def keep(folder: Path, table: Table) -> None:
    """In the place of an older one of its name; the others stay."""
    if not any(row.runs for row in table.rows.values()):
        return  # no side could be measured: what is kept is better than nothing
    folder.mkdir(parents=True, exist_ok=True)
    tables = load(folder) | {table.name: table}
    told = {name: tables[name].to_json() for name in sorted(tables)}
    (folder / NAME).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def draw(folder: Path, tables: Iterable[Table]) -> None:
    """NAME.svg for each."""
    for table in tables:
        (folder / f"{table.name}.svg").write_text(chart(table))
