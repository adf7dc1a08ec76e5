"""The list of workers."""

import datetime
import signal

import pytest
from django.utils import timezone

from djbundle.tasks.models import WorkerRecord
from tests.support.waiting import wait_until
from tests.tasks.conftest import StartWorker


@pytest.mark.usefixtures("each_database")
def test_a_worker_is_listed_while_it_runs(start_worker: StartWorker) -> None:
    worker = start_worker("--queues", "default,mails", "--threads", "3", TASKS_TEST_OPTIONS='{"LEASE": 0.6}')
    record = wait_until(WorkerRecord.objects.first, "it is listed")
    assert (record.pid, record.queues, record.processes, record.threads) == (worker.pid, ["default", "mails"], 1, 3)
    assert record.started_at <= record.seen_at
    wait_until(lambda: WorkerRecord.objects.filter(seen_at__gt=record.seen_at).exists(), "it is heard of again")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert not WorkerRecord.objects.exists()


def test_workers_that_are_gone_are_removed(start_worker: StartWorker) -> None:
    killed = start_worker()
    wait_until(WorkerRecord.objects.exists, "it is listed")
    killed.kill()
    killed.wait()
    elsewhere = WorkerRecord.objects.get()
    elsewhere.identity = "another-machine/1/1"
    elsewhere.seen_at = timezone.now() - datetime.timedelta(minutes=1)
    elsewhere.save(force_insert=True)
    living = start_worker()
    wait_until(lambda: list(WorkerRecord.objects.values_list("pid", flat=True)) == [living.pid], "it is alone")
