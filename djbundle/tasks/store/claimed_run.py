"""A claimed task on its way from the table to the process that runs it.

The worker needs only a few columns. So the row is handed on as the database returned it, and converted in the process
that runs it.
"""

import datetime
import json
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connections, models

from djbundle.tasks.models import TaskRecord

Row = tuple[Any, ...]
Converter = Callable[[Any, Any, Any], Any]  # takes a value, its expression and the connection
Conversions = Sequence[tuple[Any, Converter]]  # converters, each with its expression
DEFERRED = {  # not needed by a run; if a task's code reads them, Django loads them from the database
    *("unique_key", "concurrency_key", "concurrency_limit", "in_order", "expires_at", "group_index"),
    *("progress", "cancelled_at", "worker", "lease_until", "held", "worker_losses", "sent_at"),
}
FIELDS = [field for field in TaskRecord._meta.concrete_fields if field.name not in DEFERRED]
COLUMNS = [str(field.column) for field in FIELDS]
NAMES = tuple(field.attname for field in FIELDS)
INDEXES = {name: index for index, name in enumerate(NAMES)}
_decode = json.JSONDecoder().raw_decode


def _columns(*names: str) -> Callable[[Row], Any]:
    return itemgetter(*map(INDEXES.__getitem__, names))


_brief, _age = _columns("id", "epoch", "timeout", "losses"), _columns("run_after", "id")
_priority, _path, _following = _columns("priority"), _columns("task_path"), _columns("then", "group_id")
_allowed, _key = _columns("max_attempts"), _columns("id")


class Invocation(NamedTuple):
    """The function to call, and its arguments."""

    task_path: str
    takes_context: bool
    args: list[Any]
    kwargs: dict[str, Any]


INVOCATION = [INDEXES[name] for name in Invocation._fields]


class Run(NamedTuple):
    """One run of a task. `row` has the values of COLUMNS, from the database `alias`."""

    pk: int
    epoch: int
    timeout: float | None  # seconds
    crash_count: int
    row: Row
    alias: str
    is_overdue: bool = False  # it exceeded its timeout and was killed

    def record(self) -> TaskRecord:
        """Return the whole record. That takes longer than a quick task."""
        if self.is_direct:
            return TaskRecord.stored(self.alias, dict(zip(NAMES, self.row, strict=True)) | {"id": self.pk})
        connection = connections[self.alias]
        values = list(self.row)
        for index, conversions in _converters(self.alias, connection.vendor).items():
            values[index] = _convert(values[index], conversions, connection)
        return TaskRecord.stored(self.alias, dict(zip(NAMES, values, strict=True)))

    def invocation(self) -> Invocation:
        """Return all that a quick task needs."""
        if self.is_direct:
            return Invocation._make([self.row[index] for index in INVOCATION])
        connection = connections[self.alias]
        converters = _converters(self.alias, connection.vendor)
        return Invocation._make(
            [_convert(self.row[index], converters.get(index, ()), connection) for index in INVOCATION]
        )

    def __str__(self) -> str:
        """Return the text of the record, whatever values the row has."""
        return f"{str(_path(self.row)).rpartition('.')[2]} {self.pk}"

    @property
    def is_direct(self) -> bool:
        """True if the task came without a row: then `row` has Python's values, see engine/direct.py."""
        return bool(_key(self.row) < 0)

    @property
    def is_unmade(self) -> bool:
        """True if the row stands for a task that is yet to be made, see held.py."""
        return not _allowed(self.row)

    @property
    def is_followed(self) -> bool:
        """True if other tasks follow it, see following.py."""
        then, group = _following(self.row)
        return then is not None or group is not None


def by_urgency(
    rows: list[Row], priority: Callable[[Row], int] = _priority, age: Callable[[Row], Any] = _age
) -> list[Row]:
    """Return the rows in the order in which they are to start. `age` returns `run_after` and the key of a row."""
    return sorted(rows, key=lambda row: (-priority(row), age(row)))


def run_of(row: Row, alias: str, *, is_overdue: bool = False) -> Run:
    """Return the run of a row, with the columns that the worker needs."""
    return Run._make((*_brief(row), row, alias, is_overdue))


@cache
def _converters(alias: str, _vendor: str) -> dict[int, Conversions]:
    """Return the converters that Django's compiler makes for each query.

    They are cached, since they are the same for all connections to a database.
    """
    connection = connections[alias]
    converters: dict[int, Conversions] = {}
    for index, field in enumerate(FIELDS):
        expression = field.get_col(TaskRecord._meta.db_table)
        own = connection.ops.get_db_converters(expression)
        both = [*own, *expression.get_db_converters(connection)]
        if both:
            converters[index] = [
                (expression, FAST_CONVERTERS.get((connection.vendor, type(field)), each)) for each in both
            ]
    return converters


def _convert(value: Any, conversions: Conversions, connection: Any) -> Any:
    for expression, convert in conversions if value is not None else ():
        value = convert(value, expression, connection)
    return value


def _to_json(text: Any, expression: Any, connection: Any) -> Any:
    """Convert what Django or a database wrote, in a third of the time of JSONField, which converts all else."""
    try:
        return _decode(text)[0]
    except (TypeError, ValueError):
        return expression.output_field.from_db_value(text, expression, connection)


def _to_datetime(text: str, _expression: Any, connection: Any) -> datetime.datetime:
    """Convert the text that SQLite keeps as Django does, in a sixth of the time."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=connection.timezone)


FAST_CONVERTERS: dict[tuple[str, type], Converter] = {
    **{(vendor, models.JSONField): _to_json for vendor in ("sqlite", "postgresql", "mysql")},
    ("sqlite", models.DateTimeField): _to_datetime,
}
