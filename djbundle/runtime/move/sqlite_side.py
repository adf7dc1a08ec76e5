"""The embedded SQLite, as a source that the site writes to, or as the way back."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched
from pathlib import Path
from typing import Any

from djbundle.runtime.move.tables import OWN_PREFIX, Key, Row, RowChange, Table, by_name, quoted

CHANGES = f"{OWN_PREFIX}_changes"
CREATE_SQL = f"CREATE TABLE IF NOT EXISTS {CHANGES} (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, row_key TEXT)"
# No conflict clause and no constraint: a statement with OR IGNORE imposes it on its triggers.
TRIGGER_SQL = """
CREATE TRIGGER IF NOT EXISTS {trigger} AFTER {event} ON {table} BEGIN
    INSERT INTO {changes} (name, row_key) {selects};
END
"""
LOCK_TIMEOUT = 20.0  # seconds that a writer waits for another
KEYS_AT_ONCE = 500


class SqliteSide:
    """A connection to the file. A statement outside `snapshot` and `transaction` is a transaction of its own."""

    def __init__(self, file: Path, tables: Sequence[Table]) -> None:
        self.connection = sqlite3.connect(file, timeout=LOCK_TIMEOUT, isolation_level=None)
        self._tables = by_name(tables)

    def close(self) -> None:
        self.connection.close()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        self.connection.execute("BEGIN")
        try:
            self.connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # it begins with the first read
            yield
        finally:
            self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    # --- reading ---

    def raw_rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Return each row with SQLite's own values."""
        return self.connection.execute(f"SELECT {table.names} FROM {quoted(table.name)}")  # noqa: S608 - of names only

    def rows(self, table: Table) -> Iterator[Row]:
        convert = converter_of(table)
        return map(convert, self.raw_rows(table))

    def rows_of(self, table: Table, keys: Sequence[Key]) -> Iterator[Row]:
        convert = converter_of(table)
        condition = " AND ".join(f"{quoted(column.name)} = ?" for column in table.key_columns)
        sql = f"SELECT {table.names} FROM {quoted(table.name)} WHERE {condition}"  # noqa: S608 - of names only
        for key in keys:
            yield from map(convert, self.connection.execute(sql, self._values(table, key)))

    def _values(self, table: Table, key: Key) -> list[Any]:
        return [column.kind.from_text(text) for column, text in zip(table.key_columns, key, strict=True)]

    def count(self, table: Table) -> int:
        sql = f"SELECT count(*) FROM {quoted(table.name)}"  # noqa: S608 - of names only
        return int(self.connection.execute(sql).fetchone()[0])

    def table_names(self) -> set[str]:
        """Return the names of the tables of the project."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        return {name for (name,) in self.connection.execute(sql) if not name.startswith(OWN_PREFIX)}

    def column_names(self, table: Table) -> set[str]:
        """Return the names of its columns that are not computed from others."""
        sql = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0"
        return {name for (name,) in self.connection.execute(sql, [table.name])}

    def orphans(self) -> Iterator[tuple[str, int | None, str]]:
        """Yield rows with a foreign key that points nowhere: table, row number, and the other table."""
        for name, rowid, parent, _ in self.connection.execute("PRAGMA foreign_key_check"):
            yield name, rowid, parent

    def highest_numbers(self) -> dict[str, int]:
        """Return the highest number that each table has ever given to a row."""
        try:
            return dict(self.connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        except sqlite3.OperationalError:  # no table has AUTOINCREMENT
            return {}

    # --- writing ---

    def put(self, table: Table, rows: Sequence[Row], deleted: Sequence[Key]) -> None:
        keys = [*deleted, *map(table.key_of, rows)]
        condition = " AND ".join(f"{quoted(column.name)} = ?" for column in table.key_columns)
        delete = f"DELETE FROM {quoted(table.name)} WHERE {condition}"  # noqa: S608 - of names only
        marks = ", ".join("?" * len(table.columns))
        insert = f"INSERT INTO {quoted(table.name)} ({table.names}) VALUES ({marks})"  # noqa: S608 - as above
        self.connection.executemany(delete, [self._values(table, key) for key in keys])
        self.connection.executemany(insert, [self._row_values(table, row) for row in rows])

    def _row_values(self, table: Table, row: Row) -> list[Any]:
        return [
            None if text is None else column.kind.from_text(text)
            for column, text in zip(table.columns, row, strict=True)
        ]

    # --- changes ---

    def watch(self, tables: Sequence[Table]) -> None:
        with self.transaction():
            self._drop()
            self.connection.execute(CREATE_SQL)
            for number, table in enumerate(tables):
                for event, sides in (("INSERT", ["NEW"]), ("UPDATE", ["OLD", "NEW"]), ("DELETE", ["OLD"])):
                    self.connection.execute(_trigger_sql(table, number, event, sides))

    def unwatch(self) -> None:
        with self.transaction():
            self._drop()

    def _drop(self) -> None:
        sql = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, ?) = ?"
        for (name,) in self.connection.execute(sql, [len(OWN_PREFIX), OWN_PREFIX]).fetchall():
            self.connection.execute(f"DROP TRIGGER {quoted(name)}")
        self.connection.execute(f"DROP TABLE IF EXISTS {CHANGES}")

    def is_watched(self) -> bool:
        return bool(self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [CHANGES]).fetchone())

    def changes(self) -> list[RowChange]:
        rows = self.connection.execute(f"SELECT number, name, row_key FROM {CHANGES} ORDER BY number").fetchall()  # noqa: S608 - a constant
        return [RowChange(number, name, self._key(name, key)) for number, name, key in rows]

    def _key(self, name: str, key: str) -> Key:
        columns = self._tables[name].key_columns
        return tuple(column.kind.to_text(value) for column, value in zip(columns, json.loads(key), strict=True))

    def forget(self, changes: Iterable[RowChange]) -> None:
        for some in batched((change.number for change in changes), KEYS_AT_ONCE, strict=False):
            marks = ", ".join("?" * len(some))
            self.connection.execute(f"DELETE FROM {CHANGES} WHERE number IN ({marks})", some)  # noqa: S608 - of marks only


def converter_of(table: Table) -> Callable[[Sequence[Any]], Row]:
    """Return the function that makes texts of a row of SQLite."""
    converters = [column.kind.to_text for column in table.columns]

    def convert(values: Sequence[Any]) -> Row:
        return [None if value is None else to_text(value) for to_text, value in zip(converters, values, strict=True)]

    return convert


def _trigger_sql(table: Table, number: int, event: str, sides: list[str]) -> str:
    name = table.name.replace("'", "''")
    keys = [f"json_array({', '.join(f'{side}.{quoted(each.name)}' for each in table.key_columns)})" for side in sides]
    return TRIGGER_SQL.format(
        trigger=quoted(f"{OWN_PREFIX}_{number}_{event.lower()}"),
        event=event,
        table=quoted(table.name),
        changes=CHANGES,
        selects=" UNION ".join(f"SELECT '{name}', {key}" for key in keys),
    )
