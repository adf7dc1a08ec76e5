"""The time from the commit to the start of a task, on an idle worker."""

import json
import statistics
from collections.abc import Sequence

from ci.bench.task_peers.side import FAILURES, TITLES, Side
from ci.bench.task_peers.table import LOWER, Table

SETTLE = 1  # tasks that run before the measurement, so that the worker is certainly up
QUICK_POLL = 0.01


def measure_latency(sides: Sequence[Side], database: str, count: int, seconds: float, rounds: int) -> Table:
    """Measure all sides in turn. Those that poll are also measured with their quickest sensible polling."""
    title = f"{TITLES[database]}, commit to start of the task, nothing else to do"
    table = Table(f"latency-{database}", title, ["p50 ms", "p99 ms", "worst ms", "samples"], better=LOWER, drawn=2)
    contenders = [(side.peer.NAME, side, side.peer.WORKER, "", side.peer.POLL) for side in sides]
    contenders += [
        (f"{side.peer.NAME}, each 10 ms", side, side.peer.QUICK, "quick", QUICK_POLL)
        for side in sides
        if side.peer.QUICK
    ]
    for number in range(rounds):
        for label, side, command, mode, poll in contenders if number % 2 == 0 else reversed(contenders):
            try:
                spread = _spread(_latencies(side, command, mode, (count, seconds, poll)))
                table.add(label, spread, side.version, side.peer.DURABLE)
            except FAILURES as error:
                table.remarks.append(f"{label} not measured in round {number + 1}: {error}")
    table.remarks.append("each 10 ms: told to poll so often; the others as they come")
    return table


def _latencies(side: Side, command: Sequence[str], mode: str, options: tuple[int, float, float]) -> list[float]:
    side.reset()
    side.run("driver.py", "fill", "note", SETTLE, mode=mode)
    with side.worker(command, mode=mode):
        side.wait(lambda: side.noted() >= SETTLE, 60)
        (side.folder / "notes").write_bytes(b"")  # kept open by the worker
        return [float(value) for value in json.loads(side.run("driver.py", "latency", *options, mode=mode))]


def _spread(seconds: Sequence[float]) -> list[float | None]:
    ordered = sorted(1000 * value for value in seconds)
    last = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return [statistics.median(ordered), last, ordered[-1], float(len(ordered))]
