"""Direct mode, ``?rows=no``: messages carry whole tasks, and only what does not simply succeed gets a row."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.tasks import TaskResultStatus, task_backends
from django.utils import timezone

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks import enqueue_many, operations_api
from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.engine.broker import Broker as Connection
from djbundle.tasks.engine.receiver import Receiver
from djbundle.tasks.models import TaskRecord
from tests.support.redis import Redis
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import Broker, StartWorker

FAILED, READY, SUCCESSFUL = TaskResultStatus.FAILED, TaskResultStatus.READY, TaskResultStatus.SUCCESSFUL


@pytest.fixture(params=["redis", "rabbitmq"])  # SQS carries keys only
def broker(request: pytest.FixtureRequest) -> Broker:
    server: Broker = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def url(broker: Broker) -> str:
    """Return the URL of the broker in direct mode, with queues of its own."""
    return f"{broker.url}?prefix=test-{uuid4().hex[:8]}&rows=no"


@pytest.fixture
def direct(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Send tasks of this process directly. Return the environment of a worker that receives them."""
    backend = task_backends["default"]
    assert isinstance(backend, DatabaseBackend)
    monkeypatch.setitem(backend.options, "URL", url)
    backend.__dict__.pop("_publisher", None)
    monkeypatch.setattr(backend, "_prototypes", {})
    yield {"TASKS_TEST_OPTIONS": json.dumps({"URL": url})}
    backend.__dict__.pop("_publisher", None)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_success_leaves_no_row(direct: dict[str, str], tmp_path: Path, start_worker: StartWorker) -> None:
    out = tmp_path / "out"
    worker = start_worker(**direct)
    result = jobs.note.enqueue(str(out), "single")
    enqueue_many(jobs.note, [(str(out), f"many{number}") for number in range(50)])
    wait_until(lambda: len(lines(out)) == 51, "all tasks run")
    assert sorted(lines(out)) == sorted(["single", *(f"many{number}" for number in range(50))])
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert not TaskRecord.objects.exists()
    assert result.status == READY
    assert len(lines(out)) == 51


def test_only_what_is_committed_is_sent(direct: dict[str, str], tmp_path: Path, start_worker: StartWorker) -> None:
    out = tmp_path / "out"
    start_worker(**direct)
    with transaction.atomic():
        jobs.note.enqueue(str(out), "first")
        with transaction.atomic():
            jobs.note.enqueue(str(out), "lost")
            transaction.set_rollback(True)
        with transaction.atomic():
            jobs.note.enqueue(str(out), "inner")
        jobs.note.enqueue(str(out), "last")
        assert not lines(out)
        assert len(connection.run_on_commit) == 3, "those of one savepoint go together"
    wait_until(lambda: len(lines(out)) == 3, "the committed tasks run")
    assert sorted(lines(out)) == ["first", "inner", "last"]


def test_what_fails_gets_a_row(direct: dict[str, str], tmp_path: Path, start_worker: StartWorker) -> None:
    start_worker(**direct)
    jobs.fail.using(max_attempts=1).enqueue()
    wait_until(lambda: TaskRecord.objects.filter(status=FAILED).count() == 1, "the failure is recorded")
    jobs.fail_until.using(backoff=0.01).enqueue(str(tmp_path), 3)
    wait_until(lambda: TaskRecord.objects.filter(status=SUCCESSFUL).count() == 1, "it succeeds at the third attempt")
    record = TaskRecord.objects.get(status=SUCCESSFUL)
    assert (record.return_value, len(record.errors), len(record.worker_ids)) == ("at last", 2, 3)
    jobs.kill_worker.enqueue()
    wait_until(lambda: TaskRecord.objects.filter(losses=3, status=FAILED).exists(), "three processes are enough")
    jobs.not_now.enqueue()
    wait_until(lambda: TaskRecord.objects.filter(status=READY, run_after__gt=timezone.now()).exists(), "it is put off")


@pytest.mark.usefixtures("direct")
def test_what_needs_a_row_has_one() -> None:
    later = timezone.now() + timedelta(hours=1)
    for task in (
        jobs.add.using(run_after=later),
        jobs.add.using(unique=True),
        jobs.add.using(concurrency=1),
        jobs.add.using(expires=60),
    ):
        task.enqueue(1, 2)
    jobs.say.enqueue("x" * 70_000)
    assert TaskRecord.objects.count() == 5


def test_without_its_broker_a_task_gets_a_row(
    broker: Broker, direct: dict[str, str], tmp_path: Path, start_worker: StartWorker
) -> None:
    out = tmp_path / "out"
    start_worker(**direct)
    broker.kill()
    try:
        jobs.note.enqueue(str(out), "waits")
        assert TaskRecord.objects.get().status == READY
    finally:
        broker.start()
    wait_until(lambda: lines(out) == ["waits"], "the relay sends its row", 60)


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_a_broker_that_hangs_holds_up_one_request(broker: Redis, direct: dict[str, str]) -> None:
    assert direct

    def enqueue() -> None:
        for _ in range(50):
            jobs.say.enqueue("waits")
        connection.close()

    jobs.say.enqueue("connects")
    broker.freeze()
    try:
        enqueuing = threading.Thread(target=enqueue)
        enqueuing.start()
        enqueuing.join(30)
        assert not enqueuing.is_alive(), "fifty requests that wait one after the other take a minute"
    finally:
        broker.thaw()
    assert TaskRecord.objects.filter(status=READY).count() == 50


