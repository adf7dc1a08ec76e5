"""Results: get, refresh, and what they contain before the end, after it, and if it fails."""

import datetime
from dataclasses import asdict
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.testing import run_pending
from tests.conformance import jobs
from tests.conformance.api import (
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    default_task_backend,
    task_backends,
)


def get(finder: Any, key: Any) -> Any:
    return finder.get_result(key)


def aget(finder: Any, key: Any) -> Any:
    return async_to_sync(finder.aget_result)(key)


either_way = pytest.mark.parametrize("find", [get, aget])


@either_way
@pytest.mark.parametrize("finder", [jobs.double, default_task_backend])
def test_result_is_found_by_its_id(find: Any, finder: Any) -> None:
    result = jobs.double.enqueue(3)
    assert find(finder, result.id) == result
    run_pending()
    result.refresh()
    again = find(finder, result.id)
    assert again == result
    assert again.return_value == 6


@either_way
@pytest.mark.parametrize("finder", [jobs.double, default_task_backend])
@pytest.mark.parametrize("key", ["123", "0", "-1", "no number", "", "8" * 40, "0b5e6a1c-0000-4000-8000-000000000000"])
def test_result_that_is_not_there(find: Any, finder: Any, key: str) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        find(finder, key)


@either_way
def test_result_of_another_task(find: Any) -> None:
    result = jobs.double.enqueue(3)
    with pytest.raises(TaskResultMismatch, match=r"received 'tests\.conformance\.jobs\.double'"):
        find(jobs.nothing, result.id)


@either_way
def test_result_of_another_backend(find: Any) -> None:
    result = jobs.double.enqueue(3)
    with pytest.raises(TaskResultDoesNotExist):
        find(task_backends["open"], result.id)


def test_refreshing_what_has_not_changed() -> None:
    result = jobs.double.using(run_after=timezone.now() + datetime.timedelta(hours=1)).enqueue(3)
    before = asdict(result)
    result.refresh()
    assert asdict(result) == before
    async_to_sync(result.arefresh)()
    assert asdict(result) == before


@pytest.mark.parametrize("refresh", [lambda result: result.refresh(), lambda result: async_to_sync(result.arefresh)()])
def test_refreshing_what_has_changed(refresh: Any) -> None:
    result = jobs.double.enqueue(3)
    run_pending()
    assert (result.status, result.attempts) == (TaskResultStatus.READY, 0)
    refresh(result)
    assert (result.status, result.attempts, result.return_value) == (TaskResultStatus.SUCCESSFUL, 1, 6)
    assert result.is_finished


def test_refreshing_what_was_deleted() -> None:
    result = jobs.double.enqueue(3)
    TaskRecord.objects.all().delete()
    with pytest.raises(TaskResultDoesNotExist):
        result.refresh()


@pytest.mark.parametrize("status", [TaskResultStatus.READY, TaskResultStatus.RUNNING])
def test_no_return_value_before_the_end(status: TaskResultStatus) -> None:
    result = jobs.double.enqueue(3)
    TaskRecord.objects.update(status=status)
    result.refresh()
    assert not result.is_finished
    with pytest.raises(ValueError, match="Task has not finished yet"):
        _ = result.return_value


def test_no_return_value_of_a_failure() -> None:
    result = jobs.fail.enqueue("ValueError")
    run_pending()
    result.refresh()
    assert result.is_finished
    with pytest.raises(ValueError, match="Task failed"):
        _ = result.return_value


@pytest.mark.parametrize(
    ("path", "error"), [("subprocess.run", ValueError), ("os.path", ValueError), ("nowhere.Error", ImportError)]
)
def test_class_of_an_error_that_is_none(path: str, error: type[Exception]) -> None:
    result = jobs.fail.enqueue("ValueError")
    run_pending()
    TaskRecord.objects.update(errors=[{"exception_class_path": path, "traceback": ""}])
    result.refresh()
    with pytest.raises(error):
        _ = result.errors[0].exception_class


def test_result_outlives_the_names_of_queues() -> None:
    """The queue has since been removed from the settings."""
    result = jobs.double.enqueue(3)
    TaskRecord.objects.update(queue_name="of-last-year")
    result.refresh()
    assert jobs.double.get_result(result.id).id == result.id
