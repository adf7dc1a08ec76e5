"""The engines on which promises are checked: servers, settings, and the commands that start workers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from tests.support.mariadb import MariaDB
from tests.support.nats import Nats
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.redis import Redis
from tests.support.servers import running
from tests.support.sqs import Sqs

REPOSITORY = Path(__file__).parents[2]
LEASE = 3  # seconds
LONG = 12.0  # seconds; longer than a lease and than what brokers wait for
RESEND = 5  # seconds after which a broker delivers again what nobody has acknowledged
PYTHON = f"{sys.executable} -m django"
OURS = f"{PYTHON} worker"
NATS = "tests.support.nats_tasks.backend.NatsBackend"
RQ = f"{PYTHON} rqworker --job-class django_tasks_rq.Job --with-scheduler default"


class Servers:
    """Servers that engines share. Each is started when the first engine needs it."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def postgres(self) -> Postgres:
        return self._stack.enter_context(running(Postgres))

    @cached_property
    def mariadb(self) -> MariaDB:
        return self._stack.enter_context(running(MariaDB))

    @cached_property
    def redis(self) -> Redis:
        return self._stack.enter_context(running(Redis))

    @cached_property
    def rabbitmq(self) -> RabbitMQ:
        return self._stack.enter_context(running(RabbitMQ))

    @cached_property
    def sqs(self) -> Sqs:
        return self._stack.enter_context(running(Sqs))

    @cached_property
    def nats(self) -> Nats:
        return self._stack.enter_context(running(Nats))


Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Engine:
    """A backend with all that it needs. `settings` makes what differs in the settings of the project."""

    name: str
    title: str  # in tables
    settings: Callable[[Servers, Path], Settings]
    workers: Sequence[str] = ()
    options: Sequence[str] = ()  # of the program
    is_ours: bool = True

    def check(
        self, servers: Servers, folder: Path, *options: str, python: str = sys.executable, has_tables: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Make a database in the empty folder, or on a server, and check the promises there with this Python."""
        changes = self.settings(servers, folder)
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.support.engine_settings",
            "ENGINE_SETTINGS": json.dumps(changes),
        }
        if "postgresql" in str(changes):
            environment["PGUSER"] = servers.postgres.owner

        def run(*command: str) -> "subprocess.CompletedProcess[str]":
            command = (python, *command)
            return subprocess.run(
                command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=1200
            )

        if has_tables:
            run("-m", "django", "migrate", "--verbosity", "0").check_returncode()
        workers = [option for command in self.workers for option in ("--worker", command)]
        log = ("--worker-log", str(folder / "workers.log"))
        program = ("-m", "djbundle.tasks.conformance", "--long", str(LONG))
        return run(*program, *log, *workers, *self.options, *options)


def ours(**options: Any) -> Settings:
    """Return the setting TASKS for our backend."""
    return {"TASKS": {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": {"LEASE": LEASE, **options}}}}


def sqlite(folder: Path) -> Settings:
    options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL"}
    return {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite3"), "OPTIONS": options}}


def postgresql(servers: Servers) -> Settings:
    """Create a database, and return the setting DATABASES."""
    name = f"engine_{uuid4().hex[:8]}"
    servers.postgres.create_database(name)
    return {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": name, "HOST": servers.postgres.host}}


def mariadb(servers: Servers) -> Settings:
    """Create a database, and return the setting DATABASES."""
    name, server = f"engine_{uuid4().hex[:8]}", servers.mariadb
    server.create_database(name)
    engine = "django.db.backends.mysql"
    return {"default": {"ENGINE": engine, "NAME": name, "HOST": server.socket, "USER": server.owner}}


def over(url: str, **options: str) -> Settings:
    """Return the setting TASKS for a broker, with queues of its own."""
    query = "&".join(f"{name}={value}" for name, value in {"prefix": f"engine-{uuid4().hex[:8]}", **options}.items())
    return ours(URL=f"{url}{'&' if '?' in url else '?'}{query}")


def rq(servers: Servers) -> Settings:
    """Return what RQ needs in the settings, apart from TASKS."""
    servers.redis.clear()
    return {"APPS": ["django_rq"], "RQ_QUEUES": {"default": {"URL": servers.redis.url}}}


def with_engine(backend: str, **options: str) -> Settings:
    """Return the setting TASKS for our backend with another one, with these options, as its engine."""
    tasks = ours(ENGINE="engine")
    tasks["TASKS"]["engine"] = {"BACKEND": backend, "OPTIONS": options}
    return tasks


def alone(backend: str) -> Settings:
    return {"TASKS": {"default": {"BACKEND": backend}}}


ENGINES = (
    Engine("sqlite", "SQLite", lambda _servers, folder: {"DATABASES": sqlite(folder), **ours()}),
    Engine("postgresql", "PostgreSQL", lambda servers, _folder: {"DATABASES": postgresql(servers), **ours()}),
    Engine("mariadb", "MariaDB", lambda servers, _folder: {"DATABASES": mariadb(servers), **ours()}),
    Engine("redis", "Redis", lambda servers, _folder: {"DATABASES": postgresql(servers), **over(servers.redis.url)}),
    Engine(
        "rabbitmq",
        "RabbitMQ",
        lambda servers, _folder: {"DATABASES": postgresql(servers), **over(servers.rabbitmq.url)},
    ),
    Engine("sqs", "SQS", lambda servers, _folder: {"DATABASES": postgresql(servers), **over(servers.sqs.url)}),
    Engine(
        "redis-direct",
        "Redis direct",
        lambda servers, _folder: {
            "DATABASES": postgresql(servers),
            **over(servers.redis.url, rows="no", visibility_timeout=str(RESEND)),
        },
    ),
    Engine(
        "rabbitmq-direct",
        "RabbitMQ direct",
        lambda servers, _folder: {"DATABASES": postgresql(servers), **over(servers.rabbitmq.url, rows="no")},
    ),
    Engine(
        "adapter-rq",
        "django-tasks-rq as engine",
        lambda servers, _folder: {
            "DATABASES": postgresql(servers),
            **rq(servers),
            **with_engine("django_tasks_rq.RQBackend"),
        },
        workers=(OURS, RQ),
    ),
    Engine(
        "adapter-db",
        "django-tasks-db as engine",
        lambda servers, _folder: {
            "DATABASES": postgresql(servers),
            "APPS": ["django_tasks_db"],
            **with_engine("django_tasks_db.DatabaseBackend"),
        },
        workers=(OURS, f"{PYTHON} db_worker --backend engine"),
    ),
    Engine(
        "adapter-nats",
        "NATS as engine",
        lambda servers, _folder: {
            "DATABASES": postgresql(servers),
            "APPS": ["tests.support.nats_tasks"],
            **with_engine(NATS, URL=servers.nats.url, STREAM=f"engine-{uuid4().hex[:8]}"),
        },
        workers=(OURS, f"{PYTHON} nats_worker --backend engine"),
    ),
    Engine(
        "django-tasks-rq",
        "django-tasks-rq",
        lambda servers, folder: {
            "DATABASES": sqlite(folder),
            **rq(servers),
            **alone("django_tasks_rq.RQBackend"),
        },
        workers=(RQ,),
        is_ours=False,
    ),
    Engine(
        "django-tasks-db",
        "django-tasks-db",
        lambda servers, _folder: {
            "DATABASES": postgresql(servers),
            "APPS": ["django_tasks_db"],
            **alone("django_tasks_db.DatabaseBackend"),
        },
        workers=(f"{PYTHON} db_worker",),
        is_ours=False,
    ),
    Engine(
        "immediate",
        "Django's immediate",
        lambda _servers, folder: {
            "DATABASES": sqlite(folder),
            **alone("django.tasks.backends.immediate.ImmediateBackend"),
        },
        options=("--no-worker",),
        is_ours=False,
    ),
)
