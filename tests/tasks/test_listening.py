"""NOTIFY reaches workers that the datagram does not reach."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import wakeup
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import StartWorker

SUBSCRIBERS = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN djbundle_tasks'"


@pytest.fixture
def taken_socket(postgres: Postgres) -> Iterator[socket.socket]:
    """Bind all wake-up sockets, so that workers get no datagram, as if they were on another machine."""
    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(closing(each)) for each in iter(lambda: wakeup.listen("default"), None)]
        assert len(receivers) == wakeup.MAX_WORKERS
        yield receivers[0]


def subscribers() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute(SUBSCRIBERS)
        return int(cursor.fetchone()[0])


def seconds_until_started() -> float:
    """Return the seconds from the commit of a task to its start."""
    result = jobs.add.enqueue(1, 2)
    record = TaskRecord.objects.filter(pk=result.id, status=TaskResultStatus.SUCCESSFUL)
    started = wait_until(record.first, "it runs").started_at
    assert started
    assert result.enqueued_at
    return (started - result.enqueued_at).total_seconds()


def test_commit_wakes_a_worker_elsewhere(taken_socket: socket.socket, start_worker: StartWorker) -> None:
    start_worker("--poll", "30")
    wait_until(lambda: subscribers() == 1, "it listens")
    assert max(seconds_until_started() for _ in range(5)) < 1


def test_worker_listens_again_after_a_restart(
    postgres: Postgres, taken_socket: socket.socket, start_worker: StartWorker
) -> None:
    start_worker("--poll", "30")
    wait_until(lambda: subscribers() == 1, "it listens")
    postgres.restart()
    connections["default"].close()
    wait_until(lambda: subscribers() == 1, "it listens again")
    assert max(seconds_until_started() for _ in range(5)) < 1


def test_turned_off(taken_socket: socket.socket, start_worker: StartWorker) -> None:
    """The worker finds the task by polling."""
    jobs.add.enqueue(1, 2)
    start_worker("--poll", "0.1", TASKS_TEST_OPTIONS='{"LISTEN": false}')
    wait_until(TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL).exists, "the first one runs")
    assert subscribers() == 0
    assert seconds_until_started() < 1


def test_one_transaction_tells_once(taken_socket: socket.socket) -> None:
    with CaptureQueriesContext(connections["default"]) as queries, transaction.atomic():
        for number in range(5):
            jobs.add.enqueue(number, number)
    assert sum("pg_notify" in query["sql"] for query in queries) == 1
    assert taken_socket.recv(10)
    with pytest.raises(BlockingIOError):
        taken_socket.recv(10)


def test_what_was_told_in_a_savepoint_that_is_undone_is_told_again(taken_socket: socket.socket) -> None:
    def fail_within() -> None:
        with transaction.atomic():
            jobs.add.enqueue(1, 2)
            raise ValueError("undone")

    with CaptureQueriesContext(connections["default"]) as queries, transaction.atomic():
        with pytest.raises(ValueError, match="undone"):
            fail_within()
        jobs.add.enqueue(3, 4)
    assert sum("pg_notify" in query["sql"] for query in queries) == 2
    assert taken_socket.recv(10)
