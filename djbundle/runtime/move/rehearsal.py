"""Finds what PostgreSQL would refuse, before anything is copied: checks each row of SQLite against the new columns."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from djbundle.runtime.move.kinds import TYPE_MODIFIER_HEADER
from djbundle.runtime.move.sqlite_side import SqliteSide
from djbundle.runtime.move.tables import Column, Table

INTEGER_BITS = {"int2": 15, "int4": 31, "int8": 63}
MAX_PROBLEMS = 1000
MAX_TEXT = 1000  # characters of a message
UNSUPPORTED_KEYS = ("bytea", "float4", "float8", "json", "jsonb")  # triggers cannot record such keys


class RowProblem(NamedTuple):
    """A row, a column or a table that PostgreSQL would not take. The value itself is not shown: it may be a secret."""

    table: str
    row: str  # its primary key; "" for a table as a whole
    column: str
    cause: str

    def __str__(self) -> str:
        place = self.table + (f" {self.row}" if self.row else "") + (f", {self.column}" if self.column else "")
        return f"{place}: {self.cause}"[:MAX_TEXT]


def find_problems(source: SqliteSide, tables: Sequence[Table], leave: Sequence[str]) -> Iterator[RowProblem]:
    """Yield all problems. `leave` are tables that stay behind."""
    yield from _problems_of_tables(source, tables, leave)
    present = [table for table in tables if not any(_problems_of_table(source, table))]
    for table in present:
        yield from _problems_of_rows(source, table)
    for name, number, parent in source.orphans():
        yield RowProblem(name, str(number), "", f"its foreign key points to no row of {parent}")


def _problems_of_tables(source: SqliteSide, tables: Sequence[Table], leave: Sequence[str]) -> Iterator[RowProblem]:
    there = source.table_names() - set(leave)
    known = {table.name for table in tables}
    for name in sorted(there - known):
        yield RowProblem(name, "", "", f"no migration makes this table; leave it behind with  --leave {name}")
    for name in sorted(known - there - set(leave)):
        yield RowProblem(name, "", "", "the site's SQLite has no such table")
    for table in tables:
        if table.name in there:
            yield from _problems_of_table(source, table)


def _problems_of_table(source: SqliteSide, table: Table) -> Iterator[RowProblem]:
    if not table.key_columns:
        yield RowProblem(table.name, "", "", "it has no primary key")
    for column in table.key_columns:
        if column.kind.name in UNSUPPORTED_KEYS:
            yield RowProblem(
                table.name, "", column.name, f"a primary key of type {column.kind.name} cannot be followed"
            )
    names, source_names = {column.name for column in table.columns}, source.column_names(table)
    for name in sorted(names ^ source_names):
        owner = "PostgreSQL" if name in names else "SQLite"
        yield RowProblem(table.name, "", name, f"only {owner} has this column")


def _problems_of_rows(source: SqliteSide, table: Table) -> Iterator[RowProblem]:
    checks = [(index, column) for index, column in enumerate(table.columns)]
    keys = table.key_indexes
    for values in source.raw_rows(table):
        for index, column in checks:
            if cause := _cause(column, values[index]):
                yield RowProblem(table.name, " ".join(str(values[key]) for key in keys), column.name, cause)


def _cause(column: Column, value: object) -> str:
    """Return why PostgreSQL would refuse the value; "" if it takes it."""
    if value is None:
        return "it is NULL" if column.is_required else ""
    try:
        text = column.kind.to_text(value)
    except (ValueError, TypeError, ArithmeticError, UnicodeError) as error:
        return f"its value is not of the type {column.kind.name}: {error}"
    return _too_large(column, text)


def _too_large(column: Column, text: str) -> str:
    """Return why the value does not fit into the column; "" if it does."""
    name, modifier = column.kind.name, column.modifier - TYPE_MODIFIER_HEADER
    if bits := INTEGER_BITS.get(name):
        return "" if -(1 << bits) <= int(text) < 1 << bits else f"the number is too large for {name}"
    if name in ("varchar", "bpchar") and modifier >= 0:
        return "" if len(text) <= modifier else f"{len(text)} characters, and {modifier} fit"
    if name == "numeric" and modifier >= 0:
        most = (modifier >> 16) - (modifier & 0xFFFF)
        digits = len(text.lstrip("-").partition(".")[0].lstrip("0"))
        return "" if digits <= most else f"{digits} digits before the point, and {most} fit"
    return ""
