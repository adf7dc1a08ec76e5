"""The engines: the database that keeps the rows, the broker that carries their keys, and how to harm each."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.mariadb import MariaDB
from tests.support.nats import Nats
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.redis import Redis
from tests.support.sqs import Sqs

ENGINES = ("sqlite", "postgresql", "mariadb", "redis", "rabbitmq", "sqs", "nats", "direct", "celery")
NAME = "tasks"
LEASE = 3.0  # seconds
Broker = Redis | RabbitMQ | Sqs | Nats
BROKERS: dict[str, Callable[[Path], Broker]] = {
    "redis": Redis,
    "rabbitmq": RabbitMQ,
    "sqs": Sqs,
    "nats": Nats,
    "direct": Redis,
    "celery": Redis,
}


@dataclass
class Engine:
    """Running servers, and the environment of processes that use them."""

    name: str
    environment: dict[str, str]
    database: Postgres | MariaDB | None = None
    broker: Broker | None = None
    url: str = ""

    @property
    def has_records(self) -> bool:
        """Return whether each task has a row with its outcome."""
        return self.name not in {"direct", "celery"}

    @property
    def has_other_workers(self) -> bool:
        """Return whether workers of another backend run the tasks, beside ours."""
        return self.name == "nats"

    @property
    def calm(self) -> float:
        """The seconds without any run after which nothing more is expected: what is lost comes again before."""
        return {"direct": 150.0, "celery": 130.0}.get(self.name, 75.0)

    def freeze_broker(self, seconds: float) -> None:
        """Stop the broker for some seconds, longer than a visibility timeout of seconds."""
        assert self.broker
        process = self.broker._process if isinstance(self.broker, Redis) else self.broker.process
        assert process
        target = -process.pid if isinstance(self.broker, RabbitMQ) else process.pid
        os.kill(target, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(target, signal.SIGCONT)

    def empty_broker(self) -> None:
        """Kill the broker, and start it without its data."""
        assert self.broker
        self.broker.kill()
        if isinstance(self.broker, Redis):
            (self.broker.folder / "dump.rdb").unlink(missing_ok=True)
        if isinstance(self.broker, RabbitMQ | Nats):
            shutil.rmtree(self.broker.folder / "data")
        self.broker.start()

    def restart_broker(self) -> None:
        assert self.broker
        self.broker.kill()
        self.broker.start()


@contextlib.contextmanager
def running_engine(name: str) -> Iterator[Engine]:
    """Start the servers of an engine, outside of folders that their users may not enter."""
    with tempfile.TemporaryDirectory(prefix="djbundle-kills-") as folder, contextlib.ExitStack() as stack:
        work = Path(folder)
        work.chmod(0o755)
        engine = Engine(name, {"KILLS_TRACE": str(work / "trace")})
        _start_database(engine, work, stack)
        _start_broker(engine, work, stack)
        module = "celery_settings" if name == "celery" else "settings"
        engine.environment["DJANGO_SETTINGS_MODULE"] = f"ci.bench.engine_kills.{module}"
        yield engine


def _start_database(engine: Engine, work: Path, stack: contextlib.ExitStack) -> None:
    engine.environment["TASKS_TEST_DATABASE"] = str(work / "db.sqlite3")
    if engine.name == "sqlite":
        return
    if engine.name == "mariadb":
        engine.database = mariadb = stack.enter_context(MariaDB(work / "mariadb"))
        engine.environment |= {"TASKS_TEST_MARIADB": mariadb.socket, "TASKS_TEST_USER": mariadb.owner}
    else:
        engine.database = postgres = stack.enter_context(Postgres(work / "postgres"))
        engine.environment |= {"TASKS_TEST_POSTGRES": postgres.host, "PGUSER": postgres.owner}
    engine.database.create_database(NAME)


def _start_broker(engine: Engine, work: Path, stack: contextlib.ExitStack) -> None:
    options = f'"LEASE": {LEASE}, "MAX_ATTEMPTS": 3, "BACKOFF": 0'
    if make := BROKERS.get(engine.name):
        engine.broker = broker = make(work / "broker")
        stack.enter_context(broker)
        engine.url = f"{broker.url}{'&' if '?' in broker.url else '?'}prefix=kills"
        if engine.name == "direct":
            engine.url += "&rows=no&visibility_timeout=10"
        if engine.name == "celery":
            engine.environment["KILLS_CELERY"] = broker.url
        if engine.name == "nats":
            engine.environment["KILLS_NATS"] = broker.url
        options += ', "ENGINE": "engine"' if engine.name == "nats" else f', "URL": "{engine.url}"'
    engine.environment["TASKS_TEST_OPTIONS"] = "{" + options + "}"
