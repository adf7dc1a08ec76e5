"""Tasks with an ordering key: one at a time, in the order in which they were enqueued."""

import datetime

import pytest
from django.db import connection
from django.tasks import TaskResultStatus
from django.tasks.exceptions import InvalidTask
from django.utils import timezone

from djbundle.tasks import enqueue_many, operations_api
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim as claiming
from djbundle.tasks.store import limits, transitions
from djbundle.tasks.store.outcome import Outcome, entry_of
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.workflow import call, chain
from tests.tasks import jobs
from tests.tasks.conftest import StartWorker
from tests.tasks.test_broker import all_succeed, options, url

ME = Identity.of_this_process()
IN_ORDER = jobs.say.using(ordering_key="account 1")

__all__ = ["url"]  # a fixture


@pytest.fixture(params=["sqlite", "postgres", "mariadb"], autouse=True)
def each_database(request: pytest.FixtureRequest) -> None:
    if request.param != "sqlite" and "url" not in request.fixturenames:
        request.getfixturevalue(request.param)


@pytest.fixture
def three() -> list[int]:
    """Enqueue three tasks with the same key, and return their numbers."""
    return [int(IN_ORDER.enqueue(str(number)).id) for number in range(3)]


def claim(limit: int = 100) -> list[TaskRecord]:
    return claiming.claim(ME, limit)


def keys_claimed() -> list[int]:
    return [record.pk for record in claim()]


def finish(record: TaskRecord) -> None:
    transitions.finish(
        [Outcome(record.pk, record.epoch, TaskResultStatus.SUCCESSFUL, is_followed=record.then is not None)]
    )


def fail(record: TaskRecord) -> None:
    error = entry_of(ValueError, "no")
    transitions.finish([Outcome(record.pk, record.epoch, TaskResultStatus.FAILED, error=error)])


def test_each_waits_for_the_one_before(three: list[int]) -> None:
    for key in three:
        (record,) = claim()
        assert record.pk == key
        assert claim() == []
        finish(record)
    assert claim() == []


def test_priority_does_not_overtake(three: list[int]) -> None:
    IN_ORDER.using(priority=100).enqueue("urgent")
    assert keys_claimed() == three[:1]


def test_keys_and_tasks_without_one_do_not_wait_for_each_other(three: list[int]) -> None:
    other = IN_ORDER.using(ordering_key="account 2").enqueue("other")
    free = jobs.say.enqueue("free")
    assert sorted(keys_claimed()) == [three[0], int(other.id), int(free.id)]


def test_one_that_waits_for_its_time_holds_up_those_behind_it() -> None:
    later = IN_ORDER.using(run_after=timezone.now() + datetime.timedelta(hours=1)).enqueue("later")
    IN_ORDER.enqueue("behind")
    assert claim() == []
    operations_api.run_now(TaskRecord.objects.filter(pk=later.id))
    assert keys_claimed() == [int(later.id)]


def test_a_failure_lets_the_next_one_run_and_a_retry_goes_first(three: list[int]) -> None:
    fail(claim()[0])
    (second,) = claim()
    operations_api.retry(TaskRecord.objects.filter(pk=three[0]))
    assert claim() == []
    finish(second)
    assert keys_claimed() == three[:1]


def test_a_cancelled_one_makes_room(three: list[int]) -> None:
    operations_api.cancel(TaskRecord.objects.filter(pk=three[0]))
    assert keys_claimed() == three[1:2]


def test_the_key_may_be_computed_and_empty() -> None:
    task = jobs.say.using(ordering_key=lambda text: text[:1])
    first = [int(task.enqueue(text).id) for text in ("a1", "b1", "", "")]
    task.enqueue("a2")
    assert sorted(keys_claimed()) == first


def test_a_task_that_follows_another_keeps_its_key() -> None:
    chain(call(jobs.say, "first"), call(IN_ORDER, "second").without_result()).enqueue()
    (record,) = claim()
    finish(record)
    following = TaskRecord.objects.exclude(pk=record.pk).get()
    assert (following.concurrency_key, following.concurrency_limit, following.in_order) == ("account 1", 1, True)


@pytest.mark.parametrize("rules", [{"concurrency": 1}, {"concurrency": 2, "concurrency_key": "k"}])
def test_a_limit_beside_an_order_is_refused(rules: dict[str, object]) -> None:
    with pytest.raises(InvalidTask, match="ordering_key already means one at a time"):
        IN_ORDER.using(**rules).enqueue("x")  # type: ignore[arg-type]


def test_thousands_that_wait_are_no_burden() -> None:
    enqueue_many(IN_ORDER, [(str(number),) for number in range(3000)])
    if connection.vendor == "sqlite":
        assert "djbundle_tasks_limited" in limits.in_turn(claiming.startable()).explain()
    for _ in range(20):
        (record,) = claim()
        finish(record)
    assert not TaskRecord.objects.exclude(status=TaskResultStatus.SUCCESSFUL).filter(pk__lt=record.pk).exists()


def test_two_workers_keep_the_order_over_a_broker(url: str, start_worker: StartWorker) -> None:
    for _ in range(2):
        start_worker("--threads", "4", **options(url))
    for number in range(20):
        for account in range(3):
            IN_ORDER.using(ordering_key=f"account {account}").enqueue(f"{number}")
    all_succeed(60)
    for account in range(3):
        rows = TaskRecord.objects.filter(concurrency_key=f"account {account}").order_by("pk")
        moments = [moment for row in rows for moment in (row.started_at, row.finished_at) if moment]
        assert len(moments) == 40
        assert moments == sorted(moments)
