"""Claims per second with many finished rows in the table, compared with none."""

import statistics
from collections.abc import Sequence

from ci.bench.task_peers.machine import free_space
from ci.bench.task_peers.side import FAILURES, SQLITE, TITLES, Side
from ci.bench.task_peers.table import Table

ROW = 700  # bytes that a finished row takes at most, with indexes and log


def measure_backlog(sides: Sequence[Side], rows: int, count: int, rounds: int) -> Table:
    """Measure djbundle alone. The query plan of its claim is printed."""
    table = Table(
        "backlog",
        f"Claims per second beside {rows:,} finished rows",
        ["of the rate with none", "claims/s", "with none"],
    )
    for side in sides:
        try:
            _measure(side, table, rows, count, rounds)
        except FAILURES as error:
            table.remarks.append(f"{TITLES[side.database]} not measured: {error}")
    return table


def _measure(side: Side, table: Table, rows: int, count: int, rounds: int) -> None:
    if (space := free_space(side.folder)) < 2 * ROW * rows:
        raise RuntimeError(f"{rows:,} rows need {2 * ROW * rows / 1e9:.0f} GB, there are {space / 1e9:.0f}; --work DIR")
    side.reset()
    none = _rates(side, count, rounds)
    _multiply(side, rows)
    many = _rates(side, count, rounds)
    side.run("driver.py", "fill", "note", 100)
    plan = side.run("driver.py", "explain").rstrip()
    label = f"djbundle, {TITLES[side.database]}"
    for each in many:
        table.add(label, [each / statistics.median(none), each, statistics.median(none)], side.version)
    table.rows[label].note = f"{statistics.median(many):,.0f}/s, {statistics.median(none):,.0f}/s with none"
    table.remarks += [f"the claim on {TITLES[side.database]}:", *(f"  {line}" for line in plan.splitlines())]
    side.reset()


def _rates(side: Side, count: int, rounds: int) -> list[float]:
    """Return the rate of each round. The first round, in which files grow, is not counted."""
    return [_claims(side, count) for _ in range(rounds + 1)][1:]


def _claims(side: Side, count: int) -> float:
    """Measure claims per second. Afterwards the table is as before."""
    side.run("driver.py", "fill", "note", count)
    rate = float(side.run("driver.py", "claims", count))
    assert side.peer.DONE
    side.query(f"DELETE FROM {side.peer.DONE[0]} WHERE status = 'RUNNING'")  # by its index
    return rate


def _multiply(side: Side, rows: int) -> None:
    """Finish one task, and make `rows` copies of its row."""
    assert side.peer.DONE
    side.run("driver.py", "fill", "note", 1)
    with side.worker():
        side.wait(lambda: side.done() == 1)
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
        side.query("CHECKPOINT")  # not while the claims are measured


def _columns(side: Side, table: str) -> str:
    if side.database == SQLITE:
        return f"SELECT name FROM pragma_table_info('{table}')"
    return f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
