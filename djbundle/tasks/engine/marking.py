"""Marks waiting tasks as sent with one statement, if the queues have room for all tasks that it may mark.

The commit does not wait for the disk. If a crash of the server undoes a mark, nothing is lost: the task is sent again,
and only one of the two messages finds a task to claim.
"""

from collections.abc import Collection
from operator import itemgetter

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store.claim import Selection
from djbundle.tasks.store.claimed_run import by_urgency
from djbundle.tasks.store.durability import relaxed
from djbundle.tasks.store.prepared_statement import rows_of

Row = tuple[int, str, str]  # key, queue and backend of a task
CONDITION = "AND sent_at IS NULL AND concurrency_key = ''"
MARK_SQL = """
UPDATE {table} SET sent_at = %s WHERE {relaxed} id {condition}
RETURNING id, queue_name, backend, priority, run_after
"""
RELAXED = {  # on SQLite durability.py does this
    "postgresql": "(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL AND",
    "sqlite": "",
}


def can_mark(alias: str) -> bool:
    """Return whether the database returns what it updates. MySQL and MariaDB do not."""
    return connections[alias].vendor in RELAXED


def mark(alias: str, limit: int, excluded: Collection[str]) -> list[Row]:
    """Mark up to `limit` tasks, none of the `excluded` queues. Return them, the most urgent first."""
    connection = connections[alias]
    condition = CONDITION + (f" AND queue_name NOT IN ({', '.join(['%s'] * len(excluded))})" if excluded else "")
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    selection = Selection(condition, [now, now, *excluded, limit])
    with relaxed(connection):
        rows = rows_of(connection, _sql(connection, selection), [now, *selection.values])
    return [(key, queue, backend) for key, queue, backend, *_ in by_urgency(rows, itemgetter(3), itemgetter(4, 0))]


def _sql(connection: BaseDatabaseWrapper, selection: Selection) -> str:
    table = connection.ops.quote_name(TaskRecord._meta.db_table)
    return MARK_SQL.format(
        table=table, relaxed=RELAXED[connection.vendor], condition=selection.key_condition(connection)
    )
