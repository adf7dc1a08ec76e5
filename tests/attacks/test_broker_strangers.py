"""A stranger with access to the broker of direct mode stops no worker: messages that cannot be kept are dropped."""

import json
import math
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from tests.tasks.conftest import (  # noqa: F401 - fixtures, and Django's setup
    Broker,
    StartWorker,
    each_database,
    postgres,
    postgres_server,
    rabbitmq_server,
    redis_server,
    start_worker,
)

# isort: split

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine import direct
from djbundle.tasks.engine.broker import Broker as Connection
from djbundle.tasks.models import TaskRecord
from tests.support.waiting import wait_until


def nested(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


ON_BOTH = pytest.mark.parametrize("each_database", ["sqlite", "postgresql"], indirect=True)
UNKNOWN = "tests.tasks.jobs.unknown"  # so that the task needs a row
POISON: dict[str, dict[str, Any]] = {
    "priority too large": {"priority": 10**30},
    "priority too small": {"priority": -(10**6)},
    "priority that is none": {"priority": True},
    "half of a pair in the path": {"task_path": "tests.\ud800"},
    "zero byte in the path": {"task_path": "tests.tasks.jobs.\0"},
    "long path": {"task_path": "a." + "b" * 300},
    "no path": {"task_path": ""},
    "unknown backend": {"backend": "nowhere"},
    "long backend": {"backend": "x" * 200},
    "long queue": {"queue_name": "x" * 500},
    "zero byte in the queue": {"queue_name": "\0"},
    "no attempts": {"max_attempts": 0},
    "attempts without end": {"max_attempts": 10**12},
    "timeout that is not a number": {"timeout": math.nan},
    "no timeout": {"timeout": -1.0},
    "endless timeout": {"timeout": math.inf},
    "endless backoff": {"backoff": math.inf},
    "zero byte": {"args": ["\0"]},
    "half of a pair": {"kwargs": {"\ud800": 1}},
    "no number": {"args": [math.nan]},
    "deep": {"args": nested(800)},
    "deeper": {"args": nested(3000)},
    "large number": {"args": [10**400]},
    "long": {"args": ["x" * (8 << 20)]},
    "before all time": {"enqueued_at": 0},
    "after all time": {"enqueued_at": 1 << 36},
    "no time": {"enqueued_at": math.nan},
    "no context": {"takes_context": 1},
    "wrong arguments": {"task_path": "tests.tasks.jobs.add", "kwargs": {"self": 1, "1": 2}},
    "no task": {"task_path": "tests.tasks.jobs.Path"},
}


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    server: Broker = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def url(broker: Broker) -> BrokerUrl:
    """Return the URL of a broker in direct mode."""
    return BrokerUrl.parse(f"{broker.url}?prefix=test-{uuid4().hex[:8]}&rows=no")


def worker_environment(url: BrokerUrl) -> dict[str, str]:
    return {"TASKS_TEST_OPTIONS": json.dumps({"URL": f"{url.url}?prefix={url.prefix}&rows=no"})}


def task_of(**values: Any) -> dict[str, Any]:
    """Return a task for a message, with these values."""
    record = TaskRecord.new(
        id=direct.new_key(), task_path=UNKNOWN, backend="default", queue_name="default", enqueued_at=timezone.now()
    )
    return direct.packed(record) | values


def send(url: BrokerUrl, *bodies: Any) -> None:
    """Send messages over a connection of its own: RabbitMQ closes one that is idle for too long."""
    connection = Connection(url)
    for body in bodies:
        connection._publish(connection.queue("default", of_tasks=True), body, 10.0, {})
    connection.close()


@ON_BOTH
def test_tasks_that_cannot_be_kept(
    each_database: str,  # noqa: F811
    url: BrokerUrl,
    tmp_path: Path,
    start_worker: StartWorker,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Tasks of the same messages run, and tasks that come later."""
    out = tmp_path / "out"
    poisoned: list[Any] = []
    for number, poison in enumerate(POISON.values()):
        good = task_of(task_path="tests.tasks.jobs.note", args=[str(out), f"a{number}"])
        poisoned.append({"tasks": [task_of(**poison), good, task_of(**poison)]})
    twice = task_of(task_path="tests.tasks.jobs.note", args=[str(out), "twice"])
    bodies: list[Any] = [[], None, {}, {"tasks": {}}, {"tasks": [None, 1, "a", [], {}]}, {"tasks": [twice, twice]}]
    send(url, *poisoned, *bodies)
    worker = start_worker(**worker_environment(url))
    expected = {f"a{number}" for number in range(len(POISON))} | {"twice"}
    wait_until(lambda: out.exists() and set(out.read_text().split()) >= expected, "the good tasks run", 120)
    send(url, {"tasks": [task_of(task_path="tests.tasks.jobs.note", args=[str(out), "last"])]})
    wait_until(lambda: "last" in out.read_text(), "later tasks run", 60)
    assert worker.poll() is None
    assert "the worker made a mistake" not in capfd.readouterr().err


@pytest.mark.parametrize("text", ["\x1b[31m red", "one\r\ntwo", "\u202e back", "\ud800", "x" * 10**7, ""])
def test_what_a_broker_says_is_one_harmless_line(text: str) -> None:
    """It goes into the log, the table of relays, `status` and /up."""
    line = Connection(BrokerUrl.parse("redis://127.0.0.1:1/0")).describe(OSError(text))
    assert line.isprintable()
    assert len(line) < 3000
    line.encode()
