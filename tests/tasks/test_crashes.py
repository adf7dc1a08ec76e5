"""A process dies between two steps of a task, each in turn. The task is not lost, and its outcome is recorded once.

The crash is no matter of luck: crashing.py kills the process exactly there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.tasks import TaskResultStatus, task_backends

from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.models import TaskRecord
from tests.support.outcomes import noted_outcomes, times_recorded
from tests.support.waiting import wait_until
from tests.tasks import heavy_jobs
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY, Broker, StartWorker

RUNS = {  # how often the task runs if a process dies there
    "marked, not sent": 1,
    "sent, not marked": 1,
    "received, not acknowledged": 1,
    "acknowledged, not passed on": 1,
    "claimed, not run": 1,
    "run, not reported": 2,
    "reported, not recorded": 2,
    "recorded, not known": 1,
}
OF_WORKER = [step for step in RUNS if step != "sent, not marked"]
WITHOUT_BROKER = ["claimed, not run", "run, not reported", "reported, not recorded", "recorded, not known"]
Start = Callable[..., object]


@pytest.fixture
def url(broker: Broker) -> str:
    """Return the URL of the broker, with queues of its own."""
    return f"{broker.url}{'&' if '?' in broker.url else '?'}prefix=test-{uuid4().hex[:8]}"


@pytest.fixture
def outcomes() -> Iterator[None]:
    with noted_outcomes(connection):
        yield


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """Return the file that is there once a process has died."""
    return tmp_path / "crashed"


def crashing(step: str, crashed: Path, **options: object) -> dict[str, str]:
    """Return the environment of processes of which one dies at this step."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.tasks.crashing_settings",
        "TASKS_TEST_CRASH": step,
        "TASKS_TEST_CRASHED": str(crashed),
        "TASKS_TEST_OPTIONS": json.dumps(options),
    }


@pytest.fixture
def start_relay() -> Iterator[Start]:
    """Start ``manage.py relay``; all are killed at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "django", "relay"]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT | os.environ | environment))

    yield start
    for process in started:
        process.kill()
        process.wait()


def enqueue(trace: Path) -> None:
    heavy_jobs.leave_trace.enqueue(str(trace), 7)


def check(trace: Path, runs: int) -> None:
    """Check that the task succeeds, after so many runs, and that this is recorded once."""
    wait_until(lambda: not TaskRecord.objects.exclude(status=TaskResultStatus.SUCCESSFUL).exists(), "it succeeds", 60)
    record = TaskRecord.objects.get()
    assert record.return_value == 14
    assert len(trace.read_text().splitlines()) == runs
    assert times_recorded(connection) == {record.pk: 1}


# --- with a broker ---


@pytest.mark.usefixtures("postgres", "outcomes")
@pytest.mark.parametrize("step", OF_WORKER)
def test_crash_of_a_worker(step: str, url: str, crashed: Path, tmp_path: Path, start_worker: StartWorker) -> None:
    """The other worker, or a new process of the same one, does the rest."""
    for _ in range(2):
        start_worker(**crashing(step, crashed, URL=url))
    enqueue(tmp_path / "trace")
    check(tmp_path / "trace", RUNS[step])
    assert crashed.exists()


@pytest.mark.usefixtures("postgres", "outcomes")
def test_crash_between_send_and_mark(
    url: str, crashed: Path, tmp_path: Path, start_relay: Start, start_worker: StartWorker
) -> None:
    """The row is sent again, so there are two messages. Both find a worker, and one of them finds nothing to claim."""
    environment = crashing("sent, not marked", crashed, URL=url)
    start_relay(environment)
    enqueue(tmp_path / "trace")
    wait_until(crashed.exists, "the relay dies")
    wait_until(lambda: not TaskRecord.objects.filter(sent_at=None).exists(), "the next relay sends the row again")
    for _ in range(2):
        start_worker("--threads", "1", **environment)
    check(tmp_path / "trace", RUNS["sent, not marked"])
    assert TaskRecord.objects.get().epoch == 1


# --- without ---


@pytest.mark.usefixtures("each_database", "outcomes")
@pytest.mark.parametrize("step", WITHOUT_BROKER)
def test_crash_without_a_broker(step: str, crashed: Path, tmp_path: Path, start_worker: StartWorker) -> None:
    enqueue(tmp_path / "trace")
    for _ in range(2):
        start_worker(**crashing(step, crashed))
    check(tmp_path / "trace", RUNS[step])
    assert crashed.exists()


# --- direct mode ---


@pytest.mark.usefixtures("outcomes")
@pytest.mark.parametrize("broker", ["redis", "rabbitmq"], indirect=True)  # SQS carries keys only
@pytest.mark.parametrize("step", ["run, not reported", "run, not acknowledged"])
def test_crash_in_direct_mode(
    step: str, url: str, crashed: Path, tmp_path: Path, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is delivered again. The task gets a row then, which records its outcome."""
    backend = task_backends["default"]
    assert isinstance(backend, DatabaseBackend)
    url += "&rows=no&visibility_timeout=3"
    monkeypatch.setitem(backend.options, "URL", url)
    monkeypatch.setattr(backend, "_prototypes", {})
    backend.__dict__.pop("_publisher", None)
    try:
        for _ in range(2):
            start_worker(**crashing(step, crashed, URL=url))
        enqueue(tmp_path / "trace")
    finally:
        backend.__dict__.pop("_publisher", None)
    wait_until(TaskRecord.objects.exists, "the message is delivered again", 60)
    check(tmp_path / "trace", 2)
    assert crashed.exists()
