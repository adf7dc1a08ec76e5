"""Schedulers apart from workers: any number of them on one database, each tick once; and workers that end when idle."""

import datetime
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.tasks import TaskResultStatus
from django.utils import timezone

from djbundle.tasks.models import Schedule, TaskRecord, WorkerRecord
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY, StartWorker

SECOND = datetime.timedelta(seconds=1)
StartScheduler = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start_scheduler() -> Iterator[StartScheduler]:
    """Start ``manage.py scheduler``; all are killed at the end of the test."""
    import os  # noqa: PLC0415 - as it is when the process starts

    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "django", "scheduler"]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT | os.environ))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def each_second(number: int, first: datetime.datetime) -> Schedule:
    return Schedule.objects.create(
        name=f"each second {number}",
        task_path="tests.tasks.jobs.add",
        args=[number, 0],
        interval=1,
        missed="all",
        next_run=first,
    )


def ticks_of(schedule: Schedule, first: datetime.datetime) -> int:
    """Return how many ticks the schedule has had since `first`."""
    schedule.refresh_from_db()
    assert schedule.next_run
    return round((schedule.next_run - first) / SECOND)


def runs_of(number: int) -> int:
    return sum(record.args[0] == number for record in TaskRecord.objects.all())


@pytest.mark.usefixtures("each_database")
def test_each_tick_is_enqueued_once_by_many_processes(
    start_scheduler: StartScheduler, start_worker: StartWorker
) -> None:
    """Three schedulers and a whole worker want the same ticks, and two of them are killed in between."""
    first = timezone.now()
    schedules = [each_second(number, first) for number in range(5)]
    schedulers = [start_scheduler() for _ in range(3)]
    start_worker("--processes", "1")
    wait_until(lambda: TaskRecord.objects.count() >= 15, "three ticks of each", 60)
    for process in schedulers[:2]:
        process.kill()
    count = TaskRecord.objects.count()
    wait_until(lambda: TaskRecord.objects.count() >= count + 10, "the others go on")
    Schedule.objects.update(enabled=False)
    assert [runs_of(number) for number in range(5)] == [ticks_of(schedule, first) for schedule in schedules]


@pytest.mark.usefixtures("postgres")
def test_scheduler_and_worker_apart(start_scheduler: StartScheduler, start_worker: StartWorker) -> None:
    """The scheduler runs no task, and the worker makes no tick."""
    each_second(0, timezone.now())
    start_worker("--no-scheduler")
    wait_until(WorkerRecord.objects.exists, "the worker runs")
    jobs.add.enqueue(1, 2)
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).exists, "it runs a task")
    assert runs_of(0) == 0
    scheduler = start_scheduler()
    wait_until(partial(runs_of, 0), "a tick")
    assert WorkerRecord.objects.count() == 1
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(30) == 0


def test_scheduler_alone_runs_no_task(start_scheduler: StartScheduler) -> None:
    each_second(0, timezone.now())
    start_scheduler()
    wait_until(lambda: TaskRecord.objects.count() >= 2, "two ticks")
    assert not TaskRecord.objects.exclude(status=TaskResultStatus.READY).exists()


# --- workers that an autoscaler starts ---


@pytest.mark.parametrize("option", ["--burst", "--drain", "--until-idle"])
def test_worker_that_ends_when_nothing_is_due(start_worker: StartWorker, option: str) -> None:
    jobs.add.enqueue(1, 2)
    jobs.add.using(run_after=timezone.now() + datetime.timedelta(hours=1)).enqueue(3, 4)
    assert start_worker(option).wait(60) == 0
    assert TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).count() == 1


def test_worker_that_waits_before_it_ends(start_worker: StartWorker) -> None:
    """A task that arrives while the worker is idle is run by it; the worker itself ends later, without a signal."""
    worker = start_worker("--until-idle", "3", "--poll", "3600")
    wait_until(WorkerRecord.objects.exists, "the worker runs")
    jobs.add.enqueue(1, 2)
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).exists, "it runs a task")
    assert worker.poll() is None
    assert worker.wait(60) == 0
    assert not WorkerRecord.objects.exists()
