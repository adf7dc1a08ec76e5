"""The state of the site's databases, and the tasks in its queues."""

import time
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.db import Error, connections

from djbundle.runtime.database.migrations import used_databases
from djbundle.runtime.metrics.families import Family, Sample


def databases() -> Iterator[Family]:
    up: list[Sample] = []
    sizes: list[Sample] = []
    checkpoints: list[Sample] = []
    for alias in used_databases():
        connection = connections[alias]
        labels = {"database": alias}
        try:
            with connection.cursor() as cursor:
                begun = time.perf_counter()
                # This copies SQLite's log to the database, as far as no reader needs it. Writers also do so at times.
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)" if connection.vendor == "sqlite" else "SELECT 1")
                cursor.fetchall()
                took = time.perf_counter() - begun
        except Error:
            up.append(Sample(0, labels))
            continue
        finally:
            connection.close_if_unusable_or_obsolete()
        up.append(Sample(1, labels))
        if connection.vendor == "sqlite":
            sizes += _sizes(Path(connection.settings_dict["NAME"]), alias)
            checkpoints.append(Sample(took, labels))
    yield Family("djbundle_database_up", "gauge", "Whether it answers.", up)
    yield Family("djbundle_sqlite_size_bytes", "gauge", "Size of the database, and of its write-ahead log.", sizes)
    yield Family("djbundle_sqlite_checkpoint_seconds", "gauge", "How long a checkpoint took just now.", checkpoints)


def _sizes(path: Path, alias: str) -> Iterator[Sample]:
    for file, of in ((path, "database"), (path.with_name(f"{path.name}-wal"), "log")):
        if file.is_file():
            yield Sample(file.stat().st_size, {"database": alias, "file": of})


def tasks() -> Iterator[Family]:
    if not apps.is_installed("djbundle.tasks"):
        return
    from djbundle.tasks.store.backlog import backlog  # noqa: PLC0415 - where the project has tasks

    try:
        queues = backlog()
    except Error:  # reported by databases()
        return
    waiting = [
        Sample(count, {"queue": each.queue, "state": state})
        for each in queues
        for state, count in (("ready", each.ready), ("scheduled", each.scheduled), ("running", each.running))
    ]
    oldest = [Sample(each.oldest, {"queue": each.queue}) for each in queues]
    yield Family("djbundle_tasks", "gauge", "Tasks that are not done, by queue and state.", waiting)
    drain = [Sample(each.drain, {"queue": each.queue}) for each in queues]
    yield Family(
        "djbundle_tasks_drain_seconds",
        "gauge",
        "Time to drain: how long the ready tasks take at the recent rate; +Inf if no task has ended.",
        drain,
    )
    yield Family("djbundle_tasks_oldest_seconds", "gauge", "How long the first ready task has waited.", oldest)
