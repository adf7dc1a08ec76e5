"""The statements that move a task through its states. Each is one statement, so a crash leaves no half state.

    READY --claim--> RUNNING --finish--> SUCCESSFUL
      ^                 |-----finish--> FAILED
      '---retry, give back---'

Every statement on a running task names the epoch of its claim, so a run that lost its lease writes nothing.
"""

import datetime
import logging
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, connections, models, router, transaction
from django.utils import timezone

from djbundle.tasks import options
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.context import Cancelled
from djbundle.tasks.models import PausedQueue, TaskGroup, TaskRecord
from djbundle.tasks.store import following, held, wakeup
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, entry_of, with_error
from djbundle.tasks.store.prepared_statement import rows_of
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.task import AlreadyThere

logger = logging.getLogger("djbundle.tasks")

PRUNE_BATCH = 500  # rows
KEEP_GROUPS = datetime.timedelta(days=23)  # longer, for the callback of a group of which a member has failed

# They say RUNNING in a roundabout way. With a plain "status = 'RUNNING'" PostgreSQL would read every running task, and
# those that have ended since its last VACUUM, through djbundle_tasks_running: few run when it counts them.
SUCCEED = """
UPDATE {table} SET status = 'SUCCESSFUL', return_value = %s, finished_at = %s, worker = '', lease_until = NULL
WHERE id = %s AND epoch = %s AND coalesce(status, '') = 'RUNNING'
"""
SUCCEED_TOGETHER = """
UPDATE {table} AS task SET status = 'SUCCESSFUL', return_value = ended.value::jsonb, finished_at = %s, worker = '',
    lease_until = NULL
FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS ended (id, epoch, value)
WHERE task.id = ended.id AND task.epoch = ended.epoch AND coalesce(task.status, '') = 'RUNNING'
RETURNING task.id
"""
UNCLAIM = """
UPDATE {table} SET status = 'READY', worker = '', lease_until = NULL,
    started_at = CASE WHEN {only} THEN NULL ELSE started_at END, worker_ids = {last}
WHERE id = %s AND epoch = %s AND coalesce(status, '') = 'RUNNING'
"""
WITHOUT_LAST = {  # the list of workers without its last entry; whether it has only one entry
    "sqlite": ("json_remove(worker_ids, '$[#-1]')", "json_array_length(worker_ids) = 1"),
    "postgresql": ("worker_ids - -1", "jsonb_array_length(worker_ids) = 1"),
    "mysql": (
        "JSON_REMOVE(worker_ids, CONCAT('$[', JSON_LENGTH(worker_ids) - 1, ']'))",
        "JSON_LENGTH(worker_ids) = 1",
    ),
}
CANCELLED = "It was cancelled.\n"

Queues = tuple[str, ...]  # empty: all


def alias() -> str:
    """Return the alias of the database that keeps the tasks."""
    return router.db_for_write(TaskRecord)


def records() -> models.QuerySet[TaskRecord]:
    """Return all tasks in that database."""
    return TaskRecord.objects.using(alias())


def due(queues: Queues = ()) -> models.QuerySet[TaskRecord]:
    """Return the tasks that could be claimed now."""
    ready = records().filter(status=TaskResultStatus.READY, run_after__lte=timezone.now())
    ready = ready.exclude(queue_name__in=PausedQueue.objects.using(alias()).values("name"))
    return ready.filter(queue_name__in=queues) if queues else ready


def finish(outcomes: Sequence[Outcome]) -> int:
    """Write the outcomes of runs in one transaction. Return how many were dropped because their lease was lost."""
    outcomes = [each for each in outcomes if not each.is_written]
    succeeded = [each for each in outcomes if each.status == TaskResultStatus.SUCCESSFUL and not each.is_followed]
    others = [each for each in outcomes if each.status != TaskResultStatus.SUCCESSFUL or each.is_followed]
    with transaction.atomic(using=alias()):
        written = _write_successes(succeeded) + sum(_write_outcome(outcome) for outcome in others)
    return len(outcomes) - written


def _write_successes(outcomes: Sequence[Outcome]) -> int:
    if not outcomes:
        return 0
    connection = connections[alias()]
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    table = connection.ops.quote_name(TaskRecord._meta.db_table)
    if connection.vendor == "postgresql":  # where one statement for many takes a quarter of the time
        columns = zip(*((each.pk, each.epoch, each.return_value) for each in outcomes), strict=True)
        sql = SUCCEED_TOGETHER.format(table=table)
        return len(rows_of(connection, sql, [now, *map(list, columns)]))
    sql = SUCCEED.format(table=table)
    rows = [(each.return_value, now, each.pk, each.epoch) for each in outcomes]
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)
        return int(cursor.rowcount)


