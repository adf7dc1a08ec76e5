"""Tasks that follow others: chains and groups.

In a chain, each task gets what the task before it returned. A group runs tasks side by side, and its callback follows
when all have succeeded.

    chain(call(fetch, url), call(parse), call(store, folder="in")).enqueue()
    group([call(charge, pk) for pk in orders], then=call(report)).enqueue()

The next task is enqueued in the transaction that records the success of the task before it, so neither exists without
the other. If it cannot be enqueued then, its row still exists and waits or has failed: see held.py. A task that fails
for good ends its chain, and the callback of its group does not run. ``tasks retry`` continues from there.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from django.db import models, router, transaction

from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import InvalidTask, Task, TaskResult, TaskResultStatus, normalize_json
from djbundle.tasks.models import TaskGroup, TaskRecord
from djbundle.tasks.store import following, held, keepable
from djbundle.tasks.task import AlreadyThere, UnknownTask, load, to_seconds

# What a call that follows keeps of ``.using()``. Functions and classes are taken from the task's definition.
KEPT_RULES = (
    *("priority", "queue_name", "backend", "max_attempts", "timeout", "backoff", "expires"),
    *("unique", "unique_for", "concurrency", "concurrency_key", "ordering_key"),
)
DEFINITION_RULES = ("retry_on", "discard_on", "takes_context")


@dataclass(frozen=True, slots=True)
class Call:
    """A task with its arguments, to be enqueued later."""

    task: Any  # a Task
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    takes_result: bool = True

    def without_result(self) -> Self:
        """Return a copy of this call that does not get what the task before it returned."""
        return replace(self, takes_result=False)

    def to_json(self) -> dict[str, Any]:
        """Return the call as JSON values.

        Raise TypeError or ValueError for arguments that JSON cannot hold, and InvalidTask for changes by ``.using()``
        that it cannot hold.
        """
        _validate_changes(self.task)
        rules = {name: _plain(getattr(self.task, name, None)) for name in KEPT_RULES}
        args, kwargs = normalize_json(list(self.args)), normalize_json(self.kwargs)
        keepable.validate(f"Arguments of {self.task.module_path}", args, kwargs)
        values = {
            "task": self.task.module_path,
            "args": args,
            "kwargs": kwargs,
            "takes_result": self.takes_result,
            "using": {name: value for name, value in rules.items() if value is not None and not callable(value)},
        }
        after = self.task.run_after
        return values if after is None else values | {"run_after": after.isoformat()}


def _plain(value: Any) -> Any:
    return to_seconds(value) if isinstance(value, datetime.timedelta) else value


def _validate_changes(task: Any) -> None:
    """Raise InvalidTask if ``.using()`` changed something that a row cannot keep until the task is enqueued."""
    try:
        defined = load(task.module_path)
    except UnknownTask as error:
        raise InvalidTask(f"{task.module_path} cannot follow: {error}") from error
    for name in (*KEPT_RULES, *DEFINITION_RULES):
        value = getattr(task, name, None)
        is_changed = value is not None and value != getattr(defined, name)
        if is_changed and (callable(value) or name in DEFINITION_RULES):
            raise InvalidTask(
                f"{name} of {task.module_path} cannot be changed for a call that follows: say it in @task."
            )


def call(task: Task, /, *args: Any, **kwargs: Any) -> Call:  # type: ignore[type-arg,unused-ignore]
    """Return a call that does ``task.enqueue(*args, **kwargs)`` later.

    Raise TypeError if `task` is not a task, or if it belongs to another kind of backend.
    """
    if not isinstance(task, Task):
        raise TypeError(f"call() takes a task, that is a function with @task, and its arguments; not {task!r}.")
    if not isinstance(task.get_backend(), DatabaseBackend):
        raise TypeError(f'{task.module_path} belongs to backend "{task.backend}", which knows no chains and groups.')
    return Call(task, args, kwargs)


@dataclass(frozen=True, slots=True)
class Chain:
    """Calls that run one after the other."""

    calls: tuple[Call, ...]

    def enqueue(self) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        """Enqueue the first call, and return its result."""
        return _enqueue(self)


def chain(*calls: Call) -> Chain:
    """Return a chain of `calls`. Each call gets what the call before it returned as its first argument.

    Raise ValueError if there is no call, and TypeError for an object that is no call.
    """
    if not calls:
        raise ValueError("A chain needs a call.")
    for each in calls:
        if not isinstance(each, Call):
            raise TypeError(f"A chain consists of call(task, ...){_instead_of(each)}")
    return Chain(calls)


@dataclass(frozen=True, slots=True)
class Group:
    """Calls, or chains of them, that run side by side; `then` follows when all have succeeded."""

    members: tuple[Chain, ...]
    then: Chain | None = None

    def enqueue(self) -> "GroupResult":
        """Enqueue all members, or none."""
        alias = router.db_for_write(TaskGroup)
        callback = [each.to_json() for each in self.then.calls] if self.then else None
        with transaction.atomic(using=alias):
            total = len(self.members)
            row = TaskGroup.objects.using(alias).create(total=total, remaining=total, callback=callback)
            for index, member in enumerate(self.members):
                _enqueue(member, group=row, group_index=index)
            if not total:
                following.close(row)
        return GroupResult(row.pk)


def group(members: Iterable[Call | Chain], then: Call | Chain | None = None) -> Group:
    """Return a group of `members`. `then` gets the list of what they returned, in their order.

    Raise TypeError for an object that is neither a call nor a chain.
    """
    return Group(tuple(map(_as_chain, members)), None if then is None else _as_chain(then))


@dataclass(frozen=True, slots=True)
class GroupResult:
    """A group that was enqueued, by its `id`, and what became of its tasks."""

    id: int

    @property
    def results(self) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
        """The results of the members so far, in their order; for a chain, the result of its newest task."""
        members = self._records().filter(group_index__isnull=False).order_by("group_index", "id")
        newest = {record.group_index: record for record in members}
        return [record.to_result() for record in newest.values()]

    @property
    def is_finished(self) -> bool:
        """True if all members have succeeded and the callback is enqueued."""
        return not TaskGroup.objects.get(pk=self.id).remaining and not self._callback().exists()

    @property
    def is_failed(self) -> bool:
        """True if a member has failed for good or was discarded, or if the callback could not be enqueued."""
        if self._records().filter(status=TaskResultStatus.FAILED).exists():
            return True
        row = TaskGroup.objects.get(pk=self.id)
        return row.finished_at is not None and row.remaining > 0

    def _records(self) -> models.QuerySet[TaskRecord]:
        return TaskRecord.objects.filter(group=self.id)

    def _callback(self) -> models.QuerySet[TaskRecord]:
        """Return the callback's row, as long as it is held back."""
        return self._records().filter(group_index=None)


