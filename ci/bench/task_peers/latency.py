"""From the commit to the start of the task, with nothing else to do."""

import json
import statistics
from collections.abc import Sequence

from ci.bench.task_peers.side import FAILURES, Side
from ci.bench.task_peers.table import Table

SETTLE = 1  # tasks that run before it begins, to see that the worker is up
QUICK_POLL = 0.01


def measure_latency(sides: Sequence[Side], count: int, seconds: float) -> Table:
    title = f"Commit to start, up to {count} tasks, {seconds:.0f} s at most"
    table = Table("latency", title, ("p50 ms", "p99 ms", "worst ms", "samples"))
    for side in sides:
        label = f"{side.peer.NAME}, {side.database}"
        ways = [(label, side.peer.WORKER, "", side.peer.POLL)]
        if side.peer.QUICK:
            ways.append((f"{label}, quick", side.peer.QUICK, "quick", QUICK_POLL))
        for way, command, mode, poll in ways:
            try:
                table.rows[way] = _spread(_latencies(side, command, mode, (count, seconds, poll)))
            except FAILURES as error:
                table.remarks.append(f"{way} not measured: {error}")
    table.remarks.append("quick: polling each 10 ms")
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