def test_killed_worker(url: str, direct: dict[str, str], tmp_path: Path, start_worker: StartWorker) -> None:
    """The broker delivers the message again. Then the task gets a row, in which another death would be counted."""
    if url.startswith("redis"):  # it notices no death, but waits
        direct = {"TASKS_TEST_OPTIONS": json.dumps({"URL": f"{url}&visibility_timeout=3"})}
    jobs.wait_for.enqueue(str(tmp_path))
    first = start_worker(**direct)
    wait_until((tmp_path / "started").exists, "the task starts")
    assert not TaskRecord.objects.exists()
    first.kill()
    first.wait()
    start_worker(**direct)
    wait_until(lambda: (tmp_path / "started").read_text() == "xx", "the task is run again", 120)
    assert TaskRecord.objects.count() == 1
    (tmp_path / "go").touch()
    wait_until(lambda: TaskRecord.objects.filter(status=SUCCESSFUL).exists(), "it succeeds")


def test_message_of_a_dead_worker_is_delivered_again_without_kombus_help(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kombu looks for such messages only after a pause without any event. For minutes there may be none."""
    url = BrokerUrl.parse(f"{redis_server.url}?prefix=test-{uuid4().hex[:8]}&rows=no&visibility_timeout=1")
    monkeypatch.setattr("kombu.transport.redis.MultiChannelPoller.maybe_restore_messages", lambda _poller: None)
    monkeypatch.setattr("djbundle.tasks.engine.receiver.REDELIVERY_INTERVAL", 0.2)
    dead = Connection(url)
    messages: list[Any] = []
    dead.publish_tasks("default", [{"id": -1}])
    receiving = dead.consume(["default"], print, messages.append)
    receiving.start()
    wait_until(lambda: receiving.drain(0.1) or messages, "the dead worker has the message")
    ours, theirs = socket.socketpair()
    receiver = Receiver(url, ["default"], theirs)
    thread = threading.Thread(target=receiver.run, daemon=True)
    thread.start()
    ours.sendall(b"5\n")
    ours.settimeout(30)
    assert ours.recv(1000) == b't1 1 [{"id":-1}]\n'
    ours.sendall(b"a1\n")
    messages[0].ack()
    ours.close()
    thread.join(30)
    assert not thread.is_alive()
    theirs.close()


@pytest.mark.usefixtures("direct")
def test_what_takes_long_gets_a_row(url: str, tmp_path: Path, start_worker: StartWorker) -> None:
    """Its lease protects it from then on, and it can be cancelled."""
    start_worker(TASKS_TEST_OPTIONS=json.dumps({"URL": f"{url}&visibility_timeout=4"}))
    jobs.until_cancelled.enqueue(str(tmp_path))
    wait_until(lambda: TaskRecord.objects.filter(status=TaskResultStatus.RUNNING).exists(), "it gets a row", 20)
    operations_api.cancel(TaskRecord.objects.all())
    wait_until(lambda: TaskRecord.objects.filter(status=FAILED).exists(), "it ends")


def test_worker_that_stops_gives_back(direct: dict[str, str], tmp_path: Path, start_worker: StartWorker) -> None:
    """It runs what has started to its end. The rest gets rows, and is run by others."""
    out = tmp_path / "out"
    worker = start_worker("--threads", "1", **direct)
    jobs.wait_for.enqueue(str(tmp_path))
    wait_until((tmp_path / "started").exists, "the task starts")
    for number in range(30):
        jobs.note.enqueue(str(out), f"n{number}")
    worker.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert worker.wait(30) == 0
    start_worker(**direct)
    wait_until(lambda: len({*lines(out)}) == 30, "all run", 60)
    assert len(lines(out)) == 30
    wait_until(lambda: not TaskRecord.objects.exclude(status=SUCCESSFUL).exists(), "all rows succeed")


def test_paused_queue(direct: dict[str, str], tmp_path: Path, start_worker: StartWorker) -> None:
    out = tmp_path / "out"
    operations_api.pause("mails")
    start_worker(**direct)
    jobs.note.using(queue_name="mails").enqueue(str(out), "mail")
    jobs.note.enqueue(str(out), "other")
    wait_until(lambda: lines(out) == ["other"], "the other queue runs")
    wait_until(lambda: TaskRecord.objects.filter(status=READY).exists(), "the other task waits in a row")
    operations_api.resume("mails")
    wait_until(lambda: sorted(lines(out)) == ["mail", "other"], "it runs", 60)
