"""A worker keeps its tasks as long as it lives; when it fails, no task's crash count rises."""

import datetime
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.tasks import TaskResultStatus

from tests.tasks.conftest import StartWorker, start_worker  # noqa: F401 - a fixture, and Django's setup

# isort: split

from django.db import connections, transaction
from django.utils import timezone

from djbundle.tasks.models import TaskRecord, WorkerRecord
from djbundle.tasks.store import leases
from tests.support.waiting import wait_until
from tests.tasks import hostile_jobs, jobs
from tests.tasks.databases import use_sqlite

RUNNING, SUCCESSFUL = TaskResultStatus.RUNNING, TaskResultStatus.SUCCESSFUL


@pytest.fixture(autouse=True)
def own_database(tmp_path: Path) -> Iterator[None]:
    with use_sqlite(tmp_path / "own.sqlite3"):
        yield


def stop_outside_of_transactions(worker: subprocess.Popen[bytes]) -> bool:
    """Stop the worker while it holds no transaction; otherwise no other process could write."""
    worker.send_signal(signal.SIGSTOP)
    with closing(sqlite3.connect(connections["default"].settings_dict["NAME"], timeout=0)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            worker.send_signal(signal.SIGCONT)
            return False
    return True


def test_worker_that_is_stopped_is_not_robbed(tmp_path: Path, start_worker: StartWorker) -> None:  # noqa: F811
    """All workers are stopped like this while a laptop is closed."""
    jobs.wait_for.enqueue(str(tmp_path))
    first = start_worker()
    wait_until((tmp_path / "started").exists, "the task runs")
    wait_until(lambda: stop_outside_of_transactions(first), "it is stopped")
    TaskRecord.objects.update(lease_until=timezone.now() - datetime.timedelta(hours=1))
    WorkerRecord.objects.update(seen_at=timezone.now() - datetime.timedelta(hours=1))
    record = TaskRecord.objects.get()
    start_worker()
    jobs.add.enqueue(1, 2)
    wait_until(TaskRecord.objects.filter(status=SUCCESSFUL).exists, "the second one works")
    assert leases.rescue() == 0
    assert WorkerRecord.objects.count() == 2
    first.send_signal(signal.SIGCONT)
    (tmp_path / "go").touch()
    wait_until(lambda: TaskRecord.objects.filter(status=SUCCESSFUL).count() == 2, "the task ends")
    assert (tmp_path / "started").read_text() == "x"
    assert TaskRecord.objects.get(pk=record.pk).epoch == 1


def test_commit_wakes_every_worker(start_worker: StartWorker) -> None:  # noqa: F811
    """Each worker has its own queue, and none polls."""
    names = ["default", "mails"]
    for name in names:
        start_worker("--queues", name, "--poll", "3600")
    wait_until(lambda: WorkerRecord.objects.count() == len(names), "all run")
    for name in names:
        with transaction.atomic():
            TaskRecord.objects.filter(pk=jobs.add.enqueue(1, 2).id).update(queue_name=name)
    wait_until(lambda: TaskRecord.objects.filter(status=SUCCESSFUL).count() == len(names), "all are woken")


@pytest.mark.parametrize(("fault", "code"), [("", 1), ("exit", 3), ("write", 3)])
def test_worker_that_fails_gives_its_tasks_back(
    fault: str,
    code: int,
    tmp_path: Path,
    start_worker: StartWorker,  # noqa: F811
) -> None:
    """However often it fails by a fault of its own, no task's crash count rises."""
    for _ in range(3):
        jobs.wait_for.enqueue(str(tmp_path))
    for _ in range(3):
        broken = {"DJANGO_SETTINGS_MODULE": "tests.tasks.broken_settings", "TASKS_TEST_FAULT": fault}
        assert start_worker("--threads", "2", **broken).wait(30) == code
    records = list(TaskRecord.objects.all())
    assert Counter((record.status, record.losses, record.worker) for record in records) == {
        (TaskResultStatus.READY, 0, ""): 3
    }


def test_task_that_asks_again_and_again_stays_small(start_worker: StartWorker) -> None:  # noqa: F811
    hostile_jobs.put_off.enqueue("past")
    start_worker("--poll", "0.05")
    wait_until(lambda: TaskRecord.objects.get().epoch > 10, "it has run often")
    record = TaskRecord.objects.get()
    assert record.errors == []
    assert len(record.worker_ids) <= 1
