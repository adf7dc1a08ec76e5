"""The databases before a start: SQLite is backed up and migrated, any other database must be up to date already."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DEFAULT_DB_ALIAS, Error, OperationalError

from djbundle.errors import DatabaseUnreachableError, DjbundleError, MigrationError, PendingMigrationsError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database import sqlite
from djbundle.runtime.logs.lines import log

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
    """Return the aliases of the databases that the settings define."""
    return [alias for alias in connections if connections.settings[alias]["ENGINE"] != NO_DATABASE]


def find_all_pending(bundle: Bundle, *, migrate: bool) -> list[PendingMigrations]:
    """Return the migrations that `serve` has to apply. Without `migrate`, only log the missing ones.

    Raises PendingMigrationsError for a database that only an administrator may migrate, DatabaseUnreachableError for
    one that does not answer. Leaves no connection open, since none may cross the fork.
    """
    lacking = []
    with open_connections() as connection_of:
        for alias in used_databases():
            connection = connection_of(alias)
            had_content = has_content(file_of(connection))
            if not (pending := find_pending(connection)):
                continue
            if not migrate:
                log(f'the database "{alias}" lacks {count(pending)}', "warning")
            elif not is_sqlite(connection):
                raise to_be_applied_by_hand(bundle, alias, pending)
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
    connections.close_all()
    for each in applied:
        each.undo()


@contextlib.contextmanager
def open_connections() -> Iterator[Callable[[str], BaseDatabaseWrapper]]:
    """Yield a function that returns the connection of an alias, and close all connections after the block.

    Raises DatabaseUnreachableError for a database that does not answer.
    """
    last_alias = ""

    def connection_of(alias: str) -> BaseDatabaseWrapper:
        nonlocal last_alias
        last_alias = alias
        return connections[alias]

    try:
        yield connection_of
    except OperationalError as error:
        reason = " ".join(str(error).split())
        raise DatabaseUnreachableError(
            f'the database "{last_alias}" does not answer: {reason}', "start it, or correct DATABASES in the settings"
        ) from error
    finally:
        connections.close_all()


def find_pending(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the missing migrations, as "app.name"; none for an additional server that was never migrated."""
    if file := file_of(connection):
        file.parent.mkdir(parents=True, exist_ok=True)
    executor = MigrationExecutor(connection)
    if connection.alias != DEFAULT_DB_ALIAS and not is_sqlite(connection) and not executor.recorder.has_table():
        return []
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def to_be_applied_by_hand(bundle: Bundle, alias: str, pending: list[str]) -> PendingMigrationsError:
    option = "" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"
    return PendingMigrationsError(
        f'the database "{alias}" lacks {count(pending)}: {pending[0]}{", ..." if pending[1:] else ""}',
        f"run  {bundle.program} migrate{option}  first",
    )


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
    try:
        call_command("migrate", database=pending.alias, interactive=False, verbosity=0)
    except Exception as error:  # a migration may raise anything; the old state is restored in each case
        connection.close()
        undo()
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise MigrationError(
            f"a migration failed ({reason}); {database_state}", "correct the migration, or start the previous bundle"
        ) from error


def back_up(database: Path, data: Path) -> Path:
    try:
        return sqlite.back_up(database, data)
    except (OSError, sqlite3.Error, Error) as error:
        raise MigrationError(
            f"{database} cannot be backed up before its migrations: {error}", "make room, or start with  --no-migrate"
        ) from error


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
