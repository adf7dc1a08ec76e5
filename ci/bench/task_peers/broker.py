"""Measurements of tasks over Redis: our relay and receiver beside Celery and RQ."""

import json
import statistics
import subprocess
import time
from collections.abc import Sequence

from ci.bench.task_peers.drain import TRIAL
from ci.bench.task_peers.side import FAILURES, TITLES, Side
from ci.bench.task_peers.table import LOWER, Table

TRANSACTION = 100  # tasks that are enqueued in one
LONGEST = 8.0  # seconds for which a side gets tasks
DOWN_REQUESTS = 20  # while the broker is down: some peers wait for it
UP, DOWN = "broker up", "broker down"


def measure_throughput(sides: Sequence[Side], name: str, title: str, count: int, rounds: int) -> Table:
    """Measure tasks per second from the first enqueue to the last record. The worker runs before that begins."""
    contenders = [(side.peer.NAME, side, side.peer.WORKER) for side in sides]
    contenders += [(f"{side.peer.NAME}, {_way(side)}", side, side.peer.FOUR) for side in sides if side.peer.FOUR]
    table = Table(name, title, ["tasks/s"])
    counts = {label: _affordable(side, count, command) for label, side, command in contenders}
    for label, side, command in _in_turn(contenders, rounds):
        try:
            rate = _throughput(side, counts[label], command)
            table.add(label, [rate], side.version, side.peer.DURABLE)
        except FAILURES as error:
            table.remarks.append(f"{label} not measured in a round: {error}")
    if fewer := [f"{label} {each:,}" for label, each in counts.items() if each < count]:
        table.remarks.append(f"fewer tasks, who would take long: {', '.join(fewer)}")
    return table


def _way(side: Side) -> str:
    return "SimpleWorker" if "rq.SimpleWorker" in side.peer.FOUR else "4 threads"


def _affordable(side: Side, count: int, command: Sequence[str]) -> int:
    fewest = min(TRIAL, count)
    try:
        return min(count, max(fewest, int(LONGEST * _throughput(side, fewest, command))))
    except FAILURES:  # the rounds will tell
        return fewest


def _throughput(side: Side, count: int, command: Sequence[str]) -> float:
    side.reset()
    with side.worker(command):
        side.run("driver.py", "fill", "note", 1)
        side.wait(lambda: recorded(side) >= 1, 60)
        (side.folder / "notes").write_bytes(b"")  # kept open by the worker
        already = 1 if has_records(side) else 0
        began = float(side.run("driver.py", "stream", count, TRANSACTION))
        side.wait(lambda: side.noted() >= count)
        side.wait(lambda: recorded(side) >= count + already, 60)
        return count / (time.monotonic() - began)


def has_records(side: Side) -> bool:
    return bool(side.peer.DONE) or hasattr(side.peer, "FINISHED")


def recorded(side: Side) -> int:
    """Return how many successes are recorded: in the database, in Redis, or only in the notes of the tasks."""
    if not hasattr(side.peer, "FINISHED"):
        return side.done()
    command = ["redis-cli", "-s", side.machine.redis.socket, "zcard", side.peer.FINISHED]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_costs(sides: Sequence[Side], database: str, count: int, rounds: int) -> Table:
    """Measure a request that enqueues a task, with the broker and without it."""
    title = f"{TITLES[database]}, a request that writes a row and enqueues a task"
    table = Table(f"broker-enqueue-{database}", title, ["ms", "p99 ms"], better=LOWER)
    for _, side, state in _in_turn([("", side, state) for side in sides for state in (UP, DOWN)], rounds):
        redis = side.machine.redis
        side.reset()
        if state == DOWN:
            redis.kill()
        try:
            table.add(f"{side.peer.NAME}, {state}", _costs(side, count, state), side.version, side.peer.DURABLE)
        except FAILURES as error:
            table.remarks.append(f"{side.peer.NAME}, {state} not measured in a round: {error}")
        finally:
            if state == DOWN:
                redis.start()
    return table


def _costs(side: Side, count: int, state: str) -> list[float | None]:
    fewer = state == DOWN and not side.peer.NAME.startswith("djbundle")
    seconds = sorted(json.loads(side.run("driver.py", "costs", DOWN_REQUESTS if fewer else count)))
    return [1000 * statistics.median(seconds), 1000 * seconds[int(0.99 * (len(seconds) - 1))]]


def _in_turn[T](contenders: Sequence[tuple[str, Side, T]], rounds: int) -> list[tuple[str, Side, T]]:
    """Return the contenders as often as there are rounds, each second time in the opposite order."""
    backwards = list(reversed(contenders))
    return [each for number in range(rounds) for each in (contenders if number % 2 == 0 else backwards)]


def ratio_of(table: Table) -> str:
    """Return a line with the ratio of the medians of our best row and the best other row."""
    ours, other = table.best(ours=True), table.best(ours=False)
    if not ours or not other:
        return "no ratio: a side could not be measured"
    return f"ratio of medians: {ours[1] / other[1]:.2f}, of {ours[0]} to {other[0]}"
