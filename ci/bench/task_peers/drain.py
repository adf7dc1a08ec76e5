"""Tasks per second by one worker process, from the first start to the last record."""

import time
from collections.abc import Sequence

from ci.bench.task_peers.side import FAILURES, Side
from ci.bench.task_peers.table import Table, summary


def drain(side: Side, count: int, command: Sequence[str] = ()) -> float:
    """Once: enqueue `count` tasks, start a worker, wait until all are recorded."""
    began, end, _ = run_once(side, count, command, fresh=True)
    return count / (end - began)


def start_rate(side: Side, count: int, *, fresh: bool) -> float:
    """The same to the last start: counting the records takes its time where there are millions."""
    began, _, last = run_once(side, count, fresh=fresh)
    return count / (last - began)


def run_once(side: Side, count: int, command: Sequence[str] = (), *, fresh: bool) -> tuple[float, float, float]:
    """When the first task started, when all were recorded, when the last one started."""
    if fresh:
        side.reset()
    before = 0 if fresh else side.done()
    (side.folder / "notes").unlink(missing_ok=True)
    side.run("driver.py", "fill", "note", count)
    with side.worker(command):
        side.wait(lambda: side.noted() >= count)
        side.wait(lambda: side.done() >= before + count, 60)
        end = time.monotonic()
    moments = [moment for _, moment in side.notes()]
    return moments[0], end, max(moments)


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
