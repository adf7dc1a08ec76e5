"""Inserts a row in a fraction of the time of ``save(force_insert=True)``: it caches what that computes each time."""

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from djbundle.tasks.store import fast_sql

if TYPE_CHECKING:
    from djbundle.tasks.models import TaskRecord

# Values that all new tasks share are part of the statement. Columns that are set later are NULL, and left out.
SHARED_VALUES = {
    "status": "'READY'",
    "errors": "'[]'",
    "worker_ids": "'[]'",
    "worker": "''",
    "epoch": "0",
    "losses": "0",
}
NULL_FIELDS = {
    *("started_at", "last_attempted_at", "finished_at", "lease_until"),
    *("return_value", "progress", "cancelled_at", "held", "worker_losses", "sent_at"),
}
PLAIN = (models.CharField, models.IntegerField, models.FloatField, models.BooleanField, models.ForeignKey)


def insert(record: "TaskRecord", alias: str) -> None:
    """Save the record, and set its primary key."""
    connection = connections[alias]
    record.pk = _insert(connection, statement(type(record), connection), prepared(record, connection))
    record._state.adding, record._state.db = False, alias


def insert_many(records: "Sequence[TaskRecord]", alias: str) -> None:
    """Save the records, and set their primary keys: with one statement, where the database returns the keys."""
    if records and connections[alias].features.can_return_rows_from_bulk_insert:
        type(records[0]).objects.using(alias).bulk_create(records)
        return
    for record in records:  # MySQL returns no keys for many rows
        insert(record, alias)


def _insert(connection: BaseDatabaseWrapper, sql: str, values: list[Any]) -> int | None:
    """Return the key of the new row."""
    if fast_sql.is_direct(connection):
        return fast_sql.execute(connection, sql, values).lastrowid
    with connection.cursor() as cursor:
        if not connection.features.can_return_columns_from_insert:  # MySQL
            cursor.execute(sql, values)
            return int(cursor.lastrowid)
        cursor.execute(f"{sql} RETURNING id", values)
        return int(cursor.fetchone()[0])


def prepared(record: "TaskRecord", connection: BaseDatabaseWrapper) -> list[Any]:
    """Return the values of the record, for `statement`."""
    plan = _plan(type(record))
    values = list(plan.values_of(record))
    before = text = None
    for index, prepare in plan.others:
        value = values[index]
        if value is not None:
            if value is not before:  # for most tasks run_after equals enqueued_at
                before, text = value, prepare(value, connection)
            values[index] = text
    return values


def statement(model: type[models.Model], connection: BaseDatabaseWrapper, rows: int = 1) -> str:
    """Return an INSERT of `rows` rows."""
    key = model, connection.vendor
    if key not in _statements:
        quote = connection.ops.quote_name
        fields = fields_of(model)
        columns = ", ".join(map(quote, [*(str(field.column) for field in fields), *SHARED_VALUES]))
        values = ", ".join([*["%s"] * len(fields), *SHARED_VALUES.values()])
        start = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "  # noqa: S608 - of names only
        _statements[key] = start, f"({values})"
    start, row = _statements[key]
    return start + ", ".join([row] * rows)


_statements: dict[tuple[type[models.Model], str], tuple[str, str]] = {}  # by model and vendor: the start, one row


@cache
def fields_of(model: type[models.Model]) -> list[Any]:
    """Return the fields of which a new task has its own value."""
    return [field for field in model._meta.concrete_fields if field.name not in {"id", *SHARED_VALUES, *NULL_FIELDS}]


class Plan(NamedTuple):
    """The way from a record to a row.

    Texts and numbers are used as they are. `others` are the other values, by index.
    """

    values_of: Callable[[models.Model], tuple[Any, ...]]
    others: list[tuple[int, Callable[[Any, BaseDatabaseWrapper], Any]]]


@cache
def _plan(model: type[models.Model]) -> Plan:
    fields = fields_of(model)
    others = [(index, _preparing(field)) for index, field in enumerate(fields) if not isinstance(field, PLAIN)]
    return Plan(attrgetter(*(field.attname for field in fields)), others)


def _preparing(field: Any) -> Callable[[Any, BaseDatabaseWrapper], Any]:
    """Return the function that does what Django's get_db_prep_save() does for the values of a new task."""
    if isinstance(field, models.JSONField):
        return lambda value, connection: connection.ops.adapt_json_value(value, field.encoder)
    if isinstance(field, models.DateTimeField):
        return lambda value, connection: connection.ops.adapt_datetimefield_value(value)
    return field.get_db_prep_save  # type: ignore[no-any-return]
