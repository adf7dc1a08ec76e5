"""The databases before a start: which migrations they lack, and how SQLite is backed up and migrated.

Those of database servers are in server_migrations.py.
"""

import contextlib
import shutil
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.utils import DEFAULT_DB_ALIAS, Error, OperationalError

from djbundle.common.database_connections import close_connections
from djbundle.common.sqlite_uris import file_opened_for_reading
from djbundle.errors import DjbundleError, MigrationError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database import sqlite
from djbundle.runtime.database.compatibility import Hazard, find_hazards
from djbundle.runtime.database.connecting import close_direct_connections, direct_connection, unreachable
from djbundle.runtime.database.running_migrations import MigrationProgress, run_migrate
from djbundle.runtime.logs.formats import error_line
from djbundle.runtime.logs.lines import log, write

NO_DATABASE = "django.db.backends.dummy"  # Django's engine for an empty DATABASES


@dataclass(frozen=True, slots=True)
class PendingMigrations:
    """The migrations that a database lacks."""

    alias: str
    migrations: list[str]  # "app.name"
    had_content: bool  # before the first connection, which creates the file


@dataclass(frozen=True, slots=True)
class AppliedMigrations:
    """A database that was migrated, and its backup; None if there was nothing to back up."""

    database: Path | None  # None: in memory
    backup: Path | None

    def undo(self) -> None:
        put_back(self.database, self.backup)


def used_databases() -> list[str]:
    """Return the aliases of the databases that the settings define, without those of SQLite that are only read."""
    return [
        alias
        for alias in connections
        if connections.settings[alias]["ENGINE"] != NO_DATABASE
        and file_opened_for_reading(connections.settings[alias]["NAME"]) is None
    ]


def find_all_pending(*, migrate: bool) -> list[PendingMigrations]:
    """Return the migrations of SQLite that `serve` has to apply. Without `migrate`, only log those that are missing.

    Raises ServiceUnreachableError for a database that does not answer. Leaves no connection open, since none may
    cross the fork.
    """
    lacking = []
    with open_connections() as connection_of:
        for alias in used_databases():
            connection = connection_of(alias)
            if migrate and not is_sqlite(connection):
                continue
            had_content = has_content(file_of(connection))
            if not (pending := find_pending(connection)):
                continue
            if not migrate:
                log(f'the database "{alias}" lacks {count(pending)}', "warning")
            else:
                lacking.append(PendingMigrations(alias, pending, had_content))
    return lacking


def apply_all(bundle: Bundle, pending: list[PendingMigrations]) -> list[AppliedMigrations]:
    """Back up and migrate the databases. Leaves no connection open.

    On failure, restores every database and raises MigrationError.
    """
    applied: list[AppliedMigrations] = []
    try:
        with open_connections() as connection_of:
            applied.extend(apply_pending(bundle, connection_of(each.alias), each) for each in pending)
    except DjbundleError:
        undo_all(applied)
        raise
    return applied


def undo_all(applied: list[AppliedMigrations]) -> None:
    close_connections()
    for each in applied:
        each.undo()


@contextlib.contextmanager
def open_connections() -> Iterator[Callable[[str], BaseDatabaseWrapper]]:
    """Yield a function that returns the connection of an alias, and close all connections after the block.

    Raises ServiceUnreachableError for a database that does not answer.
    """
    last_alias = ""

    def connection_of(alias: str) -> BaseDatabaseWrapper:
        nonlocal last_alias
        last_alias = alias
        return direct_connection(alias)

    try:
        yield connection_of
    except OperationalError as error:
        raise unreachable(last_alias, error) from error
    finally:
        close_direct_connections()


def find_pending(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the missing migrations, as "app.name"; none for an additional server that was never migrated."""
    _, plan = _find_plan(connection)
    return [f"{migration.app_label}.{migration.name}" for migration in plan]


def find_hazards_of(connection: BaseDatabaseWrapper) -> list[Hazard]:
    """Return what the previous version could not work with after the missing migrations; nothing for a new database."""
    loader, plan = _find_plan(connection)
    applied = [key for key in loader.applied_migrations or () if key in loader.graph.nodes]
    return find_hazards(plan, loader.project_state(applied)) if plan and applied else []


def _find_plan(connection: BaseDatabaseWrapper) -> tuple[MigrationLoader, list[Migration]]:
    if file := file_of(connection):
        file.parent.mkdir(parents=True, exist_ok=True)
    executor = MigrationExecutor(connection)
    if connection.alias != DEFAULT_DB_ALIAS and not is_sqlite(connection) and not executor.recorder.has_table():
        return executor.loader, []
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return executor.loader, [migration for migration, _ in plan]


def apply_pending(bundle: Bundle, connection: BaseDatabaseWrapper, pending: PendingMigrations) -> AppliedMigrations:
    database = file_of(connection)
    backup = back_up(database, bundle.data) if database and pending.had_content else None
    log(f"applying {count(pending.migrations)} to {connection.settings_dict['NAME']}")
    database_state = "the database is as it was before" if backup else "nothing was kept of the new database"
    migrate(connection, pending, database_state, lambda: put_back(database, backup))
    return AppliedMigrations(database, backup)


def migrate(
    connection: BaseDatabaseWrapper,
    pending: PendingMigrations,
    database_state: str,
    undo: Callable[[], None] = lambda: None,
) -> None:
    """Apply the migrations. On failure, call `undo` and raise MigrationError, whose text ends with `database_state`."""
    progress = MigrationProgress()
    try:
        run_migrate(pending.alias, progress)
    except Exception as error:  # a migration may raise anything; the old state is restored in each case
        title = f"the migration {progress.current}" if progress.current else "a step after the migrations"
        write("error", "serve", f"{title} failed", trace=traceback.format_exc())
        connection.close()
        undo()
        raise MigrationError(
            f"{title} failed ({error_line(error)}); {database_state}",
            "correct the migration, or start the previous bundle",
        ) from error


def back_up(database: Path, data: Path) -> Path:
    check_room(database, data)
    try:
        backup = sqlite.back_up(database, data)
    except (OSError, sqlite3.Error, Error) as error:
        raise MigrationError(
            f"{database} cannot be backed up before its migrations: {error}", "make room, or start with  --no-migrate"
        ) from error
    log(f"{database} is backed up to {backup}, before its migrations")
    return backup


def check_room(database: Path, data: Path) -> None:
    """Raise MigrationError if a backup would fill the disk."""
    size = sum(path.stat().st_size for path in sqlite.files_of(database) if path.exists())
    free = shutil.disk_usage(data).free
    if free < size + sqlite.RESERVE:
        raise MigrationError(
            f"{database} cannot be backed up before its migrations: {size >> 20} MB to copy, {free >> 20} MB free",
            "make room, or start with  --no-migrate",
        )


def put_back(database: Path | None, backup: Path | None) -> None:
    if database and backup:
        sqlite.copy_database(backup, database)
    elif database:
        remove(database)


def remove(database: Path) -> None:
    for path in sqlite.files_of(database):
        path.unlink(missing_ok=True)


def has_content(database: Path | None) -> bool:
    return bool(database and database.is_file() and database.stat().st_size)


def file_of(connection: BaseDatabaseWrapper) -> Path | None:
    """Return the file of a database whose engine is based on SQLite; None for a server or a database in memory."""
    return sqlite.file_of(connection.settings_dict["NAME"]) if is_sqlite(connection) else None


def is_sqlite(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor == "sqlite"


def count(pending: list[str]) -> str:
    return "1 migration" if len(pending) == 1 else f"{len(pending)} migrations"
