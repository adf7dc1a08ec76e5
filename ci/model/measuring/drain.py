"""Measures how fast one worker drains a backlog, and what CPU its processes use for a task."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.db.models import Max, Min

from ci.model.measuring.database import add, empty
from ci.model.measuring.meter import cpu_seconds
from djbundle.tasks.models import TaskRecord

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 3.0  # for a worker to load and to become idle
LIMIT = 120.0  # seconds that a drain may take
POLL = 0.25  # seconds between looks, which cost the database little


@dataclass(frozen=True)
class Drain:
    """The work that one worker did."""

    rate: float  # tasks per second, from the first claim to the last outcome
    loop: float  # CPU seconds of the worker itself for a task
    processes: float  # CPU seconds of its processes for a task


def measure_drain(count: int, url: str = "") -> Drain:
    """Let one worker, with its defaults, drain `count` empty tasks that are enqueued at once."""
    empty()
    with _worker(url) as worker:
        main, children = [worker.pid], [child.pid for child in psutil.Process(worker.pid).children()]
        before = cpu_seconds(main), cpu_seconds(children)
        add(count)
        _wait_until_done()
        loop, processes = cpu_seconds(main) - before[0], cpu_seconds(children) - before[1]
    times = TaskRecord.objects.aggregate(first=Min("last_attempted_at"), last=Max("finished_at"))
    seconds = (times["last"] - times["first"]).total_seconds()
    return Drain(count / seconds, loop / count, processes / count)


def _wait_until_done() -> None:
    """Wait until all tasks have succeeded. Raise TimeoutError after LIMIT."""
    end = time.monotonic() + LIMIT
    while TaskRecord.objects.exclude(status="SUCCESSFUL").exists():
        if time.monotonic() > end:
            raise TimeoutError(f"the worker has not drained its tasks in {LIMIT:.0f} seconds")
        time.sleep(POLL)


@contextmanager
def _worker(url: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"MODEL_URL": url}
    worker = subprocess.Popen([sys.executable, "-m", "django", "worker"], cwd=REPOSITORY, env=environment)
    try:
        time.sleep(START_SECONDS)
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
