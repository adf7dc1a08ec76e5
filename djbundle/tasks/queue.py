"""The statements that move a task through its states. Each is one statement, so a crash leaves no half state.

    READY --claim--> RUNNING --finish--> SUCCESSFUL
      ^                 |-----finish--> FAILED
      '---retry, free---'

Every statement on a running task names the epoch under which it was claimed: a run that lost its lease writes nothing.
"""

import datetime
from collections.abc import Iterable
from typing import Any

from django.db import connections, models, router
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.identity import Identity
from djbundle.tasks.models import TaskRecord

LEASE = datetime.timedelta(seconds=30)  # without a heartbeat, a task is given to another worker
MAX_LOSSES = 3  # a task that took this many workers with it is given up
KEEP_FINISHED = datetime.timedelta(days=7)

APPEND = {"sqlite": "json_insert(worker_ids, '$[#]', %s)", "postgresql": "worker_ids || jsonb_build_array(%s::text)"}
SKIP_LOCKED = {"sqlite": "", "postgresql": "FOR UPDATE SKIP LOCKED"}
CLAIM = """
UPDATE {table} SET status = 'RUNNING', epoch = epoch + 1, worker = %s, worker_ids = {append}, lease_until = %s,
    last_attempted_at = %s, started_at = coalesce(started_at, %s)
WHERE id IN (
    SELECT id FROM {table} WHERE status = 'READY' AND run_after <= %s {queues}
    ORDER BY priority DESC, run_after, id LIMIT %s {skip_locked})
RETURNING *
"""

Queues = tuple[str, ...]  # empty: all


def alias() -> str:
    """The database that keeps the tasks."""
    return router.db_for_write(TaskRecord)


def due(queues: Queues = ()) -> models.QuerySet[TaskRecord]:
    """Tasks that could be claimed now."""
    ready = TaskRecord.objects.using(alias()).filter(status=TaskResultStatus.READY, run_after__lte=timezone.now())
    return ready.filter(queue_name__in=queues) if queues else ready


def claim(worker: Identity, limit: int, queues: Queues = ()) -> list[TaskRecord]:
    """Take up to `limit` tasks, the most urgent ones; in one statement, so that no two workers get the same."""
    if not due(queues).exists():  # reading takes no lock
        return []
    connection = connections[alias()]
    now = timezone.now()
    stamp, lease = (connection.ops.adapt_datetimefield_value(moment) for moment in (now, now + LEASE))
    holes = ", ".join(["%s"] * len(queues))
    sql = CLAIM.format(
        table=connection.ops.quote_name(TaskRecord._meta.db_table),
        append=APPEND[connection.vendor],
        skip_locked=SKIP_LOCKED[connection.vendor],
        queues=f"AND queue_name IN ({holes})" if queues else "",
    )
    values: list[Any] = [str(worker), str(worker), lease, stamp, stamp, stamp, *queues, limit]
    claimed = TaskRecord.objects.raw(sql, values, using=connection.alias)
    return sorted(claimed, key=lambda record: (-record.priority, record.run_after, record.pk))


def renew(records: Iterable[TaskRecord], worker: Identity) -> None:
    """The heartbeat: extend the leases of what this worker runs."""
    keys = [record.pk for record in records]
    if keys:
        running = TaskRecord.objects.using(alias()).filter(pk__in=keys, status=TaskResultStatus.RUNNING)
        running.filter(worker=str(worker)).update(lease_until=timezone.now() + LEASE)


def succeed(record: TaskRecord, return_value: Any) -> bool:
    """False when the lease was lost; the result is then dropped."""
    return _finish(record, status=TaskResultStatus.SUCCESSFUL, return_value=return_value, finished_at=timezone.now())


def fail(record: TaskRecord, error: dict[str, str]) -> bool:
    """For good."""
    errors = [*record.errors, error]
    return _finish(record, status=TaskResultStatus.FAILED, errors=errors, finished_at=timezone.now())


def retry(record: TaskRecord, error: dict[str, str], delay: float) -> bool:
    """Run it again after `delay` seconds."""
    later = timezone.now() + datetime.timedelta(seconds=delay)
    return _finish(record, status=TaskResultStatus.READY, errors=[*record.errors, error], run_after=later)


def free(record: TaskRecord, *, lost: bool = False) -> bool:
    """Give it back unfinished; `lost` counts against it."""
    return _finish(record, status=TaskResultStatus.READY, losses=record.losses + int(lost))


def _finish(record: TaskRecord, **values: Any) -> bool:
    mine = TaskRecord.objects.using(alias()).filter(pk=record.pk, epoch=record.epoch, status=TaskResultStatus.RUNNING)
    return mine.update(worker="", lease_until=None, **values) == 1


def free_lost() -> int:
    """Free the tasks whose worker is gone; how many were."""
    freed = 0
    for record in TaskRecord.objects.using(alias()).filter(status=TaskResultStatus.RUNNING):
        expired = record.lease_until is None or record.lease_until < timezone.now()
        if not expired and not Identity.parse(record.worker).is_gone():
            continue
        if record.losses + 1 < MAX_LOSSES:
            freed += free(record, lost=True)
        else:
            text = f"{MAX_LOSSES} workers ended while they ran this task.\n"
            fail(record, {"exception_class_path": "builtins.RuntimeError", "traceback": text})
    return freed


def prune() -> int:
    """Delete what finished long ago; how many rows."""
    old = timezone.now() - KEEP_FINISHED
    return TaskRecord.objects.using(alias()).filter(finished_at__lt=old).delete()[0]
