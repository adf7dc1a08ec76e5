"""From the call to the row."""

import datetime
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.checks import run_checks
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from djbundle.tasks import DatabaseBackend
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.testing import run_pending
from tests.conformance import jobs
from tests.conformance.api import (
    LOGGER,
    InvalidTask,
    InvalidTaskBackend,
    Task,
    TaskResult,
    TaskResultStatus,
    default_task_backend,
    task_backends,
    task_enqueued,
)
from tests.conformance.settings import BACKEND, TASKS
from tests.support.moments import in_order


def enqueue(task: Task, *args: Any, **kwargs: Any) -> TaskResult:
    return task.enqueue(*args, **kwargs)


def aenqueue(task: Task, *args: Any, **kwargs: Any) -> TaskResult:
    return async_to_sync(task.aenqueue)(*args, **kwargs)


def enqueue_by_backend(task: Any, *args: Any, **kwargs: Any) -> TaskResult:
    return default_task_backend.enqueue(task, args, kwargs)  # type: ignore[arg-type]  # Django passes a tuple too


def aenqueue_by_backend(task: Any, *args: Any, **kwargs: Any) -> TaskResult:
    return async_to_sync(default_task_backend.aenqueue)(task, args, kwargs)  # type: ignore[arg-type]


every_way = pytest.mark.parametrize("way", [enqueue, aenqueue, enqueue_by_backend, aenqueue_by_backend])


@contextmanager
def received_signals() -> Iterator[list[dict[str, Any]]]:
    """Yield a list of the keyword arguments of each task_enqueued signal."""
    calls: list[dict[str, Any]] = []

    def receive(**arguments: Any) -> None:
        calls.append(arguments)

    task_enqueued.connect(receive)
    try:
        yield calls
    finally:
        task_enqueued.disconnect(receive)


@every_way
@pytest.mark.parametrize("task", [jobs.nothing, jobs.nothing_async])
def test_result_of_what_was_enqueued(way: Any, task: Any) -> None:
    before = timezone.now()
    result = way(task, 1, two=3)
    assert result.task == task
    assert result.status == TaskResultStatus.READY
    assert not result.is_finished
    assert (result.args, result.kwargs) == ([1], {"two": 3})
    assert before <= result.enqueued_at <= timezone.now()
    assert (result.started_at, result.last_attempted_at, result.finished_at) == (None, None, None)
    assert (result.errors, result.worker_ids, result.attempts, result.backend) == ([], [], 0, "default")
    assert isinstance(result.id, str)
    assert str(TaskRecord.objects.get().pk) == result.id


@every_way
def test_arguments_become_what_json_can_say(way: Any) -> None:
    result = way(jobs.give_back, (1, b"two", None, [True, 1.5]), more=OrderedDict(a=range(2)))
    assert result.args == [[1, "two", None, [True, 1.5]]]
    assert result.kwargs == {"more": {"a": [0, 1]}}
    record = TaskRecord.objects.get()
    assert (record.args, record.kwargs) == (result.args, result.kwargs)


@every_way
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (datetime.datetime.now(datetime.UTC), TypeError),
        (object(), TypeError),
        ({1, 2}, TypeError),
        (b"\xff", ValueError),
    ],
)
@pytest.mark.parametrize("place", [lambda bad: ([bad], {}), lambda bad: ([], {"named": [bad]})])
def test_arguments_that_json_cannot_say(way: Any, bad: Any, error: type[Exception], place: Any) -> None:
    args, kwargs = place(bad)
    with pytest.raises(error, match="Unsupported"):
        way(jobs.nothing, *args, **kwargs)
    assert not TaskRecord.objects.exists()


def test_arguments_belong_to_the_result() -> None:
    """Changing the list that was passed does not change the result's arguments."""
    arguments = [1]
    result = jobs.give_back.enqueue(arguments)
    arguments.append(2)
    assert result.args == [[1]]


@every_way
def test_task_is_validated_again_when_it_is_enqueued(way: Any) -> None:
    """The settings may have changed since the task was made."""
    task = jobs.nothing.using(queue_name="mails")
    settings = {"default": {"BACKEND": BACKEND, "QUEUES": ["default"]}}
    with override_settings(TASKS=settings), pytest.raises(InvalidTask, match="Queue 'mails' is not valid for backend"):
        way(task)
    assert not TaskRecord.objects.exists()


def test_no_backend_at_all() -> None:
    with override_settings(TASKS={}), pytest.raises(InvalidTaskBackend):
        jobs.nothing.enqueue()


