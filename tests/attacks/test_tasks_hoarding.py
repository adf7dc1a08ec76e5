"""A worker withholds no task from other workers, nor from a more urgent task: it gives back what it cannot start."""

from pathlib import Path

import pytest
from django.tasks import TaskResultStatus

from tests.tasks.conftest import (  # noqa: F401 - fixtures, and Django's setup
    StartWorker,
    each_database,
    postgres,
    postgres_server,
    start_worker,
)

# isort: split

from djbundle.tasks import enqueue_many
from djbundle.tasks.models import TaskRecord, WorkerRecord
from tests.support.waiting import wait_until
from tests.tasks import jobs

ON_BOTH = pytest.mark.parametrize("each_database", ["sqlite", "postgresql"], indirect=True)
RUNNING, SUCCESSFUL = TaskResultStatus.RUNNING, TaskResultStatus.SUCCESSFUL
THREADS = 2


def done() -> int:
    return TaskRecord.objects.filter(status=SUCCESSFUL).count()


def warm_up(count: int = 400) -> None:
    """Run a burst of quick tasks, so that the worker expects all tasks to be quick."""
    enqueue_many(jobs.add, [(number, number) for number in range(count)])
    wait_until(lambda: done() == count, "the quick ones are done")


@ON_BOTH
@pytest.mark.parametrize("timeout", [None, 60])
def test_urgent_task_after_a_burst_of_quick_ones(
    each_database: str,  # noqa: F811
    timeout: float | None,
    tmp_path: Path,
    start_worker: StartWorker,  # noqa: F811
) -> None:
    """More slow tasks come than the workers can start; each runs until released. Workers keep only what they run."""
    start_worker("--threads", str(THREADS))
    warm_up()
    slow = jobs.wait_for.using(timeout=timeout)
    enqueue_many(slow, [(str(tmp_path),)] * 300)
    running = TaskRecord.objects.filter(status=RUNNING)
    wait_until(lambda: 0 < running.count() <= 2 * THREADS, "the worker holds what it runs")
    start_worker("--threads", str(THREADS))
    wait_until(lambda: WorkerRecord.objects.count() == 2, "another one comes")
    wait_until(lambda: THREADS < running.count() <= 4 * THREADS, "it gets as many")
    urgent = jobs.add.using(priority=100).enqueue(1, 2)
    (tmp_path / "go").touch()
    wait_until(lambda: TaskRecord.objects.filter(pk=urgent.id, status=SUCCESSFUL).exists(), "it is done")
    record = TaskRecord.objects.get(pk=urgent.id)
    assert record.last_attempted_at
    between = {"last_attempted_at__gt": record.enqueued_at, "last_attempted_at__lt": record.last_attempted_at}
    assert TaskRecord.objects.filter(**between).count() <= 8 * THREADS  # claimed just when it came
    wait_until(lambda: done() == 400 + 300 + 1, "all are done")
    assert not TaskRecord.objects.filter(losses__gt=0).exists()


@ON_BOTH
def test_what_was_not_begun_leaves_no_trace(
    each_database: str,  # noqa: F811
    tmp_path: Path,
    start_worker: StartWorker,  # noqa: F811
) -> None:
    """A task that is given back counts no attempt, and may still expire."""
    start_worker("--threads", str(THREADS))
    warm_up()
    enqueue_many(jobs.wait_for, [(str(tmp_path),)] * 100)
    waiting = TaskRecord.objects.filter(task_path__endswith="wait_for", status=TaskResultStatus.READY)
    wait_until((tmp_path / "started").exists, "the worker has claimed some")
    given_back = wait_until(lambda: enough(list(waiting.all()), 100 - 2 * THREADS), "the rest is given back")
    assert {(len(record.worker_ids), record.started_at) for record in given_back} == {(0, None)}


def enough(records: list[TaskRecord], count: int) -> list[TaskRecord]:
    """Return all records, or none if there are fewer than `count`; one query, since the worker claims meanwhile."""
    return records if len(records) >= count else []


@ON_BOTH
def test_tasks_with_a_timeout_keep_no_others_waiting(
    each_database: str,  # noqa: F811
    tmp_path: Path,
    start_worker: StartWorker,  # noqa: F811
) -> None:
    """There are more of them than processes, all are more urgent, and all are slow."""
    slow = jobs.wait_for.using(timeout=60, priority=50)
    enqueue_many(slow, [(str(tmp_path),)] * 300)
    start_worker("--threads", str(THREADS))
    wait_until((tmp_path / "started").exists, "they run")
    warm_up(100)
    running = TaskRecord.objects.filter(status=RUNNING)
    wait_until(lambda: running.count() <= 2 * THREADS, "the worker holds what it runs")
    (tmp_path / "go").touch()
    wait_until(lambda: done() == 400, "all are done")
