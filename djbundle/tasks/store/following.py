"""What follows a task that has succeeded: the next call of its chain, or the callback of its group.

It is enqueued in the transaction that records the success, so neither is there without the other. What cannot be
enqueued then is a row that waits or has failed: see held.py.
"""

from typing import Any

from django.db import connections, models, router, transaction
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import TaskGroup, TaskRecord
from djbundle.tasks.store import held


def follow(record: TaskRecord, value: Any) -> None:
    """Enqueue what follows a task that has succeeded, with `value`. In the transaction that records that."""
    if record.then:
        _enqueue_next(record.then, value, group_id=record.group_id, group_index=record.group_index)
    elif record.group_id and record.group_index is not None:
        groups = TaskGroup.objects.using(record._state.db).filter(pk=record.group_id, finished_at=None)
        groups.update(remaining=models.F("remaining") - 1)
        if row := groups.filter(remaining=0).first():
            close(row)


def close(row: TaskGroup) -> None:
    """All members have succeeded."""
    row.finished_at = timezone.now()
    row.save(update_fields=["finished_at"])
    if row.callback:
        members = TaskRecord.objects.using(row._state.db).filter(group=row, then__isnull=True)
        values = list(members.order_by("group_index").values_list("return_value", flat=True))
        _enqueue_next(row.callback, values, callback_of=row)


def _enqueue_next(
    calls: list[dict[str, Any]], value: Any, callback_of: TaskGroup | None = None, **membership: Any
) -> None:
    first, *rest = calls
    args = [value, *first["args"]] if first["takes_result"] else first["args"]
    alias = router.db_for_write(TaskRecord)
    membership["then"] = rest or None
    try:
        with transaction.atomic(using=alias):
            if callback_of and len(value) < callback_of.total:
                raise LookupError(f"Only {len(value)} of {callback_of.total} results of the group are still kept.")
            task = held.task_of(first)
            task.get_backend().add(task, args, first["kwargs"], **membership)
    except Exception as error:  # whatever the project's functions do
        if connections[alias].needs_rollback:
            raise  # the database is gone: nothing of this is recorded, and all of it is tried again
        if callback_of:
            membership["group"] = callback_of  # it is not finished while this row is there
        held.keep(first, args, error, alias, **membership)


def end_groups(discarded: models.QuerySet[TaskRecord]) -> None:
    """End the groups of which members are about to be deleted: what follows would wait for them for ever."""
    is_over = models.Q(status=TaskResultStatus.SUCCESSFUL, then__isnull=False)  # its chain has gone on
    members = discarded.filter(group__isnull=False, group_index__isnull=False).exclude(is_over)
    groups = TaskGroup.objects.using(discarded.db).filter(finished_at=None, pk__in=members.values("group"))
    groups.update(finished_at=timezone.now())
