"""The rate with many finished rows in the table, beside the rate with none."""

import statistics
from collections.abc import Sequence

from ci.bench.task_peers.drain import start_rate
from ci.bench.task_peers.side import SQLITE, Side
from ci.bench.task_peers.table import Table


def measure_backlog(sides: Sequence[Side], rows: int, count: int, rounds: int) -> Table:
    """Ours alone. Its plan for the claim is printed."""
    title = f"Drain of {count} tasks beside {rows:,} finished rows"
    table = Table("backlog", title, ("tasks/s", "with none", "ratio"))
    for side in sides:
        none = statistics.median(start_rate(side, count, fresh=True) for _ in range(rounds))
        _multiply(side, rows)
        many = statistics.median(start_rate(side, count, fresh=False) for _ in range(rounds))
        side.run("driver.py", "fill", "note", 100)
        plan = side.run("driver.py", "explain").rstrip()
        table.rows[f"{side.peer.NAME}, {side.database}"] = [many, none, many / none]
        table.remarks += [f"the claim on {side.database}:", *(f"  {line}" for line in plan.splitlines())]
        side.reset()
    return table


def _multiply(side: Side, rows: int) -> None:
    """Copy one finished row, so that there are `rows`."""
    assert side.peer.DONE
    table, condition = side.peer.DONE
    names = [row[0] for row in side.query(_columns(side, table)) if row[0] != "id"]
    columns = ", ".join(f'"{name}"' for name in names)
    one = f"(SELECT {columns} FROM {table} WHERE {condition} LIMIT 1) AS one"
    if side.database == SQLITE:
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
        side.query(f"{numbers}INSERT INTO {table} ({columns}) SELECT {columns} FROM {one}, n")
        side.query("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        side.query(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {one}, generate_series(1, {rows})")
        side.query(f"VACUUM ANALYZE {table}")  # as autovacuum does within a minute


def _columns(side: Side, table: str) -> str:
    if side.database == SQLITE:
        return f"SELECT name FROM pragma_table_info('{table}')"
    return f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
