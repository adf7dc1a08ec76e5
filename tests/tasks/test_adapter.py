"""Another backend as the engine: its workers run the rows by our rules."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings

from djbundle.tasks import operations_api
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.engine.adapter import BackendEngine, EngineError, run_row
from djbundle.tasks.models import RelayRecord, TaskRecord
from tests.support.nats import Nats
from tests.support.outcomes import noted_outcomes, times_recorded
from tests.support.redis import Redis
from tests.support.servers import running
from tests.support.waiting import wait_until
from tests.tasks import heavy_jobs, jobs
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY

pytestmark = pytest.mark.skipif(django.VERSION < (6,), reason="the other backend of these tests is that of Django 6")
SUCCESSFUL, READY, FAILED = TaskResultStatus.SUCCESSFUL, TaskResultStatus.READY, TaskResultStatus.FAILED
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command of ``manage.py`` with an engine; all are killed at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_command(*command: str, **environment: str) -> subprocess.Popen[bytes]:
        variables = ENVIRONMENT | os.environ | {"DJANGO_SETTINGS_MODULE": "tests.tasks.engine_settings"} | environment
        started.append(subprocess.Popen([sys.executable, "-m", "django", *command], cwd=REPOSITORY, env=variables))
        return started[-1]

    yield start_command
    for process in started:
        process.terminate()
        process.wait()


def record_of(result: object) -> TaskRecord:
    return TaskRecord.objects.get(pk=result.id)  # type: ignore[attr-defined]


def run(result: object) -> TaskRecord:
    """Do what a worker of the other backend does."""
    run_row.call(int(record_of(result).pk))
    return record_of(result)


# --- one row ---


@pytest.mark.usefixtures("each_database")
def test_row_is_run_once() -> None:
    result = jobs.add.enqueue(1, 2)
    record = run(result)
    assert (record.status, record.return_value, record.epoch) == (SUCCESSFUL, 3, 1)
    assert run(result).epoch == 1


def test_row_that_waits_is_left() -> None:
    operations_api.pause("default")
    assert run(jobs.add.enqueue(1, 2)).status == READY


def test_retry_is_ours() -> None:
    """A failed task waits in its row for the next attempt, and the other backend knows nothing of it."""
    result = jobs.fail.enqueue()
    record = run(result)
    assert (record.status, len(record.errors)) == (READY, 1)
    assert record.run_after > record.enqueued_at
    assert run(result).epoch == 1


def test_timeout_kills() -> None:
    result = jobs.hang.enqueue()
    assert run(result).status == READY
    record = run(result)
    assert record.status == FAILED
    assert [error["exception_class_path"] for error in record.errors] == ["builtins.TimeoutError"] * 2


def test_process_that_dies_is_counted() -> None:
    result = jobs.kill_worker.using(timeout=60).enqueue()
    record = run(result)
    assert (record.status, record.losses) == (READY, 1)


def test_progress_and_lease() -> None:
    record = run(jobs.count_to.enqueue(3))
    assert (record.progress or {})["done"] == 3
    assert (record.worker, record.lease_until) == ("", None)


# --- the check ---


@pytest.mark.parametrize("alias", ["absent", "default"])
def test_wrong_alias(alias: str) -> None:
    ours = {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": {"ENGINE": alias}}
    with override_settings(TASKS={"default": ours}):
        [message] = [each for each in run_checks() if each.id == "djbundle_tasks.E010"]
    assert f'no other backend: "{alias}"' in message.msg


def test_engine_that_lacks_a_queue() -> None:
    """A task that is not taken would hold up the others."""
    ours = {"BACKEND": "djbundle.tasks.DatabaseBackend", "QUEUES": ["a", "b"], "OPTIONS": {"ENGINE": "other"}}
    other = {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend", "QUEUES": ["b", "c"]}
    with override_settings(TASKS={"default": ours, "other": other}):
        [message] = [each for each in run_checks() if each.id == "djbundle_tasks.E011"]
    assert message.msg.endswith("lacks queues: a.")


def test_right_alias() -> None:
    ours = {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": {"ENGINE": "other"}}
    other = {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}
    with override_settings(TASKS={"default": ours, "other": other}):
        assert not [each for each in run_checks() if each.id == "djbundle_tasks.E010"]


def test_error_without_a_text_is_told_by_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TimeoutError often has no text."""

    def refuse(*_: object) -> None:
        raise TimeoutError

    engine = BackendEngine("default")
    monkeypatch.setattr(engine.backend, "enqueue", refuse)
    with pytest.raises(EngineError) as caught:
        engine.publish("", [1])
    assert engine.describe(caught.value) == 'the backend "default" of TASKS does not answer: TimeoutError'


