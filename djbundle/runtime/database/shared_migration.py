"""Migrations of a database that another instance writes to, for example while Kamal replaces a container."""

import sqlite3

from django.db.backends.base.base import BaseDatabaseWrapper

from djbundle.errors import MigrationError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database import sqlite
from djbundle.runtime.database.migration_lock import migration_lock
from djbundle.runtime.database.migrations import (
    AppliedMigrations,
    PendingMigrations,
    back_up,
    count,
    file_of,
    find_hazards_of,
    migrate,
    open_connections,
    remove,
)
from djbundle.runtime.database.server_migrations import log_hazards
from djbundle.runtime.logs.lines import log


def apply_beside(bundle: Bundle, pending: list[PendingMigrations]) -> list[AppliedMigrations]:
    """Back up and migrate the databases while another instance writes to them.

    Restoring a backup would lose the writes of that instance. So all migrations are first tried on a copy, which is
    deleted afterwards. Migrations that passed there are applied for good.
    """
    with open_connections() as connection_of:
        for each in pending:
            connection = connection_of(each.alias)
            log_hazards(find_hazards_of(connection))
            with migration_lock(connection):
                rehearse(bundle, connection, each)
    with open_connections() as connection_of:
        for each in pending:
            connection = connection_of(each.alias)
            database = file_of(connection)
            if database and each.had_content:
                back_up(database, bundle.data)
            log(f"applying {count(each.migrations)} to {connection.settings_dict['NAME']}, which another instance uses")
            migrate(connection, each, "what has been applied stays, since another instance writes to it")
    return []


def rehearse(bundle: Bundle, connection: BaseDatabaseWrapper, pending: PendingMigrations) -> None:
    original_name, database = connection.settings_dict["NAME"], file_of(connection)
    if database is None:  # in memory
        return
    copy = bundle.data / f"rehearsal-{pending.alias}.sqlite3"
    connection.close()  # an open one would stay on the original, whatever its settings say
    try:
        remove(copy)
        sqlite.copy_database(database, copy)
        connection.settings_dict["NAME"] = copy
        migrate(connection, pending, "it was tried on a copy, and nothing has changed")
    except (OSError, sqlite3.Error) as error:
        raise MigrationError(f"{database} cannot be copied to try its migrations: {error}", "make room") from error
    finally:
        connection.close()
        connection.settings_dict["NAME"] = original_name
        remove(copy)
