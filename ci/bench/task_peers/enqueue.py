"""Tasks enqueued per second, each in its own transaction with one other row."""

from collections.abc import Sequence

from ci.bench.task_peers.side import FAILURES, Side
from ci.bench.task_peers.table import Table


def measure_enqueue(sides: Sequence[Side], count: int, rounds: int) -> Table:
    table = Table("enqueue", f"SQLite, {count:,} requests that each write a row and enqueue a task", ["requests/s"])
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            try:
                side.reset()
                rate = float(side.run("driver.py", "each", count))
                table.add(side.peer.NAME, [rate], side.version, side.peer.DURABLE)
            except FAILURES as error:
                table.remarks.append(f"{side.peer.NAME} not measured in round {number + 1}: {error}")
    table.remarks.append("huey puts its task into a file of its own after the commit, so that takes two commits")
    return table
