"""One task leaves nothing behind for the next task, or for the test that runs it."""

from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.tasks import Task
from django.test import TestCase

from djbundle.tasks import operations_api
from djbundle.tasks.models import PausedQueue, TaskRecord
from djbundle.tasks.store import transitions
from djbundle.tasks.testing import assert_enqueued, enqueued, run_pending
from tests.tasks import isolation_jobs, jobs
from tests.tasks.conftest import StartWorker

CLEAN = ["en-us", settings.TIME_ZONE, "nothing", None, 28]


def ends() -> list[Any]:
    return list(TaskRecord.objects.order_by("id").values_list("task_path", "return_value"))


@pytest.mark.parametrize("leave", [isolation_jobs.leave, isolation_jobs.leave_async])
def test_next_task_of_a_process_finds_nothing(start_worker: StartWorker, leave: Task) -> None:
    for _ in range(3):
        leave.enqueue()
        isolation_jobs.tell.enqueue()
        isolation_jobs.tell_async.enqueue()
    worker = start_worker("--drain", "--threads", "1", "--processes", "1")
    assert worker.wait(60) == 0
    states = [value for path, value in ends() if path.endswith(".tell")]
    states += [each for path, values in ends() if path.endswith(".tell_async") for each in values]
    assert states == [CLEAN] * 9


def test_test_that_runs_tasks_finds_nothing() -> None:
    before = isolation_jobs._seen()
    isolation_jobs.leave.enqueue()
    isolation_jobs.leave_async.enqueue()
    assert run_pending() == 2
    assert isolation_jobs._seen() == before


@pytest.mark.usefixtures("each_database")
def test_transaction_that_a_task_leaves_open_swallows_nothing(start_worker: StartWorker) -> None:
    isolation_jobs.leave_a_transaction_open.enqueue()
    isolation_jobs.pause.enqueue("kept")
    worker = start_worker("--drain", "--threads", "1")
    assert worker.wait(60) == 0
    assert list(PausedQueue.objects.values_list("name", flat=True)) == ["kept"]
    assert {status for (status,) in TaskRecord.objects.values_list("status")} == {"SUCCESSFUL"}


@pytest.mark.usefixtures("each_database")
def test_transaction_of_a_thread_that_has_ended_holds_no_locks(start_worker: StartWorker) -> None:
    """No other process could write to SQLite: the worker would never end."""
    isolation_jobs.leave_a_transaction_open_in_a_thread.enqueue()
    isolation_jobs.pause.enqueue("kept")
    worker = start_worker("--drain", "--threads", "1", "--processes", "1")
    assert worker.wait(60) == 0
    assert list(PausedQueue.objects.values_list("name", flat=True)) == ["kept"]
    assert {status for (status,) in TaskRecord.objects.values_list("status")} == {"SUCCESSFUL"}


@pytest.fixture
def inside_a_test_case(each_database: str) -> Any:
    """Run the test as in django.test.TestCase: in one transaction, which is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("inside_a_test_case")
def test_task_that_fails_in_the_database_does_not_break_a_test() -> None:
    isolation_jobs.write_and_fail_in_the_database.enqueue("first")
    isolation_jobs.write_twice.enqueue("second")
    isolation_jobs.write_and_fail.enqueue("third")
    isolation_jobs.pause.enqueue("fourth")
    assert run_pending() == 4
    assert [record.status for record in TaskRecord.objects.order_by("id")] == ["FAILED"] * 3 + ["SUCCESSFUL"]
    names = set(PausedQueue.objects.values_list("name", flat=True))
    assert {"third", "fourth"} <= names  # tasks that fail outside the database keep their writes


class InTestCase(TestCase):
    """A real TestCase, on the database of the session."""

    databases = {"default"}

    def test_failure_in_the_database(self) -> None:
        isolation_jobs.write_twice.enqueue("twice")
        assert run_pending() == 1
        assert not PausedQueue.objects.exists()
        assert operations_api.retry(transitions.records()) == 1
        assert run_pending() == 1


def test_retries_can_be_run() -> None:
    result = jobs.fail.enqueue()  # two attempts, with a long pause between
    assert run_pending() == 1
    assert run_pending() == 0
    assert run_pending(retries=True) == 1
    result.refresh()
    assert (result.status, result.attempts) == ("FAILED", 2)


def test_retries_run_until_they_have_ended() -> None:
    jobs.fail.using(max_attempts=5).enqueue()
    assert run_pending(retries=True) == 5


def test_retries_that_never_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("djbundle.tasks.testing.MAX_RUNS", 20)
    jobs.not_now.using(max_attempts=1000).enqueue()
    with pytest.raises(RuntimeError, match="still retries"):
        run_pending(retries=True)


def test_arguments_are_compared_as_they_are_kept() -> None:
    jobs.say.enqueue((1, (2, 3)))  # type: ignore[arg-type]
    jobs.say.enqueue(text={"a": (1,)})  # type: ignore[arg-type]
    assert_enqueued(jobs.say, (1, (2, 3)))
    assert_enqueued(jobs.say, [1, [2, 3]])
    assert_enqueued(jobs.say, text={"a": (1,)})
    with pytest.raises(AssertionError, match="was not enqueued"):
        assert_enqueued(jobs.say, (1, (2, 4)))
    assert enqueued(jobs.say)[0] == ([[1, [2, 3]]], {})
