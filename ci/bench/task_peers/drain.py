"""Tasks per second by one worker process, from the first start to the last record; its own start is in no figure.

A side that would take longer than LONGEST for all tasks gets fewer. The rate is constant by then, so it stays the same.
"""

import statistics
import time
from collections.abc import Sequence

from ci.bench.task_peers.side import FAILURES, TITLES, Side
from ci.bench.task_peers.table import Table

TRIAL = 500  # tasks that show how long more would take
LONGEST = 10.0  # seconds


def drain(side: Side, count: int, command: Sequence[str] = ()) -> float:
    """Enqueue `count` tasks, start a worker, wait until all are recorded, and return tasks per second."""
    side.reset()
    side.run("driver.py", "fill", "note", count)
    with side.worker(command):
        side.wait(lambda: side.noted() >= count)
        side.wait(lambda: side.done() >= count, 60)
        end = time.monotonic()
    return count / (end - min(moment for _, moment in side.notes()))


def measure_drain(sides: Sequence[Side], database: str, count: int, rounds: int) -> Table:
    """Measure all sides in turn.

    Those that can run four tasks at once in a process, as djbundle does by default, are measured in both ways.
    """
    contenders = [(side.peer.NAME, side, side.peer.WORKER) for side in sides]
    contenders += [(f"{side.peer.NAME}, 4 threads", side, side.peer.FOUR) for side in sides if side.peer.FOUR]
    counts = {label: _affordable(side, count, command) for label, side, command in contenders}
    title = f"{TITLES[database]}, drain of up to {count:,} no-op tasks by one worker process"
    table = Table(f"drain-{database}", title, ["tasks/s"])
    if fewer := [f"{label} {each:,}" for label, each in counts.items() if each < count]:
        table.remarks.append(f"fewer, who would take long: {', '.join(fewer)}")
    for number in range(rounds):
        for label, side, command in contenders if number % 2 == 0 else reversed(contenders):
            try:
                table.add(label, [drain(side, counts[label], command)], side.version, side.peer.DURABLE)
            except FAILURES as error:
                table.remarks.append(f"{label} not measured in round {number + 1}: {error}")
    for side in sides:
        if side.peer.NAME == "djbundle":
            table.remarks.append(_limit(side, count, rounds))
    return table


def _affordable(side: Side, count: int, command: Sequence[str]) -> int:
    """Return how many of `count` tasks the side is to drain in a run."""
    fewest = min(TRIAL, count)
    try:
        rate = drain(side, fewest, command)
    except FAILURES:  # the rounds will tell
        return fewest
    return min(count, max(fewest, int(rate * LONGEST)))


def _limit(side: Side, count: int, rounds: int) -> str:
    """Measure how fast djbundle claims and records tasks that nothing runs, and return it as a remark."""
    rates = []
    for _ in range(rounds):
        side.reset()
        side.run("driver.py", "fill", "note", count)
        rates.append(float(side.run("driver.py", "records", count)))
    return f"djbundle claims and records {statistics.median(rates):,.0f} tasks/s where nothing runs them"
