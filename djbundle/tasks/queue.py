"""The statements that move a task through its states. Each is one statement, so a crash leaves no half state.

    READY --claim--> RUNNING --finish--> SUCCESSFUL
      ^                 |-----finish--> FAILED
      '---retry, free---'

Every statement on a running task names the epoch under which it was claimed: a run that lost its lease writes nothing.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connections, models, router, transaction
from django.utils import timezone

from djbundle.tasks import options
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.execution import Outcome, entry_of
from djbundle.tasks.identity import Identity
from djbundle.tasks.models import PausedQueue, TaskRecord

MAX_LOSSES = 3  # a task that took this many processes with it is given up
PRUNE_BATCH = 500  # rows
KEEP_FINISHED = datetime.timedelta(days=7)

APPEND = {"sqlite": "json_insert(worker_ids, '$[#]', %s)", "postgresql": "worker_ids || jsonb_build_array(%s::text)"}
SKIP_LOCKED = {"sqlite": "", "postgresql": "FOR UPDATE SKIP LOCKED"}
CLAIM = """
UPDATE {table} SET status = 'RUNNING', epoch = epoch + 1, worker = %s, worker_ids = {append}, lease_until = %s,
    last_attempted_at = %s, started_at = coalesce(started_at, %s)
WHERE id IN (
    SELECT id FROM {table} WHERE status = 'READY' AND run_after <= %s
        AND (expires_at IS NULL OR expires_at > %s OR started_at IS NOT NULL) {queues}
        AND queue_name NOT IN (SELECT name FROM {paused})
    ORDER BY priority DESC, run_after, id LIMIT %s {skip_locked})
