"""Tasks enqueued per second, each in its own transaction with one other row."""

from collections.abc import Sequence

from ci.bench.task_peers.side import Side
from ci.bench.task_peers.table import Table, summary


def measure_enqueue(sides: Sequence[Side], count: int, rounds: int) -> Table:
    rates: dict[str, list[float]] = {side.peer.NAME: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            side.reset()
            rates[side.peer.NAME].append(float(side.run("driver.py", "each", count)))
    table = Table("enqueue", f"Enqueue on SQLite, {count} transactions", ("per second", "lowest", "highest"))
    table.rows = {label: summary(each) for label, each in rates.items()}
    table.remarks.append("huey puts its task into a file of its own after the commit, so that takes two commits")
    return table
