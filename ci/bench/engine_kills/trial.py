"""One trial: tasks are promised and run while processes and servers are killed; then everything is counted."""

import contextlib
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.db import Error, connection

from ci.bench.engine_kills.engines import Engine
from ci.bench.engine_kills.enqueuer import promised
from ci.bench.engine_kills.ledger import Fate, fate
from ci.bench.engine_kills.scene import Scene
from ci.bench.engine_kills.trace import Kill, causes, size_of
from ci.bench.engine_kills.victims import harms
from tests.support.outcomes import TASKS

STALLED = 120.0  # seconds in which nothing is promised: something is broken


@dataclass(frozen=True)
class Trial:
    """The end of a trial."""

    fate: Fate
    kills: Counter[str]
    lost: Counter[str]  # tasks that were lost, by the kind of the kill after they were promised
    again: Counter[str]  # tasks that were run again, by the kind of kill
    seconds: float


def run_trial(engine: Engine, count: int, planned: Sequence[str], python: str, log: bool) -> Trial:
    """Promise `count` tasks, kill as `planned` meanwhile, wait until nothing happens any more, and count."""
    began, done = time.monotonic(), list[Kill]()
    trace = Path(engine.environment["KILLS_TRACE"])
    with tempfile.TemporaryDirectory(prefix="djbundle-kills-") as folder:
        with Scene(engine, count, Path(folder), python) as scene:
            for number, name in enumerate(planned, 1):
                _promise_until(scene, count * number // (len(planned) + 1))
                time.sleep(random.uniform(0, 0.05))
                with contextlib.suppress(psutil.NoSuchProcess):
                    before = size_of(trace)
                    harms(engine)[name](scene)
                    done.append(Kill(name, before, size_of(trace)))
                time.sleep(0.05)  # so that what was killed is seen to have ended
                scene.keep_running()
                if log:
                    print(f"  {number}: {name}, {time.monotonic() - began:.0f} s", flush=True)
            _promise_until(scene, count)
            _await_calm(scene)
        ends, kills = fate(trace, has_records=engine.has_records), Counter(kill.name for kill in done)
        lost = Counter(_kill_after(number, count, planned) for number in ends.lost_numbers)
        return Trial(ends, kills, lost, causes(trace, done), time.monotonic() - began)


def _kill_after(number: int, count: int, planned: Sequence[str]) -> str:
    """Return what was killed first after this task was promised."""
    return [*planned, "no kill"][number * (len(planned) + 1) // count]


def _promise_until(scene: Scene, number: int) -> None:
    """Let the web process promise up to `number`, and wait until it has."""
    scene.grant(number)
    end = time.monotonic() + STALLED
    while _promised() < number - 1:
        scene.keep_running()
        if time.monotonic() > end:
            raise TimeoutError(f"nothing was promised for {STALLED:.0f} seconds")
        time.sleep(0.02)


def _promised() -> int:
    try:
        return promised()
    except Error:
        connection.close()
        return -1


def _await_calm(scene: Scene) -> None:
    """Wait until each row has its outcome. Without rows, wait until no task has run for a while."""
    trace = Path(scene.engine.environment["KILLS_TRACE"])
    size, since = 0, time.monotonic()
    while time.monotonic() - since < scene.engine.calm:
        scene.keep_running()
        if scene.engine.has_records and not _unfinished():
            return
        if (new := size_of(trace)) != size:
            size, since = new, time.monotonic()
            if not scene.engine.has_records and fate(trace, has_records=False).lost == 0:
                return
        time.sleep(0.5)


def _unfinished() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {TASKS} WHERE status NOT IN ('SUCCESSFUL', 'FAILED') LIMIT 1")
        return cursor.fetchone() is not None
