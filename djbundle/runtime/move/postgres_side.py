"""The PostgreSQL that the site moves to."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from djbundle.errors import MoveError
from djbundle.runtime.move.tables import OWN_PREFIX, Key, Row, RowChange, Table, by_name, quoted

if TYPE_CHECKING:
    import psycopg

CHANGES = f"{OWN_PREFIX}_changes"
MARK = f"{OWN_PREFIX}_mark"
CREATE_SQL = f"CREATE TABLE {CHANGES} (number bigserial PRIMARY KEY, name text NOT NULL, row_key text NOT NULL)"
FUNCTION_SQL = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {changes} (name, row_key) VALUES (TG_TABLE_NAME, json_build_array({old})::text);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {changes} (name, row_key) VALUES (TG_TABLE_NAME, json_build_array({new})::text);
    END IF;
    RETURN NULL;
END $$
"""
TRIGGER_SQL = (
    "CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {trigger}()"
)
OWN_FUNCTIONS_SQL = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE proname LIKE %s AND pronamespace = current_schema()::regnamespace
"""
BLOCK = 1 << 20  # bytes that are sent at once
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
UNESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class PostgresSide:
    """A connection. A statement outside `snapshot` and `transaction` is a transaction of its own."""

    def __init__(self, parameters: Mapping[str, Any], zone: str, tables: Sequence[Table] = ()) -> None:
        self.connection = connect(parameters, zone)
        self.tables = tables

    def close(self) -> None:
        self.connection.close()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        with self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self.connection.transaction():
            yield

    # --- reading ---

    def rows(self, table: Table) -> Iterator[Row]:
        with self.connection.cursor().copy(f"COPY ({_select(table)}) TO STDOUT") as copy:
            for line in copy:
                yield parsed(bytes(line).decode())

    def rows_of(self, table: Table, keys: Sequence[Key]) -> Iterator[Row]:
        sql = f"{_select(table)} WHERE {_condition(table)}"
        for key in keys:
            for row in self.connection.execute(sql, key):
                yield list(row)

    def count(self, table: Table) -> int:
        return self.value(f"SELECT count(*) FROM {quoted(table.name)}")  # type: ignore[no-any-return]  # noqa: S608 - of names only

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first value of the first row."""
        row = self.connection.execute(sql, parameters or None).fetchone()
        return row[0] if row else None

    # --- writing ---

    def copy_in(self, table: Table, rows: Iterable[Row]) -> int:
        """Add the rows by COPY. Return how many they are."""
        count, size, lines = 0, 0, []
        with self.connection.cursor().copy(f"COPY {quoted(table.name)} ({table.names}) FROM STDIN") as copy:
            for row in rows:
                lines.append("\t".join(["\\N" if text is None else escaped(text) for text in row]))
                size += len(lines[-1])
                count += 1
                if size > BLOCK:
                    copy.write("\n".join(lines) + "\n")
                    size, lines = 0, []
            if lines:
                copy.write("\n".join(lines) + "\n")
        return count

    def put(self, table: Table, rows: Sequence[Row], deleted: Sequence[Key]) -> None:
        from psycopg.errors import UniqueViolation  # noqa: PLC0415 - only in bundles that have it

        with self.connection.cursor() as cursor:
            if deleted:
                cursor.executemany(_delete(table), deleted)
            try:
                with self.connection.transaction():
                    cursor.executemany(_upsert(table), rows)
            except UniqueViolation:  # two rows have swapped a unique value
                cursor.executemany(_delete(table), [table.key_of(row) for row in rows])
                cursor.executemany(_upsert(table), rows)

    def set_sequences(self, highest: Mapping[str, int]) -> None:
        """Set each sequence behind the highest number of its table. `highest` has the numbers of SQLite."""
        for table in self.tables:
            for column in table.columns:
                if column.sequence:
                    most = self.value(f"SELECT max({quoted(column.name)}) FROM {quoted(table.name)}") or 0  # noqa: S608 - of names only
                    number = max(most, highest.get(table.name, 0))
                    self.value("SELECT setval(%s, %s, %s)", [column.sequence, number or 1, number > 0])

    # --- changes ---

    def watch(self, tables: Sequence[Table]) -> None:
        self._drop()
        self.connection.execute(CREATE_SQL)
        for number, table in enumerate(tables):
            function = quoted(f"{OWN_PREFIX}_{number}")
            keys = {
                side: ", ".join(_expression(column, side.upper()) for column in table.key_columns)
                for side in ("old", "new")
            }
            self.connection.execute(FUNCTION_SQL.format(function=function, changes=CHANGES, **keys))
            self.connection.execute(TRIGGER_SQL.format(trigger=function, table=quoted(table.name)))

    def unwatch(self) -> None:
        with self.transaction():
            self._drop()

    def _drop(self) -> None:
        for (function,) in self.connection.execute(OWN_FUNCTIONS_SQL, [f"{OWN_PREFIX}\\_%"]).fetchall():
            self.connection.execute(f"DROP FUNCTION {function} CASCADE")
        self.connection.execute(f"DROP TABLE IF EXISTS {CHANGES}")

    def changes(self) -> list[RowChange]:
        known = by_name(self.tables)
        rows = self.connection.execute(f"SELECT number, name, row_key FROM {CHANGES} ORDER BY number")  # noqa: S608 - a constant
        return [RowChange(number, name, tuple(json.loads(key))) for number, name, key in rows if name in known]

    def forget(self, changes: Iterable[RowChange]) -> None:
        numbers = [change.number for change in changes]
        self.connection.execute(f"DELETE FROM {CHANGES} WHERE number = ANY(%s)", [numbers])  # noqa: S608 - a constant


