"""Relays report the state of the broker, and a relay runs without a worker: real servers, killed and restarted."""

import datetime
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from djbundle.runtime.http.readiness import find_warnings
from djbundle.runtime.metrics.broker import broker as broker_metrics
from djbundle.runtime.metrics.families import exposition
from djbundle.tasks.compat import task_backends
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.helper_process import HelperProcess
from djbundle.tasks.engine.relay_registry import RelayRegistration, broker_status
from djbundle.tasks.models import RelayRecord, TaskRecord
from djbundle.tasks.store.worker_identity import Identity
from tests.support.postgres import Postgres
from tests.support.redis import Redis
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY, Broker, StartWorker

StartRelay = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def url(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of the broker, with queues of its own. This process uses it too."""
    if broker.url.startswith("sqs:"):
        pytest.skip("only a message shows whether SQS answers")
    text = f"{broker.url}?prefix=test-{uuid4().hex[:8]}"
    monkeypatch.setitem(task_backends["default"].options, "URL", text)
    return text


@pytest.fixture
def with_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the settings name a broker, which nobody asks."""
    monkeypatch.setitem(task_backends["default"].options, "URL", "redis://host")


@pytest.fixture
def start_relay() -> Iterator[StartRelay]:
    """Start ``manage.py relay``; all are killed at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> subprocess.Popen[bytes]:
        environment = ENVIRONMENT | os.environ | {"TASKS_TEST_OPTIONS": json.dumps({"URL": url})}
        command = [sys.executable, "-m", "django", "relay"]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def is_up() -> bool:
    status = broker_status()
    return bool(status and status.relays and not status.failing)


def is_down() -> bool:
    status = broker_status()
    return bool(status and status.failing)


def all_sent() -> bool:
    return not TaskRecord.objects.filter(sent_at=None).exists()


# --- whether the broker answers ---


def test_outage_is_told(broker: Broker, url: str, start_worker: StartWorker) -> None:
    """Even if no task is there to be sent."""
    start_worker(TASKS_TEST_OPTIONS=json.dumps({"URL": url}))
    wait_until(is_up, "the broker answers")
    assert find_warnings() == []
    broker.kill()
    try:
        wait_until(is_down, "the outage is told")
        [warning] = find_warnings()
        assert warning.startswith("the broker has not answered since ")
        metrics = exposition(broker_metrics())
        assert f'djbundle_broker_up{{relay="{socket.gethostname()}/' in metrics
        assert "} 0\n" in metrics
        first = RelayRecord.objects.get()
        wait_until(lambda: RelayRecord.objects.get().errors > first.errors, "it is asked again")
        assert RelayRecord.objects.get().failing_since == first.failing_since
    finally:
        broker.start()
    wait_until(is_up, "the broker answers again")
    assert RelayRecord.objects.get().errors > 0
    assert find_warnings() == []


@pytest.mark.usefixtures("each_database", "with_broker")
def test_list_of_relays() -> None:
    registration = RelayRegistration(Identity.of_this_process())
    assert broker_status() == type(broker_status())([])  # type: ignore[misc]
    registration.record_error("no answer")
    first = RelayRecord.objects.get()
    registration.record_error("still none")
    again = RelayRecord.objects.get()
    assert (again.error, again.errors, again.failing_since) == ("still none", 2, first.failing_since)
    ended = RelayRecord(identity="elsewhere/1/1", host="b", pid=1, seen_at=first.seen_at - datetime.timedelta(hours=1))
    ended.save()
    living = RelayRecord(identity="elsewhere/2/1", host="c", pid=2, seen_at=first.seen_at)
    living.save()
    status = broker_status()
    assert status
    assert [relay.pid for relay in status.failing] == [first.pid]
    assert "has not answered 1 of 2 relays since" in (status.describe() or "")
    registration.record_success()
    assert is_up()
    assert set(RelayRecord.objects.values_list("pid", flat=True)) == {first.pid, 2}
    registration.remove()
    assert RelayRecord.objects.get().pid == 2


def test_without_a_broker_nothing_is_told() -> None:
    RelayRegistration(Identity.of_this_process()).record_error("no answer")
    assert broker_status() is None
    assert find_warnings() == []
    assert list(broker_metrics()) == []


@pytest.mark.usefixtures("with_broker")
def test_metrics_of_tasks() -> None:
    RelayRegistration(Identity.of_this_process()).record_success()
    jobs.add.enqueue(1, 2)
    jobs.add.using(queue_name="mails").enqueue(1, 2)
    TaskRecord.objects.filter(queue_name="mails").update(sent_at=timezone.now())
    TaskRecord.objects.filter(queue_name="default").update(run_after=timezone.now() - datetime.timedelta(hours=1))
    text = exposition(broker_metrics())
    assert 'djbundle_tasks_sent{queue="mails"} 1\n' in text
    assert f'djbundle_broker_up{{relay="{socket.gethostname()}/{os.getpid()}"}} 1\n' in text
    assert sending.oldest_waiting() >= 3600
    assert "djbundle_tasks_unsent_oldest_seconds 36" in text


@pytest.mark.usefixtures("with_broker")
def test_overview_shows_an_outage() -> None:
    boss, _ = User.objects.get_or_create(username="relay-boss", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(boss)
    page = reverse("admin:djbundle_tasks_overview")
    assert "The broker has not answered" not in client.get(page).content.decode()
    RelayRegistration(Identity.of_this_process()).record_error("no <answer>")
    text = client.get(page).content.decode()
    assert "The broker has not answered since" in text
    assert "no &lt;answer&gt;" in text
    german = client.get(page, headers={"Accept-Language": "de"}).content.decode()
    assert "Der Broker antwortet seit" in german


# --- a relay without a worker ---


def test_relay_alone(url: str, start_relay: StartRelay, start_worker: StartWorker) -> None:
    relay = start_relay(url)
    wait_until(is_up, "the relay runs")
    jobs.add.enqueue(1, 2)
    wait_until(all_sent, "the task is sent")
    relay.send_signal(signal.SIGTERM)
    assert relay.wait(20) == 0
    assert not RelayRecord.objects.exists()
    start_worker(TASKS_TEST_OPTIONS=json.dumps({"URL": url}))
    wait_until(lambda: not TaskRecord.objects.exclude(status="SUCCESSFUL").exists(), "a worker runs it")


def test_relay_survives_its_broker(broker: Broker, url: str, start_relay: StartRelay) -> None:
    relay = start_relay(url)
    wait_until(is_up, "the relay runs")
    broker.kill()
    try:
        jobs.add.enqueue(1, 2)
        wait_until(is_down, "the outage is told")
        assert not all_sent()
    finally:
        broker.start()
    wait_until(all_sent, "the task is sent")
    assert relay.poll() is None


def test_relay_survives_its_database(
    postgres: Postgres, redis_server: Redis, monkeypatch: pytest.MonkeyPatch, start_relay: StartRelay
) -> None:
    monkeypatch.setitem(task_backends["default"].options, "URL", redis_server.url)
    relay = start_relay(f"{redis_server.url}?prefix=test-{uuid4().hex[:8]}")
    wait_until(is_up, "the relay runs")
    from django.db import connections  # noqa: PLC0415

    connections.close_all()
    postgres.restart()
    jobs.add.enqueue(1, 2)
    wait_until(all_sent, "the task is sent")
    assert relay.poll() is None


def test_relay_needs_a_broker() -> None:
    command = [sys.executable, "-m", "django", "relay"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=ENVIRONMENT | os.environ, capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 1
    assert "TASKS names no broker" in result.stderr
    assert "Traceback" not in result.stderr


def test_helper_finishes_what_it_has_begun(tmp_path: Path) -> None:
    """Else tasks are marked as sent, and not sent."""

    def run(sock: socket.socket) -> None:
        sock.sendall(b"begun\n")
        sock.recv(1)
        (tmp_path / "finished").touch()

    lines: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        helper = HelperProcess("helper", run, selector, lambda: None, lines.append)
        helper.start_if_missing()
        for key, _ in selector.select(20):
            key.data()
        assert lines == [b"begun"]
        helper.finish()
        helper.stop()
    assert (tmp_path / "finished").exists()
    assert helper.pid == 0
