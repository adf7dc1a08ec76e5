"""Many calls enqueued with one statement."""

import datetime
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from djbundle.tasks import Arguments, DatabaseBackend, aenqueue_many, enqueue_many
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import wakeup
from djbundle.tasks.testing import enqueued, run_pending
from tests.conformance import jobs
from tests.conformance.api import InvalidTask, TaskResultStatus, task_enqueued
from tests.conformance.settings import BACKEND

ONLY_ONCE = jobs.double.using(unique=True)


@contextmanager
def counting() -> Iterator[dict[str, list[Any]]]:
    """Yield the statements, the results that task_enqueued reported, and the wake-ups sent to the worker."""
    effects: dict[str, list[Any]] = {"INSERT": [], "SELECT": [], "signals": [], "wakes": []}

    def receive(sender: Any, task_result: Any, **_: Any) -> None:
        assert sender is DatabaseBackend
        effects["signals"].append(task_result)

    task_enqueued.connect(receive)
    with pytest.MonkeyPatch.context() as patch, CaptureQueriesContext(connection) as queries:
        send = partial(effects["wakes"].append, "default")
        patch.setattr(wakeup, "_sender_to", lambda _alias: send)
        yield effects
    task_enqueued.disconnect(receive)
    for query in queries:
        if "_taskrecord" in query["sql"]:  # and not the wake-up of workers on other machines, or a lock
            effects.setdefault(query["sql"].split()[0], []).append(query["sql"])


def test_each_way_to_say_the_arguments() -> None:
    results = enqueue_many(jobs.nothing, [(1, 2), [3], {"a": 4}, Arguments((5,), {"b": 6}), (), ((1, 2), {"a": 1})])
    assert [(result.args, result.kwargs) for result in results] == [
        ([1, 2], {}),
        ([3], {}),
        ([], {"a": 4}),
        ([5], {"b": 6}),
        ([], {}),
        ([[1, 2], {"a": 1}], {}),
    ]
    for result in results:
        assert jobs.nothing.get_result(result.id) == result


@pytest.mark.parametrize("bad", ["text", 5, None, jobs])
def test_what_is_no_call(bad: Any) -> None:
    with pytest.raises(TypeError, match="A call is"):
        enqueue_many(jobs.nothing, [(1,), bad])
    assert not TaskRecord.objects.exists()


@pytest.mark.parametrize("many", [enqueue_many, async_to_sync(aenqueue_many)])
def test_one_statement_signals_and_one_wake(many: Any) -> None:
    with counting() as effects:
        results = many(jobs.double, ((n,) for n in range(25)))
    assert (len(effects["INSERT"]), len(effects["SELECT"]), len(effects["wakes"])) == (1, 0, 1)
    assert effects["signals"] == results
    assert [(result.status, result.task, result.args) for result in results] == [
        (TaskResultStatus.READY, jobs.double, [n]) for n in range(25)
    ]
    assert run_pending() == 25
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [2 * n for n in range(25)]


def test_nothing_to_enqueue() -> None:
    with counting() as effects:
        assert enqueue_many(jobs.double, []) == []
    assert not any(effects.values())