def test_queue_is_the_default_one_when_none_is_named() -> None:
    with override_settings(TASKS={"default": {"BACKEND": BACKEND}}):
        assert jobs.nothing.enqueue().task.queue_name == "default"
        with pytest.raises(InvalidTask, match="Queue 'mails'"):
            jobs.nothing.using(queue_name="mails")


def test_options_of_the_task_are_kept() -> None:
    later = timezone.now() + datetime.timedelta(hours=1)
    task = jobs.nothing.using(priority=9, queue_name="mails", run_after=later)
    result = task.enqueue()
    assert result.task == task
    assert task.get_result(result.id).task == task


def test_run_after_without_time_zones() -> None:
    with override_settings(USE_TZ=False):
        now = datetime.datetime.now()
        due = jobs.double.using(run_after=now - datetime.timedelta(seconds=1)).enqueue(1)
        later = jobs.double.using(run_after=now + datetime.timedelta(hours=1)).enqueue(1)
        assert run_pending() == 1
        due.refresh()
        assert in_order(now, due.enqueued_at, due.started_at, due.finished_at)
        assert later.task.run_after == now + datetime.timedelta(hours=1)


def test_backends_keep_their_tasks_apart() -> None:
    result = jobs.nothing.using(backend="open").enqueue()
    assert result.backend == "open"
    assert result.task.get_backend() is task_backends["open"]
    assert not jobs.nothing.get_backend().options
    result.refresh()


def test_task_given_to_another_backend_than_its_own() -> None:
    result = task_backends["open"].enqueue(jobs.double, [4], {})
    assert (result.backend, result.task.backend) == ("open", "open")
    run_pending()
    result.refresh()
    assert result.return_value == 8


def test_project_can_have_a_backend_of_its_own() -> None:
    settings = {"default": {"BACKEND": f"{__name__}.PoliteBackend", "OPTIONS": {"word": "please"}}}
    with override_settings(TASKS=settings), received_signals() as calls:
        result = jobs.give_back.enqueue("now")
        assert result.kwargs == {"word": "please"}
        assert calls[0]["sender"] is PoliteBackend


class PoliteBackend(DatabaseBackend):
    def enqueue(self, task: Any, args: Any, kwargs: Any) -> TaskResult:
        return super().enqueue(task, args, {**kwargs, **self.options})


# --- transactions ---


def test_nobody_sees_a_task_before_the_commit() -> None:
    counts: list[int] = []

    def look() -> None:
        counts.append(TaskRecord.objects.count())
        connection.close()

    with transaction.atomic():
        result = jobs.nothing.enqueue()
        assert result.enqueued_at is not None
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert counts == [0]
    assert TaskRecord.objects.count() == 1


# --- the signal ---


@every_way
def test_signal_of_enqueuing(way: Any) -> None:
    with received_signals() as calls:
        result = way(jobs.nothing, 1)
    (call,) = calls
    assert call["sender"] is DatabaseBackend
    assert call["task_result"] == result
    assert set(call) == {"signal", "sender", "task_result"}


def test_signal_is_not_sent_for_what_is_refused() -> None:
    with received_signals() as calls, pytest.raises(TypeError):
        jobs.nothing.enqueue(object())
    assert calls == []


def test_signal_is_sent_when_the_row_is_there() -> None:
    def look(task_result: TaskResult, **_: Any) -> None:
        task_result.refresh()

    task_enqueued.connect(look)
    try:
        jobs.nothing.enqueue()
    finally:
        task_enqueued.disconnect(look)


def test_enqueuing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=LOGGER):
        result = jobs.nothing.enqueue()
    (line,) = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert line == f"Task id={result.id} path=tests.conformance.jobs.nothing enqueued backend=default"


# --- the check framework ---


def ids_of_checks(**settings: Any) -> set[str | None]:
    with override_settings(**settings):
        return {message.id for message in run_checks()}


def test_checks_find_nothing_wrong_with_these_settings() -> None:
    assert ids_of_checks(TASKS={name: TASKS[name] for name in ("default", "open")}) == set()


def test_checks_of_each_backend() -> None:
    options = {"RATE_LIMITS": {"imports": "often"}}
    settings = {"default": {"BACKEND": BACKEND}, "other": {"BACKEND": BACKEND, "OPTIONS": options}}
    assert ids_of_checks(TASKS=settings) == {"djbundle_tasks.E003", "djbundle_tasks.E004"}


def test_checks_miss_the_app() -> None:
    apps = ["django.contrib.contenttypes", "django.contrib.auth"]
    assert "djbundle_tasks.E001" in ids_of_checks(INSTALLED_APPS=apps, TASKS={"default": {"BACKEND": BACKEND}})