def _as_chain(followers: Call | Chain) -> Chain:
    if isinstance(followers, Call):
        return Chain((followers,))
    if isinstance(followers, Chain):
        return followers
    raise TypeError(
        f"A group consists of call(task, ...) and chain(...), and is followed by one of them{_instead_of(followers)}"
    )


def _instead_of(value: Any) -> str:
    """Return the end of the error message about an object that is not allowed there."""
    if isinstance(value, Group):
        return "; a group cannot be part of a chain or of another group. Enqueue it in a task of its own."
    if isinstance(value, Chain):
        return "; a chain cannot be part of another one. Put its calls there."
    if isinstance(value, Task):
        return f", not of a task alone: write call({value.func.__name__})."
    return f", not of {value!r}."


def _enqueue(chain: Chain, **membership: Any) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
    first, *rest = chain.calls
    membership["then"] = [each.to_json() for each in rest] or None
    backend: DatabaseBackend = first.task.get_backend()
    try:
        return backend.add(first.task, first.args, first.kwargs, **membership)
    except AlreadyThere as error:
        call = first.to_json()
        alias = router.db_for_write(TaskRecord)
        record = held.row_of(call, call["args"], error, alias, **membership)
        record.save(using=alias, force_insert=True)
        return record.to_result(first.task)
