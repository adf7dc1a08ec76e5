"""The migrations that a rollback goes back past: they are applied, and the previous version does not know them."""

import datetime
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from djbundle.runtime.database.compatibility import Hazard, find_hazards
from djbundle.runtime.database.migrations import open_connections, used_databases
from djbundle.runtime.database.schema_record import read_steps, version_of
from djbundle.runtime.logs.lines import log

Key = tuple[str, str]  # app and name
MAX_NAMES = 5  # of migrations in one line of the log


def find_unknown() -> list[str]:
    """Return the applied migrations of all databases that this version has no file for, as "app.name"."""
    return sorted({name for name, _ in _unknown(connections.__getitem__)})


def _unknown(connection_of: Callable[[str], BaseDatabaseWrapper]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the record of each of them."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    for alias in used_databases():
        for key, record in MigrationRecorder(connection_of(alias)).applied_migrations().items():
            if key not in loader.disk_migrations:
                yield ".".join(key), record


def find_hazards_of_applied(names: Collection[str]) -> list[Hazard]:
    """Return why a version that does not know these applied migrations could not work with the databases."""
    return [hazard for alias in used_databases() for hazard in _hazards_in(alias, names)]


def _hazards_in(alias: str, names: Collection[str]) -> Iterator[Hazard]:
    executor = MigrationExecutor(connections[alias])
    loader = executor.loader
    applied = [key for key in loader.applied_migrations or () if key in loader.graph.nodes]
    before = [key for key in applied if ".".join(key) not in names]
    plan = executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True)
    later = [each for each, _ in plan if (key := (each.app_label, each.name)) in applied and ".".join(key) in names]
    yield from find_hazards(later, loader.project_state(before))


def find_newer(built: datetime.datetime) -> list[str]:
    """Return the migrations that this version has no file for, and that were applied after it was built.

    Those that were applied before are of apps that were removed, or were squashed. Leaves no connection open.
    """
    with open_connections() as connection_of:
        return sorted({name for name, record in _unknown(connection_of) if _moment(record.applied) > built})


def _moment(applied: datetime.datetime) -> datetime.datetime:
    return timezone.make_aware(applied) if timezone.is_naive(applied) else applied


def warn_of_newer_schema(data: Path, version: str, built: str) -> None:
    """Log a warning if the databases have migrations of a newer version. `built` is the time of this one's build."""
    if not (names := find_newer(datetime.datetime.fromisoformat(built))):
        return
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    author = version_of(read_steps(data), names)
    known = f"; version {author} applied them" if author else ""
    log(
        f"the database is newer than this version, {version}, which does not know {', '.join(names[:MAX_NAMES])}{more}"
        f"{known}. Pages that use what they changed may fail: serve with that version, or restore a backup from before",
        "warning",
    )
