"""The backend that ``TASKS`` names: a task becomes a row in the same transaction as the rest of the request."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.core.checks import CheckMessage
from django.db import router, transaction
from django.utils import timezone

from djbundle.tasks import wakeup
from djbundle.tasks.checks import check_installed
from djbundle.tasks.compat import BaseTaskBackend, TaskResult, TaskResultDoesNotExist, normalize_json, task_enqueued
from djbundle.tasks.task import RetryingTask, validate_retries


class DatabaseBackend(BaseTaskBackend):
    """Keeps tasks in the database of the project. Options: ``QUEUES`` as Django defines it."""

    task_class = RetryingTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def validate_task(self, task: Any) -> None:
        super().validate_task(task)
        validate_retries(task)

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> TaskResult:  # type: ignore[override,type-arg,unused-ignore]
        """Add the row; the worker is woken when the transaction commits."""
        from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - @task comes here before apps are loaded

        self.validate_task(task)
        now = timezone.now()
        alias = router.db_for_write(TaskRecord)
        record = TaskRecord.objects.using(alias).create(
            task_path=task.module_path,
            backend=self.alias,
            queue_name=task.queue_name,
            priority=task.priority,
            takes_context=task.takes_context,
            max_attempts=task.max_attempts,
            backoff=float(task.backoff),
            args=normalize_json(list(args)),
            kwargs=normalize_json(kwargs),
            run_after=task.run_after or now,
            enqueued_at=now,
        )
        result = record.to_result()
        task_enqueued.send(type(self), task_result=result)
        transaction.on_commit(partial(wakeup.send, alias), using=alias)
        return result

    def get_result(self, result_id: str) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - as above

        try:
            return TaskRecord.objects.get(pk=result_id, backend=self.alias).to_result()
        except (TaskRecord.DoesNotExist, ValueError) as error:
            raise TaskResultDoesNotExist(result_id) from error

    def check(self, **_: Any) -> list[CheckMessage]:
        return check_installed()
