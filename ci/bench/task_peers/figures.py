"""The results, stored as JSON. Charts and tables are made from this file, so they always agree."""

import json
from collections.abc import Iterable
from pathlib import Path

from ci.bench.task_peers.chart import chart
from ci.bench.task_peers.table import Table

NAME = "tasks.json"


def load(folder: Path) -> dict[str, Table]:
    """Return every stored table, by its name."""
    file = folder / NAME
    data = json.loads(file.read_text()) if file.exists() else {}
    return {name: Table.from_json(table) for name, table in data.items()}


def keep(folder: Path, table: Table) -> None:
    """Store a table. It replaces an older one of the same name; the others stay."""
    if not any(row.runs for row in table.rows.values()):
        return  # no side could be measured: the older table is better than nothing
    folder.mkdir(parents=True, exist_ok=True)
    tables = load(folder) | {table.name: table}
    data = {name: tables[name].to_json() for name in sorted(tables)}
    (folder / NAME).write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def draw(folder: Path, tables: Iterable[Table]) -> None:
    """Write NAME.svg for each table."""
    for table in tables:
        (folder / f"{table.name}.svg").write_text(chart(table))
