"""The backend that ``TASKS`` names: it adds a row for each task, in the transaction of the rest of the request."""

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.checks import CheckMessage
from django.db import router, transaction
from django.utils import timezone
from django.utils.functional import cached_property

from djbundle.tasks import options, signals
from djbundle.tasks.checks import check_installed, check_options, check_rate_limits
from djbundle.tasks.compat import BaseTaskBackend, InvalidTask, TaskResult, TaskResultDoesNotExist, normalize_json
from djbundle.tasks.store import keepable, unique, wakeup
from djbundle.tasks.store.insert import insert, insert_many
from djbundle.tasks.task import (
    RetryingTask,
    backoff_of,
    concurrency_key_of,
    max_attempts_of,
    to_seconds,
    validate_rules,
    with_rules,
)

if TYPE_CHECKING:
    from djbundle.tasks.engine.publisher import Publisher
    from djbundle.tasks.models import TaskRecord


MAX_PROTOTYPES = 1000  # tasks; a project defines fewer, but ``.using()`` makes new ones


class Prototype(NamedTuple):
    """The values that all calls of a task have in common."""

    task: RetryingTask
    values: dict[str, Any]  # by field of TaskRecord


class DatabaseBackend(BaseTaskBackend):
    """Keeps tasks in the database of the project. ``QUEUES`` is Django's.

    ``OPTIONS`` are ``MAX_ATTEMPTS`` and ``BACKOFF``, for tasks that do not set them; ``RATE_LIMITS``, how many tasks of
    a queue may start in a period (``{"mails": "100/m"}``); and the options for the worker, see options.py.
    """

    task_class = RetryingTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.unkept_promises = options.unkept_promises(self.options)
        self.supports_get_result = options.has_rows(self.options)
        self._prototypes: dict[int, tuple[Any, Prototype]] = {}  # by the id() of the task, which is kept in the value

    def validate_task(self, task: Any) -> None:
        if self.queues and task.queue_name not in self.queues:
            cause = f"Queue '{task.queue_name}' is not valid for backend."  # as Django says it
            raise InvalidTask(f'{cause} QUEUES of TASKS["{self.alias}"] has: {", ".join(sorted(self.queues))}.')
        super().validate_task(task)
        validate_rules(with_rules(task))

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> TaskResult:  # type: ignore[override,type-arg,unused-ignore]
        """Add the row, and return its result. The worker is woken when the transaction commits.

        If the task is unique and exists already, return the result of the existing one. Raise TypeError or ValueError
        for arguments that JSON or the database cannot hold.
        """
        return self.add(task, args, kwargs)

    def add(self, task: Any, args: Sequence[Any], kwargs: dict[str, Any], **membership: Any) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        """Add the row. For a task of a workflow, `membership` are the fields of TaskRecord that say its place there.

        Raise AlreadyThere if the task must wait for an equal one because it is unique.
        """
        from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - @task comes here before apps are loaded

        prototype = self.prototype(task)
        record = self.record(prototype, args, kwargs)
        for name, value in membership.items():
            setattr(record, name, value)
        alias = router.db_for_write(TaskRecord)
        if not membership and self._can_go_directly(record):
            return self._send_directly(task, [record], alias)[0]
        if not record.unique_key:
            insert(record, alias)
        elif record.then or record.group_id:  # it must run itself, else nothing follows
            unique.add_member(record, alias)
        elif existing := unique.add(record, alias, to_seconds(prototype.task.unique_for)):
            return existing.to_result()
        result: TaskResult = record.to_result(task)  # type: ignore[type-arg,unused-ignore]
        signals.send_enqueued(type(self), result)
        wakeup.send_on_commit(alias)
        return result

    def add_many(self, task: Any, calls: Sequence[Any]) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
        """Enqueue all `calls` or none. They are pairs of args and kwargs."""
        prototype = self.prototype(task)
        records = [self.record(prototype, args, dict(kwargs)) for args, kwargs in calls]
        if not records:
            return []
        alias = router.db_for_write(type(records[0]))
        if all(map(self._can_go_directly, records)):
            return self._send_directly(task, records, alias)
        with transaction.atomic(using=alias, savepoint=False):
            if records[0].unique_key:
                enqueued, added = unique.add_many(records, alias, to_seconds(prototype.task.unique_for))
            else:
                insert_many(records, alias)
                enqueued = added = records
            new: dict[int, TaskResult] = {record.pk: record.to_result(task) for record in added}  # type: ignore[type-arg,unused-ignore]
            for result in new.values():
                signals.send_enqueued(type(self), result)
            if added:
                wakeup.send_on_commit(alias)
        return [new.get(record.pk) or record.to_result() for record in enqueued]

    def _can_go_directly(self, record: "TaskRecord") -> bool:
        """Return whether a message of the broker can carry the task, so that it needs no row."""
        if not self._publisher or record.queue_name in self.options.get("RATE_LIMITS", {}):
            return False
        from djbundle.tasks.engine import direct  # noqa: PLC0415 - only with a broker

        return direct.can_carry(record)

    def _send_directly(self, task: Any, records: Sequence["TaskRecord"], alias: str) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
        """Have the tasks sent when the transaction commits, and return their results."""
        from djbundle.tasks.engine import direct  # noqa: PLC0415 - as above

        for record in records:
            record.pk = direct.new_key()
        results: list[TaskResult] = [record.to_result(task) for record in records]  # type: ignore[type-arg,unused-ignore]
        for result in results:
            signals.send_enqueued(type(self), result)
        if self._publisher:
            self._publisher.publish_on_commit(records, alias)
        return results

    @cached_property
    def _publisher(self) -> "Publisher | None":
        """Return the publisher of tasks without rows; None if tasks get rows."""
        if not self.options.get("URL"):
            return None
        from djbundle.tasks.engine.publisher import publisher_of  # noqa: PLC0415 - only with a broker

        return publisher_of(self.options["URL"])

    def prototype(self, task: Any) -> Prototype:
        """Return the prototype of `task`, made once, since tasks do not change. Raise InvalidTask for invalid rules."""
        cached = self._prototypes.get(id(task))
        if cached:
            return cached[1]
        self.validate_task(task)
        prototype = self._prototype(with_rules(task))
        if task.run_after is None:  # else ``.using()`` made it for a single call
            if len(self._prototypes) >= MAX_PROTOTYPES:
                self._prototypes.clear()
            self._prototypes[id(task)] = task, prototype
        return prototype

    def _prototype(self, task: RetryingTask) -> Prototype:
        backoff = backoff_of(task, self.options)
        values = {
            "task_path": task.module_path,
            "backend": self.alias,
            "queue_name": task.queue_name,
            "priority": task.priority,
            "takes_context": task.takes_context,
            "max_attempts": max_attempts_of(task, self.options),
            "backoff": None if callable(backoff) else float(backoff),
            "timeout": to_seconds(task.timeout),
            "concurrency_limit": task.concurrency if task.ordering_key is None else 1,
            "in_order": None if task.ordering_key is None else True,
        }
        return Prototype(task, values)

    def record(self, prototype: Prototype, args: Sequence[Any], kwargs: dict[str, Any]) -> "TaskRecord":
        """Return the row of this call, not saved.

        Raise TypeError or ValueError for arguments that JSON or the database cannot hold.
        """
        from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - as above

        task = prototype.task
        positional: Any = normalize_json(list(args))
        named: Any = normalize_json(kwargs)
        if args or kwargs:
            keepable.validate(f"Arguments of {task.module_path}", positional, named)
        now = timezone.now()
        run_after = task.run_after or now
        expires = to_seconds(task.expires)
        is_unique = task.unique or task.unique_for is not None
        return TaskRecord.new(
            **prototype.values,
            expires_at=None if expires is None else run_after + datetime.timedelta(seconds=expires),
            unique_key=unique.key_of(task.module_path, positional, named) if is_unique else "",
            concurrency_key=concurrency_key_of(task, positional, named),
            args=positional,
            kwargs=named,
            run_after=run_after,
            enqueued_at=now,
        )

    def get_result(self, result_id: str) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - as above

        try:
            return TaskRecord.objects.get(pk=result_id, backend=self.alias).to_result()
        except (TaskRecord.DoesNotExist, ValueError) as error:
            raise TaskResultDoesNotExist(result_id) from error

    def check(self, **_: Any) -> list[CheckMessage]:
        return [*check_installed(), *check_options(self), *check_rate_limits(self)]
