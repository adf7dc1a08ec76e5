"""The rules of a task: retries, what to retry, expiry, and unique tasks."""

import datetime
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.tasks import TaskResultStatus
from django.tasks.exceptions import InvalidTask
from django.test import override_settings
from django.utils import timezone

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import transitions
from djbundle.tasks.testing import assert_enqueued, enqueued, run_pending
from tests.tasks import jobs


def wait_of(record: TaskRecord) -> float:
    """Return the seconds from the last run to the next."""
    assert record.last_attempted_at
    return (record.run_after - record.last_attempted_at).total_seconds()


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (jobs.fail, (890, 1110)),  # a number, with jitter
        (jobs.fail_with_function, (49.5, 51)),
        (jobs.not_now, (29.5, 31)),
    ],
)
def test_backoff(task: Any, expected: tuple[float, float]) -> None:
    task.enqueue()
    run_pending()
    record = TaskRecord.objects.get()
    assert record.status == TaskResultStatus.READY
    assert expected[0] < wait_of(record) < expected[1]


def test_backoff_that_ends_it() -> None:
    """A backoff function may return that there is no further run."""
    result = jobs.fail_with_function.using(max_attempts=9).enqueue()
    for _ in range(3):
        TaskRecord.objects.update(run_after=timezone.now())
        run_pending()
    result.refresh()
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 2)


def test_only_some_exceptions_are_retried() -> None:
    result = jobs.retry_on_connection_errors.enqueue("ValueError")
    other = jobs.retry_on_connection_errors.enqueue("ConnectionError")
    run_pending()
    result.refresh()
    other.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert other.status == TaskResultStatus.READY


def test_discarded_exception_ends_the_task_well() -> None:
    result = jobs.discard_missing.enqueue()
    run_pending()
    result.refresh()
    assert (result.status, result.return_value, result.errors) == (TaskResultStatus.SUCCESSFUL, None, [])


@pytest.mark.usefixtures("each_database")
def test_task_that_is_put_off_costs_no_attempt_and_leaves_no_trace() -> None:
    """This holds however often: after years of being put off, its row is as small as at the beginning."""
    result = jobs.not_now.using(max_attempts=1).enqueue()
    for _ in range(3):
        TaskRecord.objects.update(run_after=timezone.now())
        assert run_pending() == 1
    result.refresh()
    assert (result.status, result.errors, result.attempts) == (TaskResultStatus.READY, [], 0)


def test_task_that_has_expired_is_not_begun() -> None:
    result = jobs.add.using(expires=10).enqueue(1, 2)
    TaskRecord.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    assert run_pending() == 0
    assert transitions.expire() == 1
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert result.errors[0].exception_class is TimeoutError


def test_task_that_has_begun_does_not_expire() -> None:
    jobs.fail.using(expires=10).enqueue()
    run_pending()
    TaskRecord.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1), run_after=timezone.now())
    assert transitions.expire() == 0
    assert run_pending() == 1


def test_unique_task_is_there_once() -> None:
    first, again = jobs.add.using(unique=True).enqueue(1, 2), jobs.add.using(unique=True).enqueue(1, 2)
    other = jobs.add.using(unique=True).enqueue(1, 3)
    assert first.id == again.id != other.id
    run_pending()
    later = jobs.add.using(unique=True).enqueue(1, 2)
    assert later.id != first.id


def test_unique_for_a_while() -> None:
    task = jobs.add.using(unique_for=datetime.timedelta(minutes=5))
    first = task.enqueue(1, 2)
    run_pending()
    assert task.enqueue(1, 2).id == first.id
    TaskRecord.objects.update(enqueued_at=timezone.now() - datetime.timedelta(minutes=6))
    assert task.enqueue(1, 2).id != first.id


def test_unique_when_many_enqueue_at_once() -> None:
    ids: set[str] = set()

    def enqueue() -> None:
        ids.add(jobs.add.using(unique=True).enqueue(5, 5).id)
        connections.close_all()

    threads = [threading.Thread(target=enqueue) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == TaskRecord.objects.count() == 1


@pytest.mark.parametrize(
    "rules",
    [
        {"max_attempts": 0},
        {"max_attempts": "3"},
        {"max_attempts": 2**40},
        {"concurrency": 2**15},
        {"backoff": -1},
        {"backoff": float("nan")},
        {"backoff": True},
        {"timeout": float("nan")},
        {"expires": float("inf")},
        {"expires": 1e30},
        {"timeout": 0},
        {"expires": "soon"},
        {"unique_for": -1},
        {"retry_on": ValueError},
    ],
)
def test_mistakes_are_told_at_once(rules: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask, match=next(iter(rules))):
        jobs.add.using(**rules)


def test_helpers_for_tests(tmp_path: Path) -> None:
    jobs.add.enqueue(1, b=2)
    assert_enqueued(jobs.add, 1, b=2)
    assert enqueued(jobs.fail) == []
    with pytest.raises(AssertionError, match="was not enqueued"):
        assert_enqueued(jobs.add, 2, 2)
    assert run_pending() == 1
    assert enqueued() == []


def test_options_of_the_backend_are_the_rules_of_tasks_that_have_none() -> None:
    options = {"MAX_ATTEMPTS": 4, "BACKOFF": 2}
    with override_settings(TASKS={"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": options}}):
        jobs.say.enqueue("x")
        jobs.fail.enqueue()
    assert list(TaskRecord.objects.order_by("id").values_list("max_attempts", "backoff")) == [(4, 2.0), (2, 1000.0)]