def _write_outcome(outcome: Outcome) -> bool:
    """Write one outcome with its own statements: a failure, a retry, or a success that other tasks follow."""
    record = running(outcome.pk, outcome.epoch).first()
    if record is None:
        return False
    if outcome.is_held and not record.cancelled_at:
        return _write_held(record, outcome)
    now = timezone.now()
    if outcome.status == TaskResultStatus.SUCCESSFUL:
        value = outcome.value
        ended = end_run(record, status=TaskResultStatus.SUCCESSFUL, return_value=value, finished_at=now)
        if ended:
            following.follow(record, value)
        return ended
    later = now + datetime.timedelta(seconds=outcome.delay)
    if not outcome.error and not record.cancelled_at:  # postponed, as if it had not run
        return end_run(record, status=TaskResultStatus.READY, run_after=later, worker_ids=record.worker_ids[:-1])
    errors = with_error(record.errors, outcome.error or entry_of(Cancelled, CANCELLED))
    if outcome.status == TaskResultStatus.FAILED or record.cancelled_at:
        return end_run(record, status=TaskResultStatus.FAILED, errors=errors, finished_at=now)
    return end_run(record, status=TaskResultStatus.READY, errors=errors, run_after=later)


def _write_held(record: TaskRecord, outcome: Outcome) -> bool:
    """Write the row of a task that could not start, or that has only now been made."""
    if outcome.made == held.REDUNDANT:
        return running(record.pk, record.epoch)._raw_delete(alias()) == 1
    try:
        with transaction.atomic(using=alias()):
            return end_run(record, **held.put_back(record, outcome))
    except IntegrityError:  # the task is unique, and an equal one was enqueued a moment ago
        error = entry_of(AlreadyThere, f"{record.task_path} waits for one with the same arguments.\n")
        return end_run(record, **held.put_back(record, outcome._replace(made=None, error=error)))


def is_writable(outcome: Outcome) -> bool:
    """Return whether the database accepts a trivial write for this run. Raise its error if it accepts none at all."""
    return bool(running(outcome.pk, outcome.epoch).update(epoch=outcome.epoch))


def unclaim(runs: Sequence[Run]) -> None:
    """Give back runs that have not started, as if they had never been claimed, and wake other workers.

    All of that is one transaction.
    """
    connection = connections[alias()]
    last, only = WITHOUT_LAST[connection.vendor]
    sql = UNCLAIM.format(table=connection.ops.quote_name(TaskRecord._meta.db_table), last=last, only=only)
    with transaction.atomic(using=alias()):
        with connection.cursor() as cursor:
            cursor.executemany(sql, [(run.pk, run.epoch) for run in runs])
        wakeup.send_on_commit(alias())


def give_back(record: TaskRecord) -> bool:
    """Give the task back unfinished."""
    return end_run(record, status=TaskResultStatus.READY)


def running(pk: int, epoch: int) -> models.QuerySet[TaskRecord]:
    """Return the row of this run, as long as it has its lease."""
    return records().filter(pk=pk, epoch=epoch, status=TaskResultStatus.RUNNING)


def end_run(record: TaskRecord, **values: Any) -> bool:
    """End the run. Return False if its lease was lost."""
    return running(record.pk, record.epoch).update(worker="", lease_until=None, **values) == 1


def write_progress(pk: int, epoch: int, progress: dict[str, Any]) -> None:
    """Write the progress of a run."""
    running(pk, epoch).update(progress=progress)


def cancelled(worker: Identity) -> list[int]:
    """Return the keys of the tasks that this worker runs and that were asked to stop."""
    running = records().filter(status=TaskResultStatus.RUNNING, worker=str(worker), cancelled_at__isnull=False)
    return list(running.values_list("pk", flat=True))


def expire() -> int:
    """Fail tasks that did not start in time. Return how many."""
    now = timezone.now()
    late = records().filter(status=TaskResultStatus.READY, expires_at__lte=now, started_at__isnull=True)
    error = entry_of(TimeoutError, "It had not begun when it expired.\n")
    return late.update(status=TaskResultStatus.FAILED, errors=[error], finished_at=now)


def prune(older_than: datetime.timedelta | None = None) -> int:
    """Delete tasks that finished longer ago, and return how many rows. Without `older_than`, the settings decide.

    Delete in batches, so that no other statement waits long for the table.
    """
    deleted = 0
    while batch := prune_batch(older_than):
        deleted += batch
    return deleted


def prune_batch(older_than: datetime.timedelta | None = None) -> int:
    """Delete the first batch of these tasks. Return 0 if there is none."""
    older_than = options.keep() if older_than is None else older_than
    if older_than is None:
        return 0
    limit = timezone.now() - older_than
    is_free_of_groups = models.Q(group__isnull=True) | models.Q(group__finished_at__lt=limit)
    old = records().filter(
        is_free_of_groups | models.Q(group__enqueued_at__lt=limit - KEEP_GROUPS), finished_at__lt=limit
    )
    if keys := list(old.values_list("pk", flat=True)[:PRUNE_BATCH]):
        return records().filter(pk__in=keys).delete()[0]
    TaskGroup.objects.using(alias()).filter(enqueued_at__lt=limit, tasks__isnull=True).delete()
    return 0
