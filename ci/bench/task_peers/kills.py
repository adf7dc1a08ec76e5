"""The fate of tasks while worker processes are killed at random."""

import random
import time
from collections import Counter
from collections.abc import Sequence

from ci.bench.task_peers.record import count_doubles, watch
from ci.bench.task_peers.service import Service
from ci.bench.task_peers.side import FAILURES, TITLES, Side
from ci.bench.task_peers.table import LOWER, Table, Values

COLUMNS = ["lost", "recorded twice", "run again", "kills", "seconds"]


def measure_kills(sides: Sequence[Side], database: str, count: int, kills: int) -> Table:
    """Measure every side with the same number of tasks and kills."""
    title = f"{TITLES[database]}, {count:,} tasks of 2 ms, {kills} times SIGKILL to a random process of the worker"
    table = Table(f"kills-{database}", title, COLUMNS, better=LOWER, drawn=2, is_race=False)
    for side in sides:
        try:
            table.add(side.peer.NAME, _kill(side, count, kills), side.version, side.peer.DURABLE)
        except FAILURES as error:
            table.remarks.append(f"{side.peer.NAME} not measured: {error}")
    table.remarks += [
        "lost: not recorded as done (huey, Celery: not run to the end) when nothing happens any more after a restart",
        "recorded twice: more than one write of success, by a trigger; -: no records; run again: more than one start",
        "dj-queue marks tasks of a dead process as failed, for somebody to retry: those count as lost",
        "the worker is started again whenever its main process has ended, as a service manager does",
    ]
    return table


def _kill(side: Side, count: int, kills: int) -> Values:
    side.reset()
    watched = watch(side)
    side.run("driver.py", "fill", "step", count)
    began = time.monotonic()
    done = 0
    with Service(side) as service:
        for number in range(1, kills + 1):
            # The kills are spread over the run, so that all of them happen while there is work.
            if not service.reach(side.noted, count * number // (kills + 1), 0.002):
                break
            time.sleep(random.uniform(0, 0.02))
            if members := service.members():
                random.choice(members).kill()
                done += 1
        service.reach(lambda: _ended(side), count, 0.2)
    starts = Counter(number for number, _ in side.notes())
    again = sum(times > 1 for times in starts.values())
    twice = float(count_doubles(side)) if watched else None
    return [float(count - _ended(side)), twice, float(again), float(done), time.monotonic() - began]


def _ended(side: Side) -> int:
    return side.done() if side.peer.DONE else len({number for number, _ in side.notes("ends")})
