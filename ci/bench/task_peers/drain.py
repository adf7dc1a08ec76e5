"""Tasks per second by one worker process, from the first start to the last record."""

import time
from collections.abc import Sequence

from ci.bench.task_peers.side import FAILURES, Side
from ci.bench.task_peers.table import Table, summary


def drain(side: Side, count: int, command: Sequence[str] = (), *, fresh: bool = True) -> float:
    """Once: enqueue `count` tasks, start a worker, wait until all are recorded."""
    if fresh:
        side.reset()
    before = 0 if fresh else side.done()
    (side.folder / "notes").unlink(missing_ok=True)
    side.run("driver.py", "fill", "note", count)
    with side.worker(command):
        side.wait(lambda: side.noted() >= count)
        side.wait(lambda: side.done() >= before + count, 60)
        end = time.monotonic()
    return count / (end - side.notes()[0][1])


def measure_drain(sides: Sequence[Side], name: str, title: str, count: int, rounds: int) -> Table:
    """All in turn; those that can run four tasks at once in a process in both ways, as ours does by default."""
    contenders = [(side.peer.NAME, side, side.peer.WORKER) for side in sides]
    contenders += [(f"{side.peer.NAME}, 4 threads", side, side.peer.FOUR) for side in sides if side.peer.FOUR]
    rates: dict[str, list[float]] = {label: [] for label, *_ in contenders}
    table = Table(name, f"{title}, {count} no-op tasks, one worker process", ("tasks/s", "lowest", "highest"))
    for number in range(rounds):
        for label, side, command in contenders if number % 2 else reversed(contenders):
            try:
                rates[label].append(drain(side, count, command))
            except FAILURES as error:
                table.remarks.append(f"{label} not measured in round {number + 1}: {error}")
    table.rows = {label: summary(each) for label, each in rates.items()}
    return table
