"""PostgreSQL plans a claim once, unless a pooler may send the next one to another server process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim as claiming
from djbundle.tasks.store import prepared_statement
from djbundle.tasks.store.worker_identity import Identity
from tests.support.pgbouncer import PORT, pooled
from tests.support.postgres import Postgres
from tests.support.servers import running
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import StartWorker
from tests.tasks.databases import use_postgres

PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%RETURNING%%'"


@pytest.fixture
def pooler(postgres_server: Postgres) -> Iterator[None]:
    """Connect this test and its workers through a pooler."""

    @contextmanager
    def serve(folder: Path) -> Iterator[str]:
        with pooled(postgres_server, folder) as host:
            wait_until((folder / f".s.PGSQL.{PORT}").exists, "the pooler listens")
            yield host

    with running(serve) as host, use_postgres(postgres_server, host):
        yield


def prepared() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute(PREPARED)
        return int(cursor.fetchone()[0])


def claim() -> None:
    jobs.add.enqueue(1, 2)
    assert len(claiming.claim(Identity.of_this_process(), 1)) == 1


def test_claim_is_planned_once(postgres: Postgres) -> None:
    assert prepared() == 0
    for _ in range(3):
        claim()
        assert prepared() == 1


def test_new_connection_prepares_anew(postgres: Postgres) -> None:
    claim()
    connections["default"].close()
    assert prepared() == 0
    claim()
    assert prepared() == 1


def test_nothing_is_prepared_through_a_pooler(pooler: None) -> None:
    for _ in range(3):
        claim()
    assert not prepared_statement.can_prepare(connections["default"])
    assert prepared() == 0


def test_worker_behind_a_pooler(pooler: None, start_worker: StartWorker) -> None:
    for number in range(20):
        jobs.add.enqueue(number, number)
    start_worker()
    done = TaskRecord.objects.filter(status=TaskResultStatus.SUCCESSFUL)
    wait_until(lambda: done.count() == 20, "all have run")
