"""The backlog of each queue, and the time to drain it at the recent rate."""

import datetime
import math

import pytest
from django.tasks import TaskResultStatus
from django.utils import timezone

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import backlog
from djbundle.tasks.store.backlog import Backlog
from tests.tasks import jobs


def wait_in(queue: str, count: int) -> None:
    for _ in range(count):
        jobs.add.using(queue_name=queue).enqueue(1, 2)


def finish_in(queue: str, count: int, seconds_ago: float) -> None:
    moment = timezone.now() - datetime.timedelta(seconds=seconds_ago)
    for _ in range(count):
        TaskRecord.new(
            task_path="tests.tasks.jobs.add",
            queue_name=queue,
            backend="default",
            status=TaskResultStatus.SUCCESSFUL,
            finished_at=moment,
        ).save(force_insert=True)


def of(queue: str) -> Backlog:
    return next(each for each in backlog.backlog() if each.queue == queue)


@pytest.mark.usefixtures("each_database")
def test_time_to_drain() -> None:
    """A queue is as fast as its own tasks have ended in the last minutes."""
    wait_in("default", 6)
    wait_in("mails", 3)
    assert (of("default").ready, of("default").drain) == (6, math.inf)
    finish_in("default", 100, 400)  # too long ago
    assert of("default").drain == math.inf
    finish_in("default", 12, 120)
    finish_in("mails", 6, 10)
    assert of("default").drain == pytest.approx(60, rel=0.2)
    assert of("mails").drain == pytest.approx(60, rel=0.2)


def test_few_quick_tasks_are_spread_over_a_minute() -> None:
    wait_in("default", 10)
    finish_in("default", 1, 0)
    assert of("default").drain == pytest.approx(600)


def test_many_tasks_are_counted_by_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "RATE_SAMPLE", 20)
    wait_in("default", 10)
    finish_in("default", 50, 200)
    finish_in("default", 20, 10)
    assert of("default").drain == pytest.approx(5, rel=0.5)


def test_nothing_ready_is_drained() -> None:
    jobs.add.using(run_after=timezone.now() + datetime.timedelta(hours=1)).enqueue(1, 2)
    assert (of("default").scheduled, of("default").drain) == (1, 0.0)