@pytest.mark.parametrize("task", [jobs.double, ONLY_ONCE])
def test_more_than_one_statement_can_carry(task: Any) -> None:
    with counting() as effects:
        results = enqueue_many(task, ((n,) for n in range(3000)))
    assert [result.args for result in results] == [[n] for n in range(3000)]
    rows = dict(TaskRecord.objects.values_list("pk", "args"))
    assert {int(result.id): result.args for result in results} == rows
    assert (len(effects["signals"]), len(effects["wakes"])) == (3000, 1)
    limit = connection.features.max_query_params
    assert len(effects["INSERT"]) <= (3000 * 40 // limit + 1 if limit else 1)


def test_all_or_none() -> None:
    with pytest.raises(TypeError, match="Unsupported"):
        enqueue_many(jobs.double, [(1,), (object(),)])
    with transaction.atomic():
        enqueue_many(jobs.double, [(1,), (2,)])
        transaction.set_rollback(True)
    assert not TaskRecord.objects.exists()


def test_receiver_that_fails_undoes_all() -> None:
    """As with one task, its exception reaches the caller of enqueue."""

    def fail(**_: Any) -> None:
        raise RuntimeError("a receiver")

    task_enqueued.connect(fail)
    try:
        with pytest.raises(RuntimeError, match="a receiver"):
            enqueue_many(jobs.double, [(1,), (2,)])
    finally:
        task_enqueued.disconnect(fail)
    assert not TaskRecord.objects.exists()


def test_task_is_validated() -> None:
    task = jobs.nothing.using(queue_name="mails")
    with override_settings(TASKS={"default": {"BACKEND": BACKEND}}), pytest.raises(InvalidTask, match="Queue 'mails'"):
        enqueue_many(task, [()])


def test_options_of_the_task_are_kept() -> None:
    later = timezone.now() + datetime.timedelta(hours=1)
    task = jobs.double.using(priority=5, queue_name="mails", run_after=later, max_attempts=4)
    (result,) = enqueue_many(task, [(1,)])
    assert result.task == task == task.get_result(result.id).task
    assert run_pending() == 0


# --- tasks that exist once ---


def test_unique_calls_are_added_once() -> None:
    there = ONLY_ONCE.enqueue(2)
    with counting() as effects:
        results = enqueue_many(ONLY_ONCE, [(1,), (2,), (3,), (1,)])
    assert results[1].id == there.id
    assert results[0].id == results[3].id
    assert len({result.id for result in results}) == 3
    assert [result.args for result in results] == [[1], [2], [3], [1]]
    assert TaskRecord.objects.count() == 3
    selects = 2 if connection.vendor == "mysql" else 1  # it cannot skip existing rows and report the new ones
    assert (len(effects["INSERT"]), len(effects["SELECT"]), len(effects["wakes"])) == (1, selects, 1)
    assert [result.args for result in effects["signals"]] == [[1], [3]]


def test_unique_calls_that_are_all_there() -> None:
    first = enqueue_many(ONLY_ONCE, [(1,), (2,)])
    with counting() as effects:
        again = enqueue_many(ONLY_ONCE, [(2,), (1,)])
    assert [result.id for result in again] == [first[1].id, first[0].id]
    assert (effects["signals"], effects["wakes"]) == ([], [])


def test_unique_calls_may_come_again_after_the_end() -> None:
    (first,) = enqueue_many(ONLY_ONCE, [(1,)])
    run_pending()
    (again,) = enqueue_many(ONLY_ONCE, [(1,)])
    assert first.id != again.id


def test_unique_for_a_while() -> None:
    task = jobs.double.using(unique_for=60)
    first = enqueue_many(task, [(1,), (2,)])
    run_pending()
    TaskRecord.objects.filter(pk=first[1].id).update(enqueued_at=timezone.now() - datetime.timedelta(seconds=61))
    again = enqueue_many(task, [(1,), (2,)])
    assert again[0].id == first[0].id
    assert again[0].status == TaskResultStatus.SUCCESSFUL
    assert again[1].id != first[1].id


def test_unique_calls_from_many_threads() -> None:
    """They are enqueued at the same moment, each in its own order: no two threads deadlock."""
    rounds, others, count = 3, 4, 2000
    keys: list[list[str]] = []
    together = threading.Barrier(others)

    def enqueue(turn: int) -> None:
        with closing(connections[DEFAULT_DB_ALIAS]):
            for start in range(0, rounds * count, count):
                calls = [(n,) for n in range(start, start + count)]
                together.wait(timeout=30)
                results = enqueue_many(ONLY_ONCE, calls[:: -1 if turn % 2 else 1])
                keys.append(sorted(result.id for result in results))

    with ThreadPoolExecutor(others) as threads:
        list(threads.map(enqueue, range(others)))
    assert TaskRecord.objects.count() == rounds * count
    assert len(keys) == rounds * others
    assert len(set(map(tuple, keys))) == rounds


def test_what_many_enqueued_keeps_its_order() -> None:
    enqueue_many(ONLY_ONCE, [(n,) for n in range(20, 0, -1)])
    assert enqueued(ONLY_ONCE) == [([n], {}) for n in range(20, 0, -1)]


# --- other backends ---


def test_inline_backend_runs_them() -> None:
    with override_settings(TASKS={"default": {"BACKEND": "djbundle.tasks.InlineBackend"}}):
        results = enqueue_many(jobs.double, [(1,), (2,)])
    assert [result.return_value for result in results] == [2, 4]


def test_backend_that_knows_nothing_of_many() -> None:
    package = type(jobs.double).__mro__[1].__module__.removesuffix(".base")
    with override_settings(TASKS={"default": {"BACKEND": f"{package}.backends.dummy.DummyBackend"}}):
        results = enqueue_many(jobs.double, [(1,), {"number": 2}])
    assert [(result.args, result.kwargs) for result in results] == [([1], {}), ([], {"number": 2})]
    assert not TaskRecord.objects.exists()
