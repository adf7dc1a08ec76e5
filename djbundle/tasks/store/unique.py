"""Unique tasks: tasks that must not exist twice."""

import datetime
import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.store.insert import insert
from djbundle.tasks.task import AlreadyThere

if TYPE_CHECKING:  # @task comes here before apps are loaded
    from djbundle.tasks.models import TaskRecord


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
    counts = models.Q(status__in=(TaskResultStatus.READY, TaskResultStatus.RUNNING))
    if window is not None:
        counts |= models.Q(enqueued_at__gt=record.enqueued_at - datetime.timedelta(seconds=window))
    same = type(record).objects.using(alias).filter(counts, unique_key=record.unique_key)
    return same.exclude(pk=record.pk).exists()


def newest(keys: list[str], alias: str) -> "dict[str, TaskRecord]":
    """Return the newest task with each of these keys."""
    return {record.unique_key: record for record in _with_keys(keys, alias)}


def recent(keys: list[str], alias: str, window: float) -> "dict[str, TaskRecord]":
    """Return the same, but only tasks that were enqueued within the last `window` seconds."""
    since = timezone.now() - datetime.timedelta(seconds=window)
    return {record.unique_key: record for record in _with_keys(keys, alias).filter(enqueued_at__gt=since)}


def _with_keys(keys: list[str], alias: str) -> "models.QuerySet[TaskRecord]":
    from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - @task comes here before apps are loaded

    return TaskRecord.objects.using(alias).filter(unique_key__in=keys).order_by("id")
