"""Other databases than that of the session, for one test and the workers that it starts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from tests.support.mariadb import MariaDB
from tests.support.postgres import Postgres
from tests.support.servers import running

NAME = "tasks"


def postgres_settings(host: str) -> dict[str, Any]:
    """Return the settings of the database that `running_postgres` makes."""
    return {"ENGINE": "django.db.backends.postgresql", "NAME": NAME, "HOST": host}


def mariadb_settings(socket: str, user: str) -> dict[str, Any]:
    """Return the settings of the database that `running_mariadb` makes."""
    return {"ENGINE": "django.db.backends.mysql", "NAME": NAME, "HOST": socket, "USER": user}


def running_mariadb() -> Iterator[MariaDB]:
    """Start a MariaDB server that has the tables."""
    with running(MariaDB) as server:
        _make_tables(server, use_mariadb)
        yield server


def running_postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL server that has the tables."""
    with running(Postgres) as server:
        _make_tables(server, use_postgres)
        yield server


def _make_tables[T: (MariaDB, Postgres)](server: T, use: Callable[[T], AbstractContextManager[None]]) -> None:
    server.create_database(NAME)
    with use(server):
        call_command("migrate", verbosity=0)


@contextmanager
def use_postgres(server: Postgres, host: str = "") -> Iterator[None]:
    """Use this PostgreSQL server, with its tables emptied; `host` is a pooler in front of it."""
    host = host or server.host
    with _emptied({"TASKS_TEST_POSTGRES": host, "PGUSER": server.owner}, postgres_settings(host)):
        yield


@contextmanager
def use_mariadb(server: MariaDB) -> Iterator[None]:
    """Use this MariaDB server, with its tables emptied."""
    environment = {"TASKS_TEST_MARIADB": server.socket, "TASKS_TEST_USER": server.owner}
    with _emptied(environment, mariadb_settings(server.socket, server.owner)):
        yield


@contextmanager
def _emptied(environment: dict[str, str], settings: dict[str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, _swapped(patch, environment, settings):
        if "djbundle_tasks_taskrecord" in connections["default"].introspection.table_names():
            _clear()
        yield


@contextmanager
def use_sqlite(path: Path) -> Iterator[None]:
    """Use a new file that has the tables."""
    settings = connections.settings["default"] | {"NAME": str(path)}
    with pytest.MonkeyPatch.context() as patch, _swapped(patch, {"TASKS_TEST_DATABASE": str(path)}, settings):
        call_command("migrate", verbosity=0)
        yield


def _clear() -> None:
    from django.apps import apps  # noqa: PLC0415 - these are loaded late

    for model in apps.get_app_config("djbundle_tasks").get_models():
        model._default_manager.all().delete()


@contextmanager
def _swapped(patch: pytest.MonkeyPatch, environment: dict[str, str], settings: dict[str, Any]) -> Iterator[None]:
    for name, value in environment.items():
        patch.setenv(name, value)
    old = connections["default"]
    patch.setitem(connections.settings, "default", settings)
    connections.configure_settings({"default": settings})
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = old
