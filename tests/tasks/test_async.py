"""Async tasks: many at once in one event loop, even if one of them misbehaves."""

from queue import Queue
from types import SimpleNamespace
from typing import Any

from django.tasks import TaskResult, TaskResultStatus

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.worker.process.event_loop import EventLoop
from tests.support.waiting import wait_until
from tests.tasks import async_jobs
from tests.tasks.conftest import StartWorker

MANY = 100
SUCCESSFUL, FAILED = TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED


def test_many_run_at_once_in_few_threads(start_worker: StartWorker) -> None:
    for number in range(MANY):
        async_jobs.meet.enqueue(number, MANY)
    assert start_worker("--drain", "--threads", str(MANY)).wait(60) == 0
    threads: list[Any] = [*TaskRecord.objects.values_list("return_value", flat=True)]
    assert len(threads) == MANY
    assert max(threads) < 15


def test_the_database_and_its_threads(start_worker: StartWorker) -> None:
    """A task that blocks its own synchronous part delays no other task."""
    async_jobs.block_its_thread.enqueue(30.0)
    counted = [async_jobs.count_tasks.enqueue() for _ in range(3)]
    start_worker("--drain")
    wait_until(lambda: all(is_finished(result) for result in counted), "they are done, beside the one that blocks")
    assert [result.return_value for result in counted] == [4, 4, 4]  # type: ignore[comparison-overlap]  # not awaited


def test_its_failures_are_its_own(start_worker: StartWorker) -> None:
    async_jobs.leave.enqueue()
    async_jobs.fail.enqueue()
    async_jobs.count_tasks.enqueue()
    assert start_worker("--drain").wait(60) == 0
    left, failed, counted = TaskRecord.objects.order_by("pk")
    assert (left.status, left.losses) == (FAILED, 0)
    assert left.errors[0]["exception_class_path"] == "builtins.SystemExit"
    assert (failed.status, len(failed.errors)) == (FAILED, 2)
    assert "async_jobs.py" in failed.errors[0]["traceback"]
    assert counted.status == SUCCESSFUL


def test_an_end_that_fails_is_an_end() -> None:
    """A task ends even if no thread can be started for what follows it."""

    async def nothing() -> None: ...

    def fail(_call: object) -> None:
        raise RuntimeError("can't start new thread")

    outcomes: Queue[Outcome] = Queue()
    attempt: Any = SimpleNamespace(run=SimpleNamespace(pk=1, epoch=2), start=nothing, execute=fail)
    EventLoop().run(attempt, outcomes.put)
    outcome = outcomes.get(timeout=20)
    assert (outcome.pk, outcome.epoch, outcome.status) == (1, 2, FAILED)
    assert outcome.error
    assert "can't start new thread" in outcome.error["traceback"]


def is_finished(result: TaskResult) -> bool:
    result.refresh()
    return result.is_finished