def connect(parameters: Mapping[str, Any], zone: str) -> "psycopg.Connection[Any]":
    """Return a connection. Raise MoveError with one line if that fails."""
    try:
        import psycopg  # noqa: PLC0415 - only in bundles that have it
    except ImportError:
        raise MoveError(
            "the bundle has no driver for PostgreSQL",
            'pip install "djbundle[postgres]" in the project, and build again',
        ) from None
    try:
        connection = psycopg.connect(**dict(parameters), autocommit=True)
    except psycopg.Error as error:
        raise MoveError(
            f"PostgreSQL does not answer: {' '.join(str(error).split())}", "start it, or correct the URL"
        ) from error
    connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
    connection.execute("SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1; SET standard_conforming_strings = on")
    return connection


def _expression(column: Any, side: str = "") -> str:
    name = quoted(column.name)
    return str(column.kind.expression.format(f"{side}.{name}" if side else name))


def _select(table: Table) -> str:
    return f"SELECT {', '.join(map(_expression, table.columns))} FROM {quoted(table.name)}"  # noqa: S608 - of names only


def _condition(table: Table) -> str:
    return " AND ".join(f"{quoted(column.name)} = %s::{column.kind.name}" for column in table.key_columns)


def _delete(table: Table) -> str:
    return f"DELETE FROM {quoted(table.name)} WHERE {_condition(table)}"  # noqa: S608 - of names only


def _upsert(table: Table) -> str:
    keys = ", ".join(quoted(column.name) for column in table.key_columns)
    others = [quoted(column.name) for column in table.columns if not column.is_key]
    change = f"UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in others)}" if others else "NOTHING"
    marks = ", ".join(["%s"] * len(table.columns))
    return f"INSERT INTO {quoted(table.name)} ({table.names}) VALUES ({marks}) ON CONFLICT ({keys}) DO {change}"  # noqa: S608 - of names only


def escaped(text: str) -> str:
    """Return the text as COPY reads it."""
    return text if text.isalnum() else text.translate(ESCAPES)


def parsed(line: str) -> Row:
    """Return the row in a line of COPY."""
    return [None if text == "\\N" else _unescaped(text) for text in line[:-1].split("\t")]


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    first, *rest = text.split("\\\\")
    return "\\".join(map(_without_letters, [first, *rest]))


def _without_letters(text: str) -> str:
    if "\\" not in text:
        return text
    first, *rest = text.split("\\")
    return first + "".join(UNESCAPED.get(part[:1], part[:1]) + part[1:] for part in rest)