# --- whole processes ---


def all_succeed() -> None:
    wait_until(lambda: not TaskRecord.objects.exclude(status=SUCCESSFUL).exists(), "all tasks succeed", 30)


def test_worker_leaves_tasks_to_the_engine(start: Start) -> None:
    """It runs only those with a limit. The engine here runs a task in the process of the relay."""
    worker = start("worker")
    tasks = [jobs.add.enqueue(number, 1) for number in range(3)]
    limited = [jobs.add.using(queue_name="mails").enqueue(1, 1), jobs.add_after.using(concurrency=1).enqueue(0.01, 1)]
    all_succeed()
    identity = f"/{worker.pid}/"
    assert all(identity not in record_of(each).worker_ids[0] for each in tasks)
    assert all(identity in record_of(each).worker_ids[0] for each in limited)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0


def test_workers_of_rq(redis_server: Redis, tmp_path: Path, start: Start) -> None:
    """Real ones, and the broker is down for a while."""
    redis_server.clear()
    start("relay", TASKS_TEST_RQ=redis_server.url)
    rq = ("rqworker", "--job-class", "django_tasks_rq.Job", "default", "mails")
    worker = start(*rq, TASKS_TEST_RQ=redis_server.url)
    jobs.add.enqueue(1, 2)
    all_succeed()
    wait_until(lambda: RelayRecord.objects.filter(failing_since=None).exists(), "the relay knows that it answers")
    worker.kill()
    redis_server.kill()
    try:
        jobs.fail_until.using(backoff=0.01).enqueue(str(tmp_path), 3)
        jobs.wait_for.enqueue(str(tmp_path))
        wait_until(lambda: RelayRecord.objects.filter(failing_since__isnull=False).exists(), "the outage is told")
    finally:
        redis_server.start()
    worker = start(*rq, TASKS_TEST_RQ=redis_server.url)
    wait_until((tmp_path / "started").exists, "it runs")
    stopped = TaskRecord.objects.get(task_path__endswith="wait_for")
    (tmp_path / "go").touch()
    all_succeed()
    stopped.refresh_from_db()
    assert stopped.return_value == "went"


# --- the example of tests/support/nats_tasks ---

NATS_WORKER = ("nats_worker", "--backend", "engine")


@pytest.fixture
def nats() -> Iterator[Nats]:
    with running(Nats) as server:
        yield server


def begun(trace: Path) -> int:
    return len(trace.read_text().splitlines()) if trace.exists() else 0


def test_worker_of_nats_and_its_server_are_killed(nats: Nats, tmp_path: Path, start: Start) -> None:
    """Their tasks run again, and so does a task that kills its process. Each outcome is recorded once."""
    (tmp_path / "go").touch()
    trace, url = tmp_path / "trace", {"TASKS_TEST_NATS": nats.url}
    with noted_outcomes(connection):
        start("worker", **url)
        worker = start(*NATS_WORKER, **url)
        for number in range(60):
            heavy_jobs.leave_trace.enqueue(str(trace), number, 0.1)
        heavy_jobs.die_once_told.enqueue(str(tmp_path))
        wait_until(lambda: begun(trace) >= 10, "some have run")
        worker.kill()
        nats.restart()
        start(*NATS_WORKER, **url)
        all_succeed()
        assert {*times_recorded(connection).values()} == {1}
    assert {int(line.split()[0]) for line in trace.read_text().splitlines()} == {*range(60)}


def test_server_of_nats_that_has_lost_its_data(nats: Nats, start: Start) -> None:
    """The worker and the relay make the stream again."""
    start("worker", TASKS_TEST_NATS=nats.url)
    start(*NATS_WORKER, TASKS_TEST_NATS=nats.url)
    jobs.add.enqueue(1, 2)
    all_succeed()
    nats.kill()
    shutil.rmtree(nats.folder / "data")
    nats.start()
    jobs.add.enqueue(3, 4)
    all_succeed()
