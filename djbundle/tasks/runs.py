"""A claimed task on its way from the table to the process that runs it.

The worker looks at a few columns only, so the row is handed on as the database gave it and converted where it is run.
"""

from collections.abc import Callable
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connections

from djbundle.tasks.models import TaskRecord

Row = tuple[Any, ...]
FIELDS = TaskRecord._meta.concrete_fields
COLUMNS = [str(field.column) for field in FIELDS]
NAMES = tuple(field.attname for field in FIELDS)


def _columns(*names: str) -> Callable[[Row], Any]:
    return itemgetter(*map(NAMES.index, names))


_brief, _urgency = _columns("id", "epoch", "timeout", "losses"), _columns("run_after", "id")
_priority = _columns("priority")


class Run(NamedTuple):
    """One run of a task. `row` has the values of COLUMNS, from the database `alias`."""

    pk: int
    epoch: int
    timeout: float | None  # seconds
    losses: int
    row: Row
    alias: str

    def record(self) -> TaskRecord:
        """The whole."""
        connection = connections[self.alias]
        values = list(self.row)
        for index, expression, convert in _converters(self.alias, connection.vendor):
            if values[index] is not None:
                values[index] = convert(values[index], expression, connection)
        return TaskRecord.from_db(self.alias, NAMES, values)


def runs_of(rows: list[Row], alias: str) -> list[Run]:
    """In the order in which they are to begin: the most urgent first."""
    rows = sorted(rows, key=lambda row: (-_priority(row), _urgency(row)))
    return [Run._make((*_brief(row), row, alias)) for row in rows]


@cache
def _converters(alias: str, _vendor: str) -> list[tuple[int, Any, Callable[..., Any]]]:
    """As Django's compiler makes them for each query; they are the same for all connections to a database."""
    connection = connections[alias]
    found = []
    for index, field in enumerate(FIELDS):
        expression = field.get_col(TaskRecord._meta.db_table)
        own = connection.ops.get_db_converters(expression)
        found += [(index, expression, convert) for convert in (*own, *expression.get_db_converters(connection))]
    return found
