"""Unique tasks: tasks that must not exist twice."""

import datetime
import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import batched
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connections, models, transaction
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.store.insert import fields_of, insert, insert_many, prepared, statement
from djbundle.tasks.task import AlreadyThere

if TYPE_CHECKING:  # @task comes here before apps are loaded
    from djbundle.tasks.models import TaskRecord

    Records = list[TaskRecord]

PENDING = (TaskResultStatus.READY, TaskResultStatus.RUNNING)  # a task with one of these waits or runs


def key_of(path: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """Return a key that is equal for calls with the same arguments."""
    return hashlib.sha256(json.dumps([path, args, kwargs], sort_keys=True).encode()).hexdigest()


def add(record: "TaskRecord", alias: str, window: float | None) -> "TaskRecord | None":
    """Save `record`, or return the existing task with its key.

    A task exists if it waits, runs, or was enqueued within the last `window` seconds. If two processes add the same key
    at once, the constraint djbundle_tasks_unique decides.
    """
    same = type(record).objects.using(alias).filter(unique_key=record.unique_key).order_by("-id")
    if window is not None:
        since = record.enqueued_at - datetime.timedelta(seconds=window)
        if recent := same.filter(enqueued_at__gt=since).first():
            return recent
    try:
        with transaction.atomic(using=alias):
            insert(record, alias)
    except IntegrityError:
        return same.first()
    return None


def add_member(record: "TaskRecord", alias: str) -> None:
    """Save a task of a workflow. Raise AlreadyThere while a task with its key waits or runs."""
    try:
        with transaction.atomic(using=alias):
            insert(record, alias)
    except IntegrityError as error:
        raise AlreadyThere(f"{record.task_path} waits for one with the same arguments.") from error


def is_present(record: "TaskRecord", alias: str, window: float | None = None) -> bool:
    """Return whether another task with its key waits, runs, or was enqueued within the last `window` seconds."""
    counts = models.Q(status__in=PENDING)
    if window is not None:
        counts |= models.Q(enqueued_at__gt=record.enqueued_at - datetime.timedelta(seconds=window))
    same = type(record).objects.using(alias).filter(counts, unique_key=record.unique_key)
    return same.exclude(pk=record.pk).exists()


def newest(keys: list[str], alias: str) -> "dict[str, TaskRecord]":
    """Return the newest task with each of these keys."""
    return {record.unique_key: record for record in _with_keys(keys, alias)}


def recent(keys: list[str], alias: str, window: float) -> "dict[str, TaskRecord]":
    """Return the newest task with each of these keys that was enqueued within the last `window` seconds."""
    since = timezone.now() - datetime.timedelta(seconds=window)
    return {record.unique_key: record for record in _with_keys(keys, alias).filter(enqueued_at__gt=since)}


def _with_keys(keys: list[str], alias: str) -> "models.QuerySet[TaskRecord]":
    from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - @task comes here before apps are loaded

    return TaskRecord.objects.using(alias).filter(unique_key__in=keys).order_by("id")


# --- many at once ---


def add_many(records: "Records", alias: str, window: float | None) -> "tuple[Records, Records]":
    """Save those of `records` whose key does not exist yet, in the transaction of the caller.

    Return for each of `records` the record itself or the existing one, and then those that were added.
    """
    records_by_key: dict[str, TaskRecord] = {}
    first_by_key: dict[str, TaskRecord] = {}
    for record in records:
        first_by_key.setdefault(record.unique_key, record)
    for batch in batched(_by_turns(first_by_key, alias), _batch_size(records, alias)):
        keys = [record.unique_key for record in batch]
        if window is not None:
            records_by_key |= recent(keys, alias, window)
        while missing := [record for record in batch if record.unique_key not in records_by_key]:
            ids = _insert(missing, alias) if connections[alias].vendor != "mysql" else _insert_alone(missing, alias)
            for record in missing:
                if record.unique_key in ids:
                    record.pk = ids[record.unique_key]
                    record._state.adding, record._state.db = False, alias
                    records_by_key[record.unique_key] = record
            if len(ids) < len(missing):
                records_by_key = newest(keys, alias) | records_by_key
    return [records_by_key[record.unique_key] for record in records], [
        each for key, each in first_by_key.items() if records_by_key[key] is each
    ]


def _by_turns(first_by_key: "dict[str, TaskRecord]", alias: str) -> "Iterable[TaskRecord]":
    """Return the records in one order for all processes on PostgreSQL.

    There, processes that add the same keys at the same time wait for each other. Without one order that may be a
    deadlock.
    """
    return (
        [first_by_key[key] for key in sorted(first_by_key)]
        if connections[alias].vendor == "postgresql"
        else first_by_key.values()
    )


def _insert_alone(records: "Records", alias: str) -> dict[str, int]:
    """Insert on MySQL and MariaDB. This takes a lock, since two processes that add many would deadlock."""
    from djbundle.tasks.store import limits  # noqa: PLC0415 - needs the models

    limits.lock(alias)
    keys = [record.unique_key for record in records]
    pending_keys = {record.unique_key for record in newest(keys, alias).values() if record.status in PENDING}
    new = [record for record in records if record.unique_key not in pending_keys]
    try:
        with transaction.atomic(using=alias):
            insert_many(new, alias)
    except IntegrityError:  # one of them was enqueued singly a moment ago
        for record in new:
            with suppress(IntegrityError), transaction.atomic(using=alias):
                insert(record, alias)
    return {record.unique_key: record.pk for record in new if record.pk}


def _batch_size(records: "Records", alias: str) -> int:
    """Return how many rows the values of one statement can hold."""
    return max(connections[alias].ops.bulk_batch_size(fields_of(type(records[0])), records), 1)


def _insert(records: "Records", alias: str) -> dict[str, int]:
    """Insert the records whose key does not exist, and return their ids by key.

    Django's ``bulk_create`` returns no ids when it uses ON CONFLICT.
    """
    connection = connections[alias]
    sql = f"{statement(type(records[0]), connection, len(records))} ON CONFLICT DO NOTHING RETURNING unique_key, id"
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for record in records for value in prepared(record, connection)])
        return dict(cursor.fetchall())
