"""Tasks that must not run at the same time, and queues with a limit on the tasks that may begin."""

import datetime
import time
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.tasks import TaskResultStatus, task_backends
from django.tasks.exceptions import InvalidTask
from django.utils import timezone

from djbundle.tasks.models import QueueLimit, TaskRecord
from djbundle.tasks.store import claim as claiming
from djbundle.tasks.store import leases, transitions
from djbundle.tasks.store.limits import Rate
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.store.worker_identity import Identity
from tests.tasks import jobs
from tests.tasks.conftest import StartWorker

ME = Identity.of_this_process()


def claim(limit: int = 100) -> list[TaskRecord]:
    return claiming.claim(ME, limit)


def finish(record: TaskRecord) -> None:
    transitions.finish([Outcome(record.pk, record.epoch, TaskResultStatus.SUCCESSFUL)])


def test_tasks_with_one_key_are_claimed_one_after_the_other(tmp_path: Path) -> None:
    for account in (1, 1, 2, 1, 2):
        jobs.alone_with.enqueue(account, str(tmp_path))
    jobs.say.enqueue("free")
    first = claim()
    assert sorted(record.concurrency_key for record in first) == ["", "account 1", "account 2"]
    assert claim() == []
    finish(next(record for record in first if record.concurrency_key == "account 1"))
    assert [record.concurrency_key for record in claim()] == ["account 1"]


def test_more_than_one_at_once_where_that_is_the_limit() -> None:
    task = jobs.say.using(concurrency=3)
    for number in range(5):
        task.enqueue(str(number))
    assert len(claim()) == 3


def test_a_lost_run_frees_its_place(tmp_path: Path) -> None:
    for _ in range(2):
        jobs.alone_with.enqueue(1, str(tmp_path))
    (first,) = claim()
    leases.record_crash(first)
    assert len(claim()) == 1


def test_urgent_tasks_come_first_whatever_has_a_limit(tmp_path: Path) -> None:
    jobs.alone_with.using(priority=1).enqueue(1, str(tmp_path))
    jobs.say.using(priority=2).enqueue("first")
    jobs.say.using(priority=0).enqueue("last")
    assert [record.priority for record in (*claim(1), *claim(1), *claim(1))] == [2, 1, 0]


def test_blocked_tasks_keep_no_others_waiting(tmp_path: Path) -> None:
    for _ in range(300):
        jobs.alone_with.using(priority=50).enqueue(1, str(tmp_path))
    jobs.say.enqueue("free")
    assert [record.concurrency_key for record in claim(2)] == ["account 1", ""]


def test_workers_never_run_two_with_one_key(tmp_path: Path, start_worker: StartWorker) -> None:
    for number in range(40):
        jobs.alone_with.enqueue(number % 2, str(tmp_path))
    workers = [start_worker("--drain", "--processes", "2", "--threads", "4", "--poll", "0.05") for _ in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).count() == 40


@pytest.fixture
def ten_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(task_backends["default"].options, "RATE_LIMITS", {"default": "600/m"})
    QueueLimit.objects.all().delete()


@pytest.mark.usefixtures("ten_a_second")
def test_a_queue_with_a_rate_is_claimed_no_faster() -> None:
    for number in range(30):
        jobs.say.enqueue(str(number))
    begun = time.monotonic()
    assert len(claim()) == 10  # ten a second
    assert len(claim()) <= 1 + 10 * (time.monotonic() - begun)
    QueueLimit.objects.update(counted_at=timezone.now() - datetime.timedelta(seconds=0.55))
    assert len(claim()) in (5, 6)
    QueueLimit.objects.update(counted_at=timezone.now() - datetime.timedelta(days=1))
    assert len(claim()) == 10  # unused capacity is not saved up


@pytest.mark.usefixtures("ten_a_second")
def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    for number in range(30):
        jobs.say.enqueue(str(number))
    claim(4)
    QueueLimit.objects.update(counted_at=timezone.now() + datetime.timedelta(hours=1))
    assert len(claim()) == 6


@pytest.mark.parametrize("text", ["", "100", "0/m", "5/0s", "-1/s", "x/m", "5/w", 100])
def test_a_rate_that_says_nothing_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="is written as"):
        Rate.parse(text)
    monkeypatch.setitem(task_backends["default"].options, "RATE_LIMITS", {"default": text})
    assert [message.id for message in task_backends["default"].check()] == ["djbundle_tasks.E003"]


def test_a_rate_for_no_queue_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(task_backends["default"].options, "RATE_LIMITS", {"mials": "1/s"})
    assert [message.id for message in task_backends["default"].check()] == ["djbundle_tasks.E004"]


def test_rates_are_spread_evenly() -> None:
    assert (Rate.parse("100/m").burst, Rate.parse("10/30s").burst) == (100 / 60, 1.0)
    assert Rate.parse("50/s").burst == 50.0


@pytest.mark.parametrize("rules", [{"concurrency": 0}, {"concurrency": 1.5}, {"concurrency_key": "alone"}])
def test_limits_that_say_nothing_are_refused(rules: dict[str, object]) -> None:
    with pytest.raises(InvalidTask, match="concurrency"):
        jobs.say.using(**rules)  # type: ignore[arg-type]
