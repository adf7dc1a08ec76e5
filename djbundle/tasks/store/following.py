"""Enqueues what follows a task that has succeeded: the next call of its chain, or the callback of its group.

It is enqueued in the transaction that records the success, so neither exists without the other. The worker does that,
and runs none of the project's code. A call that needs such code to become a task is written as a row, from which a
process makes a task. A call that cannot be enqueued is written as a row that waits or has failed. See held.py for both.
"""

from typing import Any

from django.db import connections, models, router, transaction
from django.utils import timezone

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.models import TaskGroup, TaskRecord
from djbundle.tasks.store import held


def follow(record: TaskRecord, value: Any) -> None:
    """Enqueue what follows a task that returned `value`. Call it in the transaction that records the success."""
    if record.then:
        _enqueue_next(record.then, value, group_id=record.group_id, group_index=record.group_index)
    elif record.group_id and record.group_index is not None:
        groups = TaskGroup.objects.using(record._state.db).filter(pk=record.group_id, finished_at=None)
        groups.update(remaining=models.F("remaining") - 1)
        if row := groups.filter(remaining=0).first():
            close(row)


def close(row: TaskGroup) -> None:
    """Close a group, all members of which have succeeded, and enqueue its callback."""
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
    until_made = {"group": callback_of} if callback_of else {}  # the group is not finished while this row exists
    try:
        with transaction.atomic(using=alias):
            if callback_of and len(value) < callback_of.total:
                raise LookupError(f"Only {len(value)} of {callback_of.total} results of the group are still kept.")
            if not enqueue_plain(first, args, **membership):
                held.add(first, args, None, alias, **membership | until_made)
    except BaseException as error:
        if connections[alias].needs_rollback:
            raise  # the database is gone: nothing is recorded, and all is tried again
        held.add(first, args, error, alias, **membership | until_made)


def enqueue_plain(call: dict[str, Any], args: list[Any], **membership: Any) -> bool:
    """Enqueue the call if that runs none of the project's code. Otherwise do nothing and return False."""
    if task := held.plain_task_of(call):
        backend: Any = task.get_backend()
        backend.add(task, args, call["kwargs"], **membership)
    return task is not None


def end_groups(discarded: models.QuerySet[TaskRecord]) -> None:
    """End the groups whose members are about to be deleted, since their callbacks would wait for ever."""
    is_over = models.Q(status=TaskResultStatus.SUCCESSFUL, then__isnull=False)  # its chain has continued
    members = discarded.filter(group__isnull=False, group_index__isnull=False).exclude(is_over)
    groups = TaskGroup.objects.using(discarded.db).filter(finished_at=None, pk__in=members.values("group"))
    groups.update(finished_at=timezone.now())
