"""The tables that move, as PostgreSQL has them after the project's own migrations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from djbundle.runtime.move.kinds import ColumnKind, kind_of

OWN_PREFIX = "djbundle_move"  # of the tables that `move` makes for itself
COLUMNS_SQL = """
SELECT c.relname, a.attname, t.typname, t.typtype, a.atttypmod, a.attnotnull,
       coalesce(a.attnum = ANY (k.conkey), false), pg_get_serial_sequence(quote_ident(c.relname), a.attname)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace AND c.relname NOT LIKE %s
ORDER BY c.relname, a.attnum
"""
Row = list[str | None]  # a value for each column, as text; None is NULL
Key = tuple[str, ...]  # the values of the primary key, as text


def quoted(name: str) -> str:
    """Return the name as an identifier in SQL, for both databases."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table in PostgreSQL."""

    name: str
    kind: ColumnKind
    modifier: int  # atttypmod: the length of a text, the precision of a number; -1: none
    is_required: bool
    is_key: bool
    sequence: str | None  # that numbers its rows


@dataclass(frozen=True)
class Table:
    """A table that moves. Its columns stand in the order of PostgreSQL, without generated ones."""

    name: str
    columns: list[Column] = field(default_factory=list)

    @cached_property
    def key_columns(self) -> list[Column]:
        return [column for column in self.columns if column.is_key]

    @cached_property
    def key_indexes(self) -> list[int]:
        return [index for index, column in enumerate(self.columns) if column.is_key]

    @cached_property
    def names(self) -> str:
        """The names of all columns, as SQL."""
        return ", ".join(quoted(column.name) for column in self.columns)

    def key_of(self, row: Sequence[str | None]) -> Key:
        return tuple(row[index] or "" for index in self.key_indexes)


class RowChange(NamedTuple):
    """A row that was written: its number in the order of all changes, its table, and its key."""

    number: int
    table: str
    key: Key


def read_tables(connection: Any) -> list[Table]:
    """Return the tables of the connection's schema, by name."""
    tables: dict[str, Table] = {}
    for name, *values in connection.execute(COLUMNS_SQL, [f"{OWN_PREFIX}%"]):
        column, type_name, type_kind, modifier, is_required, is_key, sequence = values
        kind = kind_of(type_name, type_kind, modifier)
        tables.setdefault(name, Table(name)).columns.append(
            Column(column, kind, modifier, is_required, is_key, sequence)
        )
    return list(tables.values())


def by_name(tables: Iterable[Table]) -> dict[str, Table]:
    return {table.name: table for table in tables}
