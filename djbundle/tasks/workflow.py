"""Tasks that follow others: a chain, in which each gets what the one before returned; a group, and what follows all.

    chain(call(fetch, url), call(parse), call(store, folder="in")).enqueue()
    group([call(charge, pk) for pk in orders], then=call(report)).enqueue()

What follows is enqueued in the transaction that records the success before it, so neither is there without the other.
A task that fails for good ends its chain, and its group's callback does not run; ``tasks retry`` goes on from there.
"""

import datetime
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from django.db import models, router, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from djbundle.tasks.compat import Task, TaskResult, TaskResultStatus, normalize_json
from djbundle.tasks.models import TaskGroup, TaskRecord
from djbundle.tasks.task import to_seconds

logger = logging.getLogger("djbundle.tasks")

KEPT = ("priority", "queue_name", "backend", "max_attempts", "timeout")  # of ``.using()``, for a call that follows


@dataclass(frozen=True, slots=True)
class Call:
    """A task with its arguments, to be enqueued later."""

    task: Any  # a Task
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    takes_result: bool = True

    def without_result(self) -> Self:
        """The same call, not given what the task before it returned."""
        return replace(self, takes_result=False)

    def to_json(self) -> dict[str, Any]:
        """Raises TypeError or ValueError for arguments that JSON cannot hold."""
        return {
            "task": self.task.module_path,
            "args": normalize_json(list(self.args)),
            "kwargs": normalize_json(self.kwargs),
            "takes_result": self.takes_result,
            "using": {name: _plain(getattr(self.task, name)) for name in KEPT if hasattr(self.task, name)},
        }


def _plain(value: Any) -> Any:
    return to_seconds(value) if isinstance(value, datetime.timedelta) else value


def call(task: Task, /, *args: Any, **kwargs: Any) -> Call:  # type: ignore[type-arg,unused-ignore]
    """``task.enqueue(*args, **kwargs)``, later."""
    return Call(task, args, kwargs)


@dataclass(frozen=True, slots=True)
class Chain:
    """Calls one after the other."""

    calls: tuple[Call, ...]

    def enqueue(self) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        """Enqueue the first; its result."""
        return _enqueue(self)


def chain(*calls: Call) -> Chain:
    """Each call gets what the one before returned as its first argument."""
    if not calls:
        raise ValueError("A chain needs a call.")
    return Chain(calls)


@dataclass(frozen=True, slots=True)
class Group:
    """Calls, or chains of them, that run side by side; `then` follows when all have succeeded."""

    members: tuple[Chain, ...]
    then: Chain | None = None

    def enqueue(self) -> "GroupResult":
        """Enqueue all, or none."""
        alias = router.db_for_write(TaskGroup)
        callback = [each.to_json() for each in self.then.calls] if self.then else None
        with transaction.atomic(using=alias):
            total = len(self.members)
            row = TaskGroup.objects.using(alias).create(total=total, remaining=total, callback=callback)
            for index, member in enumerate(self.members):
                _enqueue(member, group=row, group_index=index)
            if not total:
                _close(row)
        return GroupResult(row.pk)


def group(members: Iterable[Call | Chain], then: Call | Chain | None = None) -> Group:
    """`then` gets the list of what the members returned, in their order."""
    return Group(tuple(map(_as_chain, members)), _as_chain(then) if then else None)


@dataclass(frozen=True, slots=True)
class GroupResult:
    """What became of a group; `id` finds it again."""

    id: int

    @property
    def results(self) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
        """Of the members so far, in their order; of a chain its newest task."""
        newest = {record.group_index: record for record in self._records().order_by("group_index", "id")}
        return [record.to_result() for record in newest.values()]

    @property
    def is_finished(self) -> bool:
        """Whether all have succeeded."""
        return not TaskGroup.objects.get(pk=self.id).remaining

    @property
    def is_failed(self) -> bool:
        """Whether one has failed for good."""
        return self._records().filter(status=TaskResultStatus.FAILED).exists()

    def _records(self) -> models.QuerySet[TaskRecord]:
        return TaskRecord.objects.filter(group=self.id)


def _as_chain(one: Call | Chain) -> Chain:
    return one if isinstance(one, Chain) else Chain((one,))


def _enqueue(chain: Chain, **membership: Any) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
    first, *rest = chain.calls
    then = [each.to_json() for each in rest] or None
    result: TaskResult = first.task.get_backend().add(  # type: ignore[type-arg,unused-ignore]
        first.task, first.args, first.kwargs, then=then, **membership
    )
    return result


def follow(record: TaskRecord, value: Any) -> None:
    """Enqueue what follows a task that has succeeded, with `value`. In the transaction that records that."""
    if record.then:
        _enqueue_next(record.then, value, group_id=record.group_id, group_index=record.group_index)
    elif record.group_id:
        groups = TaskGroup.objects.using(record._state.db).filter(pk=record.group_id)
        groups.update(remaining=models.F("remaining") - 1)
        if row := groups.filter(remaining=0).first():
            _close(row)


def _close(row: TaskGroup) -> None:
    """All members have succeeded."""
    row.finished_at = timezone.now()
    row.save(update_fields=["finished_at"])
    if row.callback:
        members = TaskRecord.objects.using(row._state.db).filter(group=row, then__isnull=True)
        _enqueue_next(row.callback, list(members.order_by("group_index").values_list("return_value", flat=True)))


def _enqueue_next(calls: list[dict[str, Any]], value: Any, **membership: Any) -> None:
    first, *rest = calls
    args = [value, *first["args"]] if first["takes_result"] else first["args"]
    try:
        task = import_string(first["task"]).using(**first["using"])
        with transaction.atomic(using=router.db_for_write(TaskRecord)):
            task.get_backend().add(task, args, first["kwargs"], then=rest or None, **membership)
    except Exception:  # the project no longer has it; what came before has succeeded all the same
        logger.exception("%s cannot follow", first["task"])
