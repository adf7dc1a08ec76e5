"""Copies all rows to PostgreSQL, in one transaction: a copy that is interrupted has not happened."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from djbundle.errors import MoveError
from djbundle.runtime.move.postgres_side import PostgresSide
from djbundle.runtime.move.sqlite_side import SqliteSide
from djbundle.runtime.move.tables import Table, quoted

Report = Callable[[str], None]
# Dropped during a copy: foreign keys, which refuse rows whose parents come later, and indexes that slow it down.
FOREIGN_KEYS_SQL = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""
INDEXES_SQL = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisunique AND c.relnamespace = current_schema()::regnamespace
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
"""


class Definitions(NamedTuple):
    """The statements that create again what was dropped."""

    indexes: list[str]
    foreign_keys: list[str]


def copy_all(source: SqliteSide, destination: PostgresSide, tables: Sequence[Table], report: Report) -> None:
    """Copy every row as of one moment. Raise MoveError for a row that PostgreSQL refuses."""
    with source.snapshot(), refusals_explained(), destination.transaction():
        known = source.changes()
        definitions = _drop_what_slows(destination)
        names = ", ".join(quoted(table.name) for table in tables)
        destination.connection.execute(f"TRUNCATE {names}")
        for table in tables:
            _copy_reported(source, destination, table, report)
        report("making indexes and checking foreign keys")
        for statement in (*definitions.indexes, *definitions.foreign_keys):
            destination.connection.execute(statement)
    source.forget(known)  # they were in the snapshot
    destination.connection.execute("ANALYZE")


def copy_again(source: SqliteSide, destination: PostgresSide, table: Table) -> None:
    """Replace all rows of one table, within the snapshot of the caller. Raise MoveError if others refer to it."""
    with refusals_explained(), destination.transaction():
        destination.connection.execute("SET CONSTRAINTS ALL DEFERRED")
        destination.connection.execute(f"DELETE FROM {quoted(table.name)}")  # noqa: S608 - of a name only
        destination.copy_in(table, source.rows(table))


def _copy_reported(source: SqliteSide, destination: PostgresSide, table: Table, report: Report) -> None:
    begun = time.monotonic()
    count = destination.copy_in(table, source.rows(table))
    if count:
        report(f"copied {count:,} row{'' if count == 1 else 's'} of {table.name} in {time.monotonic() - begun:.1f} s")


def _drop_what_slows(destination: PostgresSide) -> Definitions:
    foreign_keys = destination.connection.execute(FOREIGN_KEYS_SQL).fetchall()
    indexes = destination.connection.execute(INDEXES_SQL).fetchall()
    for table, name, _ in foreign_keys:
        destination.connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        destination.connection.execute(f"DROP INDEX {name}")
    return Definitions(
        [statement for _, statement in indexes],
        [f"ALTER TABLE {table} ADD CONSTRAINT {name} {statement}" for table, name, statement in foreign_keys],
    )


@contextlib.contextmanager
def refusals_explained() -> Iterator[None]:
    """Raise MoveError if PostgreSQL refuses a row, or the connection is lost."""
    import psycopg  # noqa: PLC0415 - only in bundles that have it

    try:
        yield
    except psycopg.OperationalError as error:
        raise MoveError(
            f"PostgreSQL has gone away: {_line(error)}", "see its log, and try again; the site goes on as before"
        ) from error
    except psycopg.Error as error:
        raise MoveError(
            f"PostgreSQL refuses a row: {_line(error)}", "correct the row, and try again; the site goes on as before"
        ) from error
    except (ValueError, TypeError, ArithmeticError) as error:  # a row that was written after the rehearsal
        raise MoveError(
            f"a row cannot be moved: {error}", "find it by  move --check URL; the site goes on as before"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
