"""Django with its own database for the tests of this folder; worker processes use the same database."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import pytest

from tests.support.mariadb import MariaDB
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.redis import Redis
from tests.support.servers import running
from tests.support.sqs import Sqs

REPOSITORY = Path(__file__).parents[2]
DATABASE = Path(tempfile.mkdtemp(prefix="djbundle-tasks-")) / "db.sqlite3"
ENVIRONMENT = {"TASKS_TEST_DATABASE": str(DATABASE), "DJANGO_SETTINGS_MODULE": "tests.tasks.settings"}
with pytest.MonkeyPatch.context() as patch:  # so that the projects that other tests build do not see these settings
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    django.setup()

from tests.tasks.databases import running_mariadb, running_postgres, use_mariadb, use_postgres, use_sqlite  # noqa: E402 - after setup

Broker = Redis | RabbitMQ | Sqs
StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    from django.core.management import call_command  # noqa: PLC0415 - after setup

    call_command("migrate", verbosity=0)
    yield
    from django.db import connections  # noqa: PLC0415

    connections.close_all()
    for path in DATABASE.parent.iterdir():
        path.unlink()
    DATABASE.parent.rmdir()


@pytest.fixture(autouse=True)
def _empty_queue(database: None) -> None:
    from django.apps import apps  # noqa: PLC0415

    for model in apps.get_app_config("djbundle_tasks").get_models():
        model._default_manager.all().delete()


@pytest.fixture
def start_worker() -> Iterator[StartWorker]:
    """Start ``manage.py worker`` with these options; all workers are killed at the end of the test."""
    started = []

    def start(*options: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "django", "worker", *options]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT | os.environ | environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    yield from running_postgres()


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[Postgres]:
    """Keep the tasks of this test and its workers in PostgreSQL."""
    with use_postgres(postgres_server):
        yield postgres_server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    yield from running_mariadb()


@pytest.fixture
def mariadb(mariadb_server: MariaDB) -> Iterator[MariaDB]:
    """Keep the tasks of this test and its workers in MariaDB."""
    with use_mariadb(mariadb_server):
        yield mariadb_server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with running(Redis) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQ]:
    with running(RabbitMQ) as server:
        yield server


@pytest.fixture(scope="session")
def sqs_server() -> Iterator[Sqs]:
    with running(Sqs) as server:
        yield server


@pytest.fixture(params=["redis", "rabbitmq", "sqs"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Return a broker, running and empty; each test has queues of its own, by the prefix in the URL."""
    server: Broker = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def each_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Run the test once on each database, with a database of its own."""
    if request.param == "sqlite":
        with use_sqlite(tmp_path / "own.sqlite3"):
            yield request.param
    else:
        request.getfixturevalue("postgres" if request.param == "postgresql" else "mariadb")
        yield request.param
