"""The new database. It must be empty, or hold only what an earlier attempt of the same site has left."""

import contextlib
from collections.abc import Callable

from djbundle.errors import MoveError
from djbundle.runtime.move.postgres_side import MARK, PostgresSide
from djbundle.runtime.move.tables import OWN_PREFIX

LOWEST_VERSION = 140000  # Django 5.2 supports no older version
TABLES_SQL = """
SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = current_schema()::regnamespace
AND relname NOT LIKE %s
"""


def prepare(side: PostgresSide, site: str, migrate: Callable[[], object], report: Callable[[str], None]) -> None:
    """Make the tables by the project's migrations. Raise MoveError for a database that is not for this site."""
    with contextlib.closing(side):
        _check_server(side)
        _take(side, site)
        report("making the tables in the new database, by the project's migrations")
        migrate()
        side.unwatch()  # of a move that went back


def _check_server(side: PostgresSide) -> None:
    if side.connection.info.server_version < LOWEST_VERSION:
        raise MoveError("this PostgreSQL is older than 14", "use a newer server")
    encoding = side.value("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
    if encoding != "UTF8":
        raise MoveError(f"the new database has the encoding {encoding}", "create it with  ENCODING 'UTF8'")
    if side.value("SELECT current_schema()") is None:
        raise MoveError("this role has no schema in the new database", "grant it one, or make it the owner")


def _take(side: PostgresSide, site: str) -> None:
    """Mark the database as this site's. Raise MoveError if it has other tables."""
    owner = side.value(f"SELECT site FROM {MARK}") if side.value("SELECT to_regclass(%s)", [MARK]) else None  # noqa: S608 - a constant
    if owner == site:
        return
    tables = sorted(name for (name,) in side.connection.execute(TABLES_SQL, [f"{OWN_PREFIX}%"]))
    if owner or tables:
        raise MoveError(
            f"the new database is not empty: it has {', '.join(tables[:5]) or 'the mark of another site'}",
            "name an empty one",
        )
    side.connection.execute(f"CREATE TABLE {MARK} (site text PRIMARY KEY)")
    side.connection.execute(f"INSERT INTO {MARK} VALUES (%s)", [site])  # noqa: S608 - a constant
