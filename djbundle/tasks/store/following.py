"""What follows a task that has succeeded: the next call of its chain, or the callback of its group.

It is enqueued in the transaction that records the success, so neither is there without the other. The worker does
that, and runs none of the project's code: a call that needs any to become a task is a row that a process makes a task
of. What cannot be enqueued is a row that waits or has failed: see held.py for both.
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
    TaskGroup.objects.using(row._state.db).filter(pk=row.pk).update(finished_at=timezone.now())
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
    until_made = {"group": callback_of} if callback_of else {}  # that is not finished while this row is there
    try:
        with transaction.atomic(using=alias):
            if callback_of and len(value) < callback_of.total:
                raise LookupError(f"Only {len(value)} of {callback_of.total} results of the group are still kept.")
            if not enqueue_plain(first, args, **membership):
                held.keep(first, args, None, alias, **membership | until_made)
    except BaseException as error:
        if connections[alias].needs_rollback:
            raise  # the database is gone: nothing of this is recorded, and all of it is tried again
        held.keep(first, args, error, alias, **membership | until_made)


def enqueue_plain(call: dict[str, Any], args: list[Any], **membership: Any) -> bool:
    """False, and nothing is done, where that would run any of the project's code."""
    if task := held.plain_task_of(call):
        backend: Any = task.get_backend()
        backend.add(task, args, call["kwargs"], **membership)
    return task is not None


def end_groups(discarded: models.QuerySet[TaskRecord]) -> None:
    """End the groups of which members are about to be deleted: what follows would wait for them for ever."""
    is_over = models.Q(status=TaskResultStatus.SUCCESSFUL, then__isnull=False)  # its chain has gone on
    members = discarded.filter(group__isnull=False, group_index__isnull=False).exclude(is_over)
    groups = TaskGroup.objects.using(discarded.db).filter(finished_at=None, pk__in=members.values("group"))
    groups.update(finished_at=timezone.now())
