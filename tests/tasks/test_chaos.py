"""Real processes under failure: workers are killed or held up, the database goes away, the disk is full.

Each run of a task appends a line to a file, so the tests can compare what has run with what is recorded.
"CHAOS_SCALE" in the environment multiplies the number of tasks.
"""

import contextlib
import datetime
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
from django.db import OperationalError, connections, transaction
from django.tasks import TaskResultStatus
from django.utils import timezone

from djbundle.tasks.models import TaskRecord, WorkerRecord
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until
from tests.tasks import heavy_jobs
from tests.tasks.conftest import StartWorker
from tests.tasks.databases import use_sqlite

SCALE = float(os.environ.get("CHAOS_SCALE", "1"))
ELSEWHERE = "another-machine/1/1"
SHORT_LEASE = {"TASKS_TEST_OPTIONS": '{"LEASE": 1.5}'}
UNFINISHED = [TaskResultStatus.READY, TaskResultStatus.RUNNING]


def many(number: int) -> int:
    return int(number * SCALE)


def enqueue(trace: Path, count: int, seconds: float = 0.0) -> None:
    """Enqueue all tasks in one transaction; no worker sees one before all are there."""
    with transaction.atomic():
        for number in range(count):
            heavy_jobs.leave_trace.enqueue(str(trace), number, seconds)


def finish(seconds: float = 35.0) -> None:
    """Wait until all tasks have ended."""
    left = TaskRecord.objects.filter(status__in=UNFINISHED)
    wait_until(lambda: not left.exists(), "all tasks have ended", seconds * max(1.0, SCALE))


def runs_of(trace: Path) -> Counter[tuple[int, int]]:
    """Return how often each attempt of each task has written its line."""
    lines = (line.split() for line in trace.read_text().splitlines())
    return Counter((int(number), int(attempt)) for number, attempt in lines)


def check(trace: Path, count: int, *, all_succeeded: bool = True) -> list[TaskRecord]:
    """Check that each task has ended with the right value and enough claims, and that no attempt ran twice."""
    runs = runs_of(trace)
    assert max(runs.values()) == 1
    attempts = Counter(number for number, _ in runs)
    records = list(TaskRecord.objects.filter(task_path__endswith="leave_trace"))
    assert len(records) == count
    for record in records:
        number = record.args[1]
        assert record.epoch >= len(record.worker_ids) >= attempts[number]
        if record.status == TaskResultStatus.SUCCESSFUL:
            assert record.return_value == number * 2
            assert attempts[number] >= 1
    failed = [record for record in records if record.status != TaskResultStatus.SUCCESSFUL]
    assert not (all_succeeded and failed)
    return records


# --- killed ---


def kill_somebody(workers: list[subprocess.Popen[bytes]], start_worker: StartWorker) -> None:
    """Kill a worker and start another one, or kill one of its processes."""
    chosen = random.randrange(len(workers))
    worker = psutil.Process(workers[chosen].pid)
    children = [child for child in worker.children() if child.status() != psutil.STATUS_ZOMBIE]
    victim = random.choice([worker, *children])
    with contextlib.suppress(psutil.NoSuchProcess):
        victim.kill()
    if victim is worker:
        workers[chosen].wait()
        workers[chosen] = start_worker("--processes", "2")


def test_workers_and_processes_are_killed(each_database: str, tmp_path: Path, start_worker: StartWorker) -> None:
    """A task that was running three times when its process was killed is given up; no other task fails."""
    trace, count = tmp_path / "trace", many(2000)
    enqueue(trace, count, 0.02)  # so long that each kill meets tasks that run
    workers = [start_worker("--processes", "2") for _ in range(2)]
    left = TaskRecord.objects.filter(status__in=UNFINISHED)
    for kills in range(many(8)):
        target = count * (many(8) - kills) / (many(8) + 1)
        wait_until(lambda target=target: left.count() <= target, "some are done", 40)  # type: ignore[misc]
        kill_somebody(workers, start_worker)
    finish()
    records = check(trace, count, all_succeeded=False)
    failed = [record for record in records if record.status == TaskResultStatus.FAILED]
    assert all(record.losses >= 3 for record in failed)
    assert any(record.losses for record in records)


# --- held up ---


