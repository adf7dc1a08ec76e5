"""One run of one task, from the claimed row to its outcome. Nothing is written here: the worker does that."""

import logging
import threading
from dataclasses import dataclass, replace
from traceback import format_exception
from typing import Any

from django.db import DatabaseError, connections
from django.utils import timezone

from djbundle.tasks.compat import (
    TaskError,
    TaskResult,
    TaskResultStatus,
    log_task_finished,
    normalize_json,
    task_finished,
    task_started,
)
from djbundle.tasks.context import Cancelled, Channel, TaskContext
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.task import RetryAfter, delay_after

logger = logging.getLogger("djbundle.tasks")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `status` READY: it is to be run again, after `delay` seconds."""

    pk: int
    epoch: int  # of the run
    status: str
    return_value: Any = None
    error: dict[str, str] | None = None
    delay: float = 0.0
    is_followed: bool = False  # by other tasks, see workflow.py
    took: float = 0.0  # seconds, as its process measured
    is_written: bool = False  # already, by the process that ran it


def execute(record: TaskRecord, channel: Channel | None = None) -> Outcome:
    """Run it, in this thread."""
    _close_old_connections()
    try:
        return _execute(record, channel or Channel())
    finally:
        _close_old_connections()


def _close_old_connections() -> None:
    """Django's, which would also close one in the transaction of a TestCase."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _execute(record: TaskRecord, channel: Channel) -> Outcome:
    try:
        result = record.to_result()
    except Exception as error:  # the project no longer has this task, or its module does not import
        return failure(record, error_entry(error))
    try:
        task_started.send_robust(type(result.task.get_backend()), task_result=result)
        context: list[Any] = [TaskContext(task_result=result, channel=channel)] if record.takes_context else []
        value = normalize_json(result.task.call(*context, *record.args, **record.kwargs))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # Ctrl-C in somebody's tests: the worker runs no task in its main thread
        return _end(_after(error, record, result), result)
    return _end(success(record, value), result)


def _end(outcome: Outcome, result: Any) -> Outcome:
    """Tell who listens, and no earlier than anybody can see it: then the outcome is written here, not by the worker."""
    if outcome.status == TaskResultStatus.READY:
        return outcome
    if finish_is_heard():
        try:
            outcome = _write(outcome)
        except DatabaseError:
            logger.exception("task %d has ended, and the database does not take it; the worker tries again", outcome.pk)
            return outcome
        if not outcome.is_written:  # its lease was lost: another run counts
            return outcome
    _announce(outcome, result)
    return outcome


def finish_is_heard() -> bool:
    """Whether the project listens to task_finished; Django's own receiver writes a log."""
    return any(key[0] != id(log_task_finished) for key, *_ in task_finished.receivers)


def _write(outcome: Outcome) -> Outcome:
    from djbundle.tasks import queue  # noqa: PLC0415 - which imports this module

    _close_old_connections()  # whatever state the task has left it in
    return replace(outcome, is_written=not queue.finish([outcome]))


def _after(error: BaseException, record: TaskRecord, result: Any) -> Outcome:
    """What follows from a failure by the rules of the task."""
    if isinstance(error, result.task.discard_on):
        logger.info("%s is discarded: %r", record, error)
        return success(record)
    entry = error_entry(error)
    if isinstance(error, Cancelled):
        logger.info("%s was cancelled", record)
        return failure(record, entry)
    result = replace(result, errors=[*result.errors, TaskError(**entry)])
    try:
        delay = delay_after(result.task, error, result)
    except Exception:
        logger.exception("the backoff of %s failed", record)
        delay = None
    if delay is None:
        logger.error("%s failed", record, exc_info=None if isinstance(error, RetryAfter) else error)
        return failure(record, entry)
    said = (record, error, len(result.errors) + 1, record.max_attempts, delay)
    logger.warning("%s failed (%r), attempt %d of %d in %.0f s", *said)
    return Outcome(record.pk, record.epoch, TaskResultStatus.READY, error=entry, delay=delay)


def fail_run(record: TaskRecord, error: BaseException) -> Outcome:
    """What follows when a run was ended from outside."""
    try:
        return _after(error, record, record.to_result())
    except Exception as broken:  # the project no longer has this task
        return failure(record, error_entry(broken))


def success(record: TaskRecord, value: Any = None) -> Outcome:
    is_followed = bool(record.then or record.group_id)
    return Outcome(record.pk, record.epoch, TaskResultStatus.SUCCESSFUL, value, is_followed=is_followed)


def failure(record: TaskRecord, entry: dict[str, str]) -> Outcome:
    """For good."""
    return Outcome(record.pk, record.epoch, TaskResultStatus.FAILED, error=entry)


def error_entry(error: BaseException) -> dict[str, str]:
    return entry_of(type(error), "".join(format_exception(error)))


def entry_of(kind: type[BaseException], traceback: str) -> dict[str, str]:
    """As TaskError keeps it, without what PostgreSQL cannot: \\0 and halves of surrogate pairs."""
    traceback = traceback.encode(errors="backslashreplace").decode().replace("\0", "\\0")
    return {"exception_class_path": f"{kind.__module__}.{kind.__qualname__}", "traceback": traceback}


def _announce(outcome: Outcome, result: Any) -> None:
    """Send django.tasks' signal; a receiver that fails must not fail the run."""
    errors = [*result.errors, TaskError(**outcome.error)] if outcome.error else result.errors
    ended: TaskResult = replace(  # type: ignore[type-arg,unused-ignore]
        result, status=TaskResultStatus(outcome.status), finished_at=timezone.now(), errors=errors
    )
    object.__setattr__(ended, "_return_value", outcome.return_value)
    task_finished.send_robust(type(result.task.get_backend()), task_result=ended)
