"""Enqueues many calls of one task with one statement.

enqueue_many(send_invoice, [(order.pk,) for order in orders])
enqueue_many(send_invoice, ({"order_id": order.pk, "copy": True} for order in orders))
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import batched
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db import IntegrityError, connections, router, transaction

from djbundle.tasks import signals
from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import Task, TaskResult
from djbundle.tasks.models import READY, RUNNING, TaskRecord
from djbundle.tasks.store import limits, unique, wakeup
from djbundle.tasks.store.insert import fields_of, insert, prepared, statement
from djbundle.tasks.task import to_seconds


class Arguments(NamedTuple):
    """The positional and named arguments of a call: ``Arguments((1, 2), {"copy": True})``."""

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = {}


ArgumentsLike = Arguments | Sequence[Any] | Mapping[str, Any]


def enqueue_many(task: Task, calls: Iterable[ArgumentsLike]) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
    """Do ``task.enqueue()`` for all `calls` or for none, and return the results in their order.

    A call is a tuple or list of positional arguments, a mapping of named arguments, or Arguments with both.

    Raise TypeError if `task` is no task or a call is none of these.
    """
    if not isinstance(task, Task):
        raise TypeError(f"enqueue_many() takes a task, that is a function with @task; not {task!r}.")
    arguments = [arguments_of(each) for each in calls]
    backend = task.get_backend()
    if isinstance(backend, DatabaseBackend):
        return backend.add_many(task, arguments)
    return [task.enqueue(*args, **kwargs) for args, kwargs in arguments]


async def aenqueue_many(task: Task, calls: Iterable[ArgumentsLike]) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
    """Do the same as `enqueue_many`, from async code."""
    return await sync_to_async(enqueue_many, thread_sensitive=True)(task, calls)


def arguments_of(call: ArgumentsLike) -> Arguments:
    """Return the arguments of a call. Raise TypeError for a bare value, as in ``enqueue_many(task, ["text"])``."""
    if isinstance(call, Arguments):
        return call
    if isinstance(call, Mapping):
        return Arguments(kwargs=call)
    if isinstance(call, (tuple, list)):
        return Arguments(call)
    raise TypeError(f"A call is a tuple, a list, a mapping or Arguments, not {call!r}.")


def add(backend: DatabaseBackend, task: Any, calls: Sequence[Arguments]) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
    """Do the work of ``DatabaseBackend.add_many``."""
    prototype = backend.prototype(task)
    records = [backend.record(prototype, args, dict(kwargs)) for args, kwargs in calls]
    if not records:
        return []
    alias = router.db_for_write(TaskRecord)
    with transaction.atomic(using=alias, savepoint=False):
        if records[0].unique_key:
            enqueued, added = _add_unique(records, alias, to_seconds(prototype.task.unique_for))
        else:
            enqueued = added = _add(records, alias)
        new = {record.pk: record.to_result(task) for record in added}
        for result in new.values():
            signals.send_enqueued(type(backend), result)
        if added:
            wakeup.send_on_commit(alias)
    return [new.get(record.pk) or record.to_result() for record in enqueued]


Records = list[TaskRecord]


def _add(records: Records, alias: str) -> Records:
    if connections[alias].features.can_return_rows_from_bulk_insert:
        return TaskRecord.objects.using(alias).bulk_create(records)
    for record in records:  # MySQL returns no keys for many rows
        insert(record, alias)
    return records


def _add_unique(records: Records, alias: str, window: float | None) -> tuple[Records, Records]:
    """Return for each of `records` the record itself or the existing one, and then those that were added."""
    records_by_key: dict[str, TaskRecord] = {}
    firsts: dict[str, TaskRecord] = {}
    for record in records:
        firsts.setdefault(record.unique_key, record)
    for some in batched(_by_turns(firsts, alias), _batch_size(records, alias)):
        keys = [record.unique_key for record in some]
        if window is not None:
            records_by_key |= unique.recent(keys, alias, window)
        while missing := [record for record in some if record.unique_key not in records_by_key]:
            ids = _insert(missing, alias) if connections[alias].vendor != "mysql" else _insert_alone(missing, alias)
            for record in missing:
                if record.unique_key in ids:
                    record.pk = ids[record.unique_key]
                    record._state.adding, record._state.db = False, alias
                    records_by_key[record.unique_key] = record
            if len(ids) < len(missing):
                records_by_key = unique.newest(keys, alias) | records_by_key
    return [records_by_key[record.unique_key] for record in records], [
        each for key, each in firsts.items() if records_by_key[key] is each
    ]


def _by_turns(firsts: dict[str, TaskRecord], alias: str) -> Iterable[TaskRecord]:
    """Return the records in one order for all processes on PostgreSQL.

    There, processes that add the same keys at the same time wait for each other. Without one order that may be a
    deadlock.
    """
    return [firsts[key] for key in sorted(firsts)] if connections[alias].vendor == "postgresql" else firsts.values()


def _insert_alone(records: Records, alias: str) -> dict[str, int]:
    """Do the same as `_insert` on MySQL and MariaDB, under a lock: two processes that add many would deadlock."""
    limits.lock(alias)
    keys = [record.unique_key for record in records]
    pending_keys = {
        record.unique_key for record in unique.newest(keys, alias).values() if record.status in (READY, RUNNING)
    }
    new = [record for record in records if record.unique_key not in pending_keys]
    try:
        with transaction.atomic(using=alias):
            _add(new, alias)
    except IntegrityError:  # one of them was enqueued singly a moment ago
        for record in new:
            with suppress(IntegrityError), transaction.atomic(using=alias):
                insert(record, alias)
    return {record.unique_key: record.pk for record in new if record.pk}


def _batch_size(records: Records, alias: str) -> int:
    """Return how many rows the values of one statement can hold."""
    return max(connections[alias].ops.bulk_batch_size(fields_of(TaskRecord), records), 1)


def _insert(records: Records, alias: str) -> dict[str, int]:
    """Insert the records whose key does not exist, and return their ids by key.

    Django's ``bulk_create`` returns no ids when it uses ON CONFLICT.
    """
    connection = connections[alias]
    sql = f"{statement(TaskRecord, connection, len(records))} ON CONFLICT DO NOTHING RETURNING unique_key, id"
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for record in records for value in prepared(record, connection)])
        return dict(cursor.fetchall())
