"""The project's code that runs when the worker enqueues a task ends neither the worker nor other tasks."""

import signal
from typing import Any

import pytest
from django.tasks import TaskResultStatus
from django.utils import timezone

from tests.tasks.conftest import (  # noqa: F401 - fixtures, and Django's setup
    StartWorker,
    each_database,
    postgres,
    postgres_server,
    start_worker,
)

# isort: split

from djbundle.tasks import call, chain, group, operations_api
from djbundle.tasks.models import Schedule, TaskRecord
from djbundle.tasks.store import transitions
from tests.attacks.test_tasks_outcomes import check_innocent, check_innocent_after_all
from tests.support.waiting import wait_until
from tests.tasks import hostile_followers, jobs

ON_BOTH = pytest.mark.parametrize("each_database", ["sqlite", "postgresql"], indirect=True)
LOADED = {"DJANGO_SETTINGS_MODULE": "tests.tasks.listening_settings"}
SUCCESSFUL, FAILED, READY = TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED, TaskResultStatus.READY
MODULE = "tests.tasks.hostile_followers"


def enqueue_chain(follower: Any, path: str = "") -> None:
    """Enqueue a chain; `path` names the follower if its module must not be loaded here."""
    first = chain(call(jobs.say, "a"), call(follower), call(jobs.say)).enqueue()
    if path:
        record = TaskRecord.objects.get(pk=first.id)
        assert record.then
        record.then[0]["task"] = path
        record.save()


def by_path(name: str) -> TaskRecord:
    return TaskRecord.objects.get(task_path__endswith=name)


@ON_BOTH
@pytest.mark.parametrize("environment", [LOADED, {}], ids=["loaded", "not loaded"])
def test_followers_that_end_who_makes_them(
    each_database: str,  # noqa: F811
    start_worker: StartWorker,  # noqa: F811
    environment: dict[str, str],
) -> None:
    """The followers fail, the tasks before them do not; once the cause is gone, their chains and groups go on."""
    enqueue_chain(hostile_followers.exits)
    enqueue_chain(hostile_followers.dies)
    enqueue_chain(hostile_followers.has_strange_key)
    enqueue_chain(hostile_followers.plain, "tests.tasks.exiting_module.follow")
    both = group([call(jobs.say, "a"), call(jobs.say, "b")], then=call(hostile_followers.exits)).enqueue()
    innocent = [jobs.add.enqueue(number, number) for number in range(20)]
    assert start_worker("--drain", **environment).wait(90) == 0
    for result in innocent:
        result.refresh()
    assert {result.status for result in innocent} == {SUCCESSFUL}
    before = TaskRecord.objects.filter(task_path__endswith=".say")
    assert {record.status for record in before} == {SUCCESSFUL}
    failed = TaskRecord.objects.filter(status=FAILED)
    assert sorted(record.task_path.rpartition(".")[2] for record in failed) == ["dies", "exits", "exits", "follow"]
    assert "3 processes ended" in by_path(".dies").errors[-1]["traceback"]
    assert by_path(".has_strange_key").concurrency_key == "key"
    assert both.is_failed

    operations_api.retry(transitions.records())
    assert start_worker("--drain", **environment, TASKS_TEST_KEYS="mended").wait(90) == 0
    assert {record.status for record in TaskRecord.objects.all()} == {SUCCESSFUL}
    assert both.is_finished
    assert TaskRecord.objects.filter(task_path__endswith=".say").count() == 4 + 2 + 4


@ON_BOTH
def test_ticks_of_schedules_that_end_who_makes_them(each_database: str, start_worker: StartWorker) -> None:  # noqa: F811
    for name in ("exits", "dies", "plain"):
        Schedule.objects.create(name=name, task_path=f"{MODULE}.{name}", interval=3600, next_run=timezone.now())
    Schedule.objects.create(
        name="module", task_path="tests.tasks.exiting_module.follow", interval=3600, next_run=timezone.now()
    )
    innocent = [jobs.add.enqueue(number, number) for number in range(20)]
    assert start_worker("--drain").wait(90) == 0
    for result in innocent:
        result.refresh()
    assert {result.status for result in innocent} == {SUCCESSFUL}
    ran = TaskRecord.objects.exclude(task_path=jobs.add.module_path)
    assert {record.task_path: record.status for record in ran} == {
        f"{MODULE}.exits": FAILED,
        f"{MODULE}.dies": FAILED,
        f"{MODULE}.plain": SUCCESSFUL,
    }


@ON_BOTH
def test_follower_that_hangs_who_makes_it(each_database: str, start_worker: StartWorker) -> None:  # noqa: F811
    """It occupies a thread like a task that hangs, or fails if it has a timeout; the database stays free for others."""
    chain(call(jobs.say, "a"), call(hostile_followers.hangs)).enqueue()
    chain(call(jobs.say, "a"), call(hostile_followers.hangs.using(timeout=0.5))).enqueue()
    worker = start_worker("--threads", "2", "--grace", "1", **LOADED)
    followers = TaskRecord.objects.filter(task_path=hostile_followers.hangs.module_path)
    wait_until(lambda: followers.filter(status=FAILED).exists(), "one has failed")
    assert "longer than 0.5 seconds" in followers.get(status=FAILED).errors[-1]["traceback"]
    innocent = [jobs.add.enqueue(number, number) for number in range(20)]
    done = TaskRecord.objects.filter(status=SUCCESSFUL, task_path=jobs.add.module_path)
    wait_until(lambda: done.count() == 20, "the others are done")
    check_innocent_after_all(innocent)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert followers.exclude(status=FAILED).get().status == READY


@ON_BOTH
def test_receivers_that_exit(each_database: str, start_worker: StartWorker) -> None:  # noqa: F811
    """Receivers of task_enqueued and of Django's model signals exit."""
    enqueue_chain(hostile_followers.plain)
    both = group([call(jobs.say, "a"), call(jobs.say, "b")], then=call(hostile_followers.plain)).enqueue()
    innocent = [jobs.add.enqueue(number, number) for number in range(20)]
    assert start_worker("--drain", **LOADED, TASKS_TEST_LISTEN="1").wait(90) == 0
    check_innocent(innocent)
    followers = TaskRecord.objects.filter(task_path=hostile_followers.plain.module_path)
    assert [record.status for record in followers] == [FAILED] * 2
    assert all("SystemExit" in record.errors[0]["exception_class_path"] for record in followers)
    assert both.is_failed
    operations_api.retry(transitions.records())
    assert start_worker("--drain", **LOADED).wait(90) == 0
    assert {record.status for record in TaskRecord.objects.all()} == {SUCCESSFUL}
    assert both.is_finished
