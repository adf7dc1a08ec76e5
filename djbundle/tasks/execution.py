"""One run of one task, from the claimed row to its outcome."""

import logging
from traceback import format_exception
from typing import Any

from django.db import close_old_connections

from djbundle.tasks import queue
from djbundle.tasks.compat import TaskContext, TaskResultStatus, normalize_json, task_finished, task_started
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.task import delay_after

logger = logging.getLogger("djbundle.tasks")


def execute(record: TaskRecord) -> None:
    """Run it and record the outcome. Runs in a thread of its own; raises only what the database raises."""
    close_old_connections()
    try:
        _execute(record)
    finally:
        close_old_connections()


def _execute(record: TaskRecord) -> None:
    try:
        return_value = _call(record)
    except BaseException as error:
        kept = _record_failure(record, error)
    else:
        kept = queue.succeed(record, return_value)
    if not kept:
        logger.warning("%s lost its lease; its outcome is dropped", record)
        return
    record.refresh_from_db()
    if record.status != TaskResultStatus.READY:
        _announce(task_finished, record)


def _call(record: TaskRecord) -> Any:
    result = record.to_result()
    _announce(task_started, record)
    context: list[Any] = [TaskContext(task_result=result)] if record.takes_context else []
    return normalize_json(result.task.call(*context, *record.args, **record.kwargs))


def _record_failure(record: TaskRecord, error: BaseException) -> bool:
    kind = type(error)
    entry = {
        "exception_class_path": f"{kind.__module__}.{kind.__qualname__}",
        "traceback": "".join(format_exception(error)),
    }
    failures = len(record.errors) + 1
    if failures >= record.max_attempts:
        logger.error("%s failed", record, exc_info=error)
        return queue.fail(record, entry)
    delay = delay_after(failures, record.backoff)
    logger.warning(
        "%s failed (%r), attempt %d of %d in %.0f s", record, error, failures + 1, record.max_attempts, delay
    )
    return queue.retry(record, entry, delay)


def _announce(signal: Any, record: TaskRecord) -> None:
    """Send a signal of django.tasks; a receiver that fails, or a task that is gone, must not fail the run."""
    try:
        result = record.to_result()
    except (ImportError, AttributeError):
        return
    signal.send_robust(type(result.task.get_backend()), task_result=result)
