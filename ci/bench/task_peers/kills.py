"""What becomes of tasks while worker processes are killed at random."""

import random
import subprocess
import time
from collections import Counter
from collections.abc import Sequence

from ci.bench.task_peers.side import FAILURES, SQLITE, Side, family, stop
from ci.bench.task_peers.table import Table

CALM = 30.0  # seconds without any progress, after which nothing more is expected
START = 1.5  # seconds for a worker to come up again


def measure_kills(sides: Sequence[Side], count: int, kills: int) -> Table:
    title = f"{count} tasks, {kills} times SIGKILL to a random process of the worker"
    table = Table("kills", title, ("lost", "recorded twice", "run again", "kills", "seconds"))
    for side in sides:
        try:
            table.rows[f"{side.peer.NAME}, {side.database}"] = _kill(side, count, kills)
        except FAILURES as error:
            table.remarks.append(f"{side.peer.NAME}, {side.database} not measured: {error}")
    table.remarks += [
        "lost: neither run to its end nor on its way after 30 quiet seconds; run again: more than one start",
        "recorded twice: more than one write of success (SQLite: by a trigger); -: no such records",
    ]
    return table


def _kill(side: Side, count: int, kills: int) -> list[float | None]:
    side.reset()
    watched = _watch(side)
    side.run("driver.py", "fill", "note", count)
    began = time.monotonic()
    process = side.start(side.peer.CAREFUL, mode="careful")
    done = 0
    try:
        for number in range(1, kills + 1):
            # Each at its share of the way, so that all come while there is work.
            goal = count * number // (kills + 1)
            end = time.monotonic() + CALM
            while side.noted() < goal and time.monotonic() < end:
                process = _revive(side, process)
                time.sleep(0.002)
            time.sleep(random.uniform(0, 0.02))
            if process.poll() is None and (members := family(process)):
                random.choice(members).kill()
                done += 1
        process = _settle(side, process, count)
    finally:
        stop(process)
    runs = Counter(number for number, _ in side.notes())
    again = float(sum(number > 1 for number in runs.values()))
    lost = float(count - side.done())
    twice = float(
        side.query("SELECT count(*) FROM (SELECT 1 FROM bench_done GROUP BY id HAVING count(*) > 1) AS t")[0][0]
    )
    return [lost, twice if watched else None, again, float(done), time.monotonic() - began]


def _watch(side: Side) -> bool:
    """Have SQLite note each write of success."""
    if side.database != SQLITE:
        return False
    side.query("CREATE TABLE bench_done (id)")
    if not side.peer.DONE:
        return False
    table, condition = side.peer.DONE
    for event in ("INSERT", "UPDATE"):
        side.query(
            f"CREATE TRIGGER bench_{event} AFTER {event} ON {table} WHEN NEW.{condition} "
            "BEGIN INSERT INTO bench_done VALUES (NEW.id); END"
        )
    return True


def _revive(side: Side, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """As a service manager would: start it again when its main process has ended, and end what that left behind."""
    if process.poll() is None:
        return process
    stop(process)
    return side.start(side.peer.CAREFUL, mode="careful")


def _settle(side: Side, process: subprocess.Popen[bytes], count: int) -> subprocess.Popen[bytes]:
    """Until all is done, or nothing happens any more."""
    last, since = -1, time.monotonic()
    while (done := side.done()) < count and time.monotonic() - since < CALM:
        process = _revive(side, process)
        progress = done + side.noted()
        if progress != last:
            last, since = progress, time.monotonic()
        time.sleep(0.1)
    return process