def test_worker_that_is_held_up_longer_than_its_lease(
    each_database: str, tmp_path: Path, start_worker: StartWorker
) -> None:
    """On another machine, a worker runs its tasks meanwhile; what the first worker reports afterwards is dropped."""
    trace, begun = tmp_path / "trace", tmp_path / "trace.begun"
    enqueue(trace, 4, 2.0)
    first = start_worker("--threads", "4", **SHORT_LEASE)
    running = TaskRecord.objects.filter(status=TaskResultStatus.RUNNING)
    wait_until(lambda: begun.exists() and len(runs_of(begun)) == 4, "they run")
    first.send_signal(signal.SIGSTOP)
    wait_until(lambda: trace.exists() and len(runs_of(trace)) == 4, "its process goes on without it")
    running.update(worker=ELSEWHERE)  # on this machine, the second worker would see that the first one lives
    second = start_worker("--threads", "4", **SHORT_LEASE)
    wait_until(lambda: running.filter(epoch=2).count() == 4, "another one runs them")
    first.send_signal(signal.SIGCONT)
    finish()
    first.send_signal(signal.SIGTERM)
    second.send_signal(signal.SIGTERM)
    assert (first.wait(30), second.wait(30)) == (0, 0)
    for record in check(trace, 4):
        assert record.epoch == 2
        assert record.finished_at
        assert record.last_attempted_at
        assert (record.finished_at - record.last_attempted_at).total_seconds() >= 2


# --- the database ---


def test_server_restarts_under_load(postgres: Postgres, tmp_path: Path, start_worker: StartWorker) -> None:
    trace, count = tmp_path / "trace", many(2000)
    enqueue(trace, count, 0.002)
    workers = [start_worker("--processes", "2") for _ in range(2)]
    left = TaskRecord.objects.filter(status__in=UNFINISHED)
    for restarts in range(2):
        wait_until(lambda restarts=restarts: left.count() <= count * (2 - restarts) / 3, "some are done")  # type: ignore[misc]
        postgres.restart()
        connections["default"].close()
    finish()
    assert [worker.poll() for worker in workers] == [None, None]
    assert not TaskRecord.objects.filter(losses__gt=0).exists()
    check(trace, count)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_full_disk(small_disk: Path, tmp_path: Path, start_worker: StartWorker) -> None:
    trace, count = tmp_path / "trace", many(300)
    with use_sqlite(small_disk / "db.sqlite3"):
        enqueue(trace, count, 0.01)
        worker = start_worker()
        done = TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL)
        wait_until(lambda: done.count() > count / 10, "some are done")
        ballast = small_disk / "ballast"
        fill(ballast)
        stuck_at = wait_until(_count_that_stays, "nothing is written any more")
        assert stuck_at < count
        assert worker.poll() is None
        ballast.unlink()
        finish()
        assert worker.poll() is None
        check(trace, count)


def _count_that_stays() -> int:
    """Return the number of tasks that are done, or 0 if it changes within half a second."""
    done = TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL)
    before = done.count()
    time.sleep(0.5)
    return before if done.count() == before else 0


def test_clock_is_set(each_database: str, tmp_path: Path, start_worker: StartWorker) -> None:
    """Check that every task ends correctly when the clock is set to an hour later.

    Leases of live workers then seem to have expired. Some of their tasks, which seem to belong to another machine,
    are taken from them.
    """
    trace, count = tmp_path / "trace", many(400)
    enqueue(trace, count, 0.3)  # longer than the interval at which workers look for lost tasks
    start_worker("--processes", "2")
    wait_until(trace.exists, "they run")
    start_worker("--processes", "2")
    hour_ago = timezone.now() - datetime.timedelta(hours=1)

    def some_are_taken() -> bool:
        with contextlib.suppress(OperationalError):  # a deadlock with a worker that writes outcomes: retry
            running = TaskRecord.objects.filter(status=TaskResultStatus.RUNNING)
            running.update(lease_until=hour_ago, worker=ELSEWHERE)
        return TaskRecord.objects.filter(epoch__gt=1).exists()

    wait_until(some_are_taken, "the second worker takes them")
    finish()
    check(trace, count)


# --- together ---


def test_two_workers_share_the_work(each_database: str, tmp_path: Path, start_worker: StartWorker) -> None:
    trace, count = tmp_path / "trace", many(400)
    pids = {str(start_worker().pid) for _ in range(2)}
    wait_until(lambda: WorkerRecord.objects.count() == 2, "both are there")
    enqueue(trace, count, 0.01)
    finish()
    records = check(trace, count)
    assert all(len(record.worker_ids) == 1 for record in records)
    assert {record.worker_ids[0].split("/")[1] for record in records} == pids


def test_rolled_back_transaction_never_runs(each_database: str, tmp_path: Path, start_worker: StartWorker) -> None:
    """Other transactions are committed all the time."""
    kept, undone = tmp_path / "kept", tmp_path / "undone"

    def order(number: int) -> None:
        with transaction.atomic():
            heavy_jobs.leave_trace.enqueue(str(undone), number)
            raise LookupError

    start_worker("--processes", "2")
    for number in range(many(100)):
        heavy_jobs.leave_trace.enqueue(str(kept), number)
        with contextlib.suppress(LookupError):
            order(number)
    finish()
    check(kept, many(100))
    assert not undone.exists()
