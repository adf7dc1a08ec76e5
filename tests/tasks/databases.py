"""Other databases than that of the session, for one test and the workers that it starts."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from ci.postgres import Postgres

NAME = "tasks"


def postgres_settings(host: str) -> dict[str, Any]:
    """Of the database that `running_postgres` makes."""
    return {"ENGINE": "django.db.backends.postgresql", "NAME": NAME, "HOST": host}


def running_postgres() -> Iterator[Postgres]:
    """A server with the tables."""
    # Not below pytest's own folder, which the server's user may not enter.
    with tempfile.TemporaryDirectory(prefix="djbundle-tasks-postgres-") as folder:
        Path(folder).chmod(0o755)
        with Postgres(Path(folder, "server")) as server:
            server.create_database(NAME)
            with use_postgres(server):
                call_command("migrate", verbosity=0)
            yield server


@contextmanager
def use_postgres(server: Postgres) -> Iterator[None]:
    """Empty."""
    environment = {"TASKS_TEST_POSTGRES": server.host, "PGUSER": server.owner}
    with pytest.MonkeyPatch.context() as patch, _swapped(patch, environment, postgres_settings(server.host)):
        if "djbundle_tasks_taskrecord" in connections["default"].introspection.table_names():
            _clear()
        yield


@contextmanager
def use_sqlite(path: Path) -> Iterator[None]:
    """A new file with the tables."""
    settings = connections.settings["default"] | {"NAME": str(path)}
    with pytest.MonkeyPatch.context() as patch, _swapped(patch, {"TASKS_TEST_DATABASE": str(path)}, settings):
        call_command("migrate", verbosity=0)
        yield


def _clear() -> None:
    from djbundle.tasks.models import PausedQueue, TaskRecord, WorkerRecord  # noqa: PLC0415 - apps are loaded late

    for model in (TaskRecord, PausedQueue, WorkerRecord):
        model.objects.all().delete()


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
