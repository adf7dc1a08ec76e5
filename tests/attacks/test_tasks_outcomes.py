"""No return value, exception or progress of a task ends its worker or keeps another task from finishing."""

from pathlib import Path

import psutil
import pytest
from django.tasks import TaskResult, TaskResultStatus

from tests.tasks.conftest import (  # noqa: F401 - fixtures, and Django's setup
    StartWorker,
    each_database,
    postgres,
    postgres_server,
    start_worker,
)

# isort: split

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store.outcome import MAX_TRACEBACK
from tests.support.waiting import wait_until
from tests.tasks import hostile_jobs, jobs

ON_BOTH = pytest.mark.parametrize("each_database", ["sqlite", "postgresql"], indirect=True)
SUCCESSFUL, FAILED, READY = TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED, TaskResultStatus.READY
KEPT = {"leaf", "leaves"}  # of the returned values
KEPT_BY_SQLITE = KEPT | {"half of a pair", "zero byte"}
TOLD = {"decimal", "half of a pair", "zero byte", "leaf", "long note"}  # of the progress values


def statuses(results: dict[str, TaskResult]) -> dict[str, str]:
    by_pk = {str(record.pk): record.status for record in TaskRecord.objects.all()}
    return {name: by_pk[result.id] for name, result in results.items()}


def check_innocent(results: list[TaskResult]) -> None:
    """Check that all tasks succeeded, at the first attempt."""
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [2 * number for number in range(len(results))]
    assert {result.attempts for result in results} == {1}
    assert not TaskRecord.objects.filter(losses__gt=0).exists()


@ON_BOTH
def test_outcomes_that_cannot_be_written(
    each_database: str,  # noqa: F811
    start_worker: StartWorker,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    """All such tasks run at once, among others, in one process."""
    returned = {name: hostile_jobs.return_strange.enqueue(name) for name in hostile_jobs.RETURNED}
    put_off = {name: hostile_jobs.put_off.enqueue(name) for name in hostile_jobs.DELAYS}
    results = {name: hostile_jobs.tell.enqueue(name) for name in hostile_jobs.PROGRESS}
    raised = {name: hostile_jobs.fail_strangely.enqueue(name) for name in hostile_jobs.RAISED}
    later = {name: hostile_jobs.fail_strangely_later.enqueue(name) for name in hostile_jobs.RAISED}
    twice = {name: hostile_jobs.fail_strangely_twice.enqueue(name) for name in hostile_jobs.RAISED}
    far, nowhere = hostile_jobs.back_off_far.enqueue(), hostile_jobs.back_off_nowhere.enqueue()
    leaving = hostile_jobs.back_off_and_exit.enqueue()
    innocent = [jobs.add.enqueue(number, number) for number in range(20)]
    assert start_worker("--drain").wait(60) == 0

    kept = KEPT_BY_SQLITE if each_database == "sqlite" else KEPT
    assert statuses(returned) == {name: SUCCESSFUL if name in kept else FAILED for name in returned}
    assert statuses(put_off) == {"far": READY, "infinite": READY, "nan": FAILED, "past": READY}
    assert statuses(results) == {name: SUCCESSFUL if name in TOLD else FAILED for name in results}
    assert statuses(raised) == statuses(later) == statuses(twice) == dict.fromkeys(raised, FAILED)
    runs = {record.args[0]: len(record.errors) for record in TaskRecord.objects.filter(max_attempts=2)}
    assert runs == dict.fromkeys(twice, 2) | {"exit": 1}  # what is no Exception is not retried
    assert statuses({"far": far, "nowhere": nowhere, "leaving": leaving}) == {
        "far": READY,
        "nowhere": FAILED,
        "leaving": FAILED,
    }
    check_innocent(innocent)
    assert "the worker made a mistake" not in capfd.readouterr().err
    longest = max(len(error["traceback"]) for record in TaskRecord.objects.all() for error in record.errors)
    assert longest < 1.1 * MAX_TRACEBACK


@ON_BOTH
def test_backoff_that_hangs_after_a_timeout(each_database: str, start_worker: StartWorker) -> None:  # noqa: F811
    """The backoff is computed in its own process, with the same time limit as the task."""
    hanging = hostile_jobs.hang_twice.enqueue()
    innocent = [jobs.add.enqueue(number, number) for number in range(20)]
    assert start_worker("--drain").wait(60) == 0
    hanging.refresh()
    assert [error.exception_class for error in hanging.errors] == [TimeoutError]
    check_innocent(innocent)


@ON_BOTH
def test_process_that_does_not_answer(each_database: str, tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    """Check that a worker goes on while one task holds the interpreter of its process.

    The worker neither waits to send that process more than fits into a socket, nor for its earlier tasks to come back.
    """
    hostile_jobs.hold_the_interpreter.enqueue(str(tmp_path))
    worker = start_worker("--processes", "2", "--threads", "2")
    wait_until((tmp_path / "held").exists, "the interpreter is held")
    for _ in range(50):
        hostile_jobs.take.enqueue("x" * 100_000)
    innocent = [jobs.add.enqueue(number, number) for number in range(20)]
    done = TaskRecord.objects.filter(status=SUCCESSFUL)
    wait_until(lambda: done.count() == 70, "all others are done")
    check_innocent_after_all(innocent)
    assert worker.poll() is None
    assert len(psutil.Process(worker.pid).children()) == 2


def check_innocent_after_all(results: list[TaskResult]) -> None:
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [2 * number for number in range(len(results))]
    assert not TaskRecord.objects.filter(losses__gt=0).exists()
