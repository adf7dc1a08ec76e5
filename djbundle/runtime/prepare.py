"""The databases before a start: SQLite is backed up and migrated, any other must be up to date already."""

import sqlite3
import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DEFAULT_DB_ALIAS, Error, OperationalError

from djbundle.errors import DatabaseUnreachableError, MigrationError, PendingMigrationsError
from djbundle.runtime import sqlite
from djbundle.runtime.bundle import Bundle

NO_DATABASE = "django.db.backends.dummy"  # what Django makes of an empty DATABASES


def prepare_databases(bundle: Bundle, *, migrate: bool) -> None:
    """Leaves no connection open: none may cross the fork."""
    try:
        for alias in connections:
            connection = connections[alias]
            if connection.settings_dict["ENGINE"] == NO_DATABASE:
                continue
            existed = is_sqlite(connection) and has_content(connection.settings_dict["NAME"])
            pending = find_pending(connection)
            if pending and not migrate:
                print(f'serve: the database "{alias}" lacks {count(pending)}', file=sys.stderr, flush=True)
            elif pending:
                apply_pending(bundle, connection, pending, existed=existed)
    except OperationalError as error:
        said = " ".join(str(error).split())
        raise DatabaseUnreachableError(
            f'the database "{alias}" does not answer: {said}', "start it, or correct DATABASES in the settings"
        ) from error
    finally:
        connections.close_all()


def find_pending(connection: BaseDatabaseWrapper) -> list[str]:
    """Migrations not applied, as "app.name". A further database that nobody ever migrated is left alone."""
    name = connection.settings_dict["NAME"]
    if is_sqlite(connection) and isinstance(name, Path):
        name.parent.mkdir(parents=True, exist_ok=True)
    executor = MigrationExecutor(connection)
    if connection.alias != DEFAULT_DB_ALIAS and not is_sqlite(connection) and not executor.recorder.has_table():
        return []
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def apply_pending(bundle: Bundle, connection: BaseDatabaseWrapper, pending: list[str], *, existed: bool) -> None:
    if not is_sqlite(connection):
        option = "" if connection.alias == DEFAULT_DB_ALIAS else f" --database {connection.alias}"
        raise PendingMigrationsError(
            f'the database "{connection.alias}" lacks {count(pending)}: {pending[0]}{", ..." if pending[1:] else ""}',
            f"run  {bundle.program} migrate{option}  first",
        )
    database = connection.settings_dict["NAME"]
    backup = back_up(database, bundle.data) if existed else None
    print(f"serve: applying {count(pending)} to {database}", file=sys.stderr, flush=True)
    try:
        call_command("migrate", database=connection.alias, interactive=False, verbosity=0)
    except Exception as error:  # a migration may raise anything; the old state comes back in each case
        connection.close()
        put_back(database, backup)
        said = " ".join(f"{type(error).__name__}: {error}".split())
        kept = "the database is as it was before" if backup else "nothing was kept of the new database"
        raise MigrationError(
            f"a migration failed ({said}); {kept}", "correct the migration, or start the previous bundle"
        ) from error


def back_up(database: Path, data: Path) -> Path:
    try:
        return sqlite.back_up(database, data)
    except (OSError, sqlite3.Error, Error) as error:
        raise MigrationError(
            f"{database} cannot be backed up before its migrations: {error}", "make room, or start with  --no-migrate"
        ) from error


def put_back(database: Any, backup: Path | None) -> None:
    if backup:
        sqlite.copy_database(backup, database)
    elif isinstance(database, Path):
        for path in sqlite.files_of(database):
            path.unlink(missing_ok=True)


def has_content(database: Any) -> bool:
    return isinstance(database, Path) and database.is_file() and database.stat().st_size > 0


def is_sqlite(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor == "sqlite"


def count(pending: list[str]) -> str:
    return "1 migration" if len(pending) == 1 else f"{len(pending)} migrations"