RETURNING *
"""

SUCCEED = """
UPDATE {table} SET status = 'SUCCESSFUL', return_value = %s, finished_at = %s, worker = '', lease_until = NULL
WHERE id = %s AND epoch = %s AND status = 'RUNNING'
"""
LOST = "{} processes ended while they ran this task.\n"

Queues = tuple[str, ...]  # empty: all


def alias() -> str:
    """The database that keeps the tasks."""
    return router.db_for_write(TaskRecord)


def records() -> models.QuerySet[TaskRecord]:
    """Every task in it."""
    return TaskRecord.objects.using(alias())


def due(queues: Queues = ()) -> models.QuerySet[TaskRecord]:
    """Tasks that could be claimed now."""
    ready = records().filter(status=TaskResultStatus.READY, run_after__lte=timezone.now())
    ready = ready.exclude(queue_name__in=PausedQueue.objects.using(alias()).values("name"))
    return ready.filter(queue_name__in=queues) if queues else ready


def claim(worker: Identity, limit: int, queues: Queues = ()) -> list[TaskRecord]:
    """Take up to `limit` tasks, the most urgent ones; in one statement, so that no two workers get the same."""
    if not due(queues).exists():  # reading takes no lock
        return []
    connection = connections[alias()]
    now = timezone.now()
    stamp, lease = (connection.ops.adapt_datetimefield_value(moment) for moment in (now, now + options.lease()))
    holes = ", ".join(["%s"] * len(queues))
    sql = CLAIM.format(
        table=connection.ops.quote_name(TaskRecord._meta.db_table),
        paused=connection.ops.quote_name(PausedQueue._meta.db_table),
        append=APPEND[connection.vendor],
        skip_locked=SKIP_LOCKED[connection.vendor],
        queues=f"AND queue_name IN ({holes})" if queues else "",
    )
    values: list[Any] = [str(worker), str(worker), lease, stamp, stamp, stamp, stamp, *queues, limit]
    claimed = TaskRecord.objects.raw(sql, values, using=connection.alias)
    return sorted(claimed, key=lambda record: (-record.priority, record.run_after, record.pk))


def renew(worker: Identity) -> None:
    """The heartbeat: extend the leases of all that this worker has claimed."""
    running = records().filter(status=TaskResultStatus.RUNNING, worker=str(worker))
    running.update(lease_until=timezone.now() + options.lease())


def free_unknown(worker: Identity, known: Sequence[int]) -> int:
    """Free what this worker holds without knowing: the answer to its claim was lost. How many tasks."""
    running = records().filter(status=TaskResultStatus.RUNNING, worker=str(worker))
    return running.exclude(pk__in=known).update(status=TaskResultStatus.READY, worker="", lease_until=None)


def finish(outcomes: Sequence[Outcome]) -> int:
    """Write how runs ended, in one transaction; how many had lost their lease, and whose outcome is dropped."""
    succeeded = [outcome for outcome in outcomes if outcome.status == TaskResultStatus.SUCCESSFUL]
    others = [outcome for outcome in outcomes if outcome.status != TaskResultStatus.SUCCESSFUL]
    with transaction.atomic(using=alias()):
        kept = _succeed(succeeded) + sum(_end(outcome) for outcome in others)
    return len(outcomes) - kept


def _succeed(outcomes: Sequence[Outcome]) -> int:
    if not outcomes:
        return 0
    connection = connections[alias()]
    adapt = TaskRecord._meta.get_field("return_value").get_db_prep_value
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    sql = SUCCEED.format(table=connection.ops.quote_name(TaskRecord._meta.db_table))
    rows = [
        (None if each.return_value is None else adapt(each.return_value, connection), now, each.pk, each.epoch)
        for each in outcomes
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)
        return int(cursor.rowcount)


def _end(outcome: Outcome) -> bool:
    """Failed for good, or to be run again."""
    record = _running(outcome.pk, outcome.epoch).first()
    if record is None:
        return False
    now = timezone.now()
    errors = [*record.errors, outcome.error] if outcome.error else record.errors
    if outcome.status == TaskResultStatus.FAILED:
        return _leave(record, status=TaskResultStatus.FAILED, errors=errors, finished_at=now)
    later = now + datetime.timedelta(seconds=outcome.delay)
    return _leave(record, status=TaskResultStatus.READY, errors=errors, run_after=later)


def free(record: TaskRecord) -> bool:
    """Give it back unfinished."""
    return _leave(record, status=TaskResultStatus.READY)


def lose(record: TaskRecord) -> bool:
    """Its run ended with the process: it is run again, but not for ever."""
    losses = record.losses + 1
    if losses < MAX_LOSSES:
        return _leave(record, status=TaskResultStatus.READY, losses=losses)
    errors = [*record.errors, entry_of(RuntimeError, LOST.format(MAX_LOSSES))]
    return _leave(record, status=TaskResultStatus.FAILED, losses=losses, errors=errors, finished_at=timezone.now())


def _running(pk: int, epoch: int) -> models.QuerySet[TaskRecord]:
    return records().filter(pk=pk, epoch=epoch, status=TaskResultStatus.RUNNING)


def _leave(record: TaskRecord, **values: Any) -> bool:
    """End the run; False when its lease was lost."""
    return _running(record.pk, record.epoch).update(worker="", lease_until=None, **values) == 1


def expire() -> int:
    """Fail what has not begun in time; how many tasks."""
    now = timezone.now()
    late = records().filter(status=TaskResultStatus.READY, expires_at__lte=now, started_at__isnull=True)
    error = entry_of(TimeoutError, "It had not begun when it expired.\n")
    return late.update(status=TaskResultStatus.FAILED, errors=[error], finished_at=now)


def free_lost() -> int:
    """Free the tasks whose worker is gone; how many were."""
    freed = 0
    for record in records().filter(status=TaskResultStatus.RUNNING):
        expired = record.lease_until is None or record.lease_until < timezone.now()
        if expired or Identity.parse(record.worker).is_gone():
            freed += lose(record)
    return freed


def prune(older_than: datetime.timedelta = KEEP_FINISHED) -> int:
    """Delete what finished longer ago, a batch at a time, so that nobody waits for the table; how many rows."""
    old = records().filter(finished_at__lt=timezone.now() - older_than)
    deleted = 0
    while keys := list(old.values_list("pk", flat=True)[:PRUNE_BATCH]):
        deleted += records().filter(pk__in=keys).delete()[0]
    return deleted
