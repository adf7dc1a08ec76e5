"""Decides what follows a failed run, by the rules of its task."""

import logging
from dataclasses import replace
from typing import Any

from djbundle.tasks import signals
from djbundle.tasks.compat import TaskError, TaskResultStatus
from djbundle.tasks.context import Cancelled
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, error_entry, failure, is_a, safe_repr, success
from djbundle.tasks.task import MIN_SNOOZE, RetryAfter, bounded, delay_after

logger = logging.getLogger("djbundle.tasks")


def outcome_of(error: BaseException, run: Run, record: TaskRecord, result: Any, *, is_announced: bool) -> Outcome:
    """Return the outcome of an error: failed for good, to be run again, or discarded.

    `record` and `result` are those of the run. `is_announced`: task_finished is sent for a failure, so Django's own
    receiver logs the traceback.
    """
    if is_a(error, result.task.discard_on):
        logger.info("%s is discarded: %s", record, safe_repr(error))
        return success(run)
    if is_a(error, RetryAfter):
        return _snoozed(record, error)  # type: ignore[arg-type]
    entry = error_entry(error)
    if is_a(error, Cancelled):
        logger.info("%s was cancelled", record)
        return failure(record.pk, record.epoch, entry)
    result = replace(result, errors=[*result.errors, TaskError(**entry)])
    try:
        delay = delay_after(result.task, error, result)
    except BaseException as backoff_error:  # the project's function may even exit
        _log_error(f"the backoff of {record} failed", backoff_error)
        delay = None
    if delay is None:
        if is_announced and signals.are_failures_logged():
            logger.warning("%s failed: %s", record, safe_repr(error))
        else:
            _log_error(f"{record} failed", error)
        return failure(record.pk, record.epoch, entry)
    details = (record, safe_repr(error), len(result.errors) + 1, record.max_attempts, delay)
    logger.warning("%s failed (%s), attempt %d of %d in %.0f s", *details)
    return Outcome(record.pk, record.epoch, TaskResultStatus.READY, error=entry, delay=delay)


def _log_error(text: str, error: BaseException) -> None:
    """Log with the error itself, for handlers that send it on, or with its traceback if such a handler fails."""
    try:
        logger.error("%s", text, exc_info=error)
    except BaseException:
        logger.error("%s\n%s", text, error_entry(error)["traceback"].rstrip())


def _snoozed(record: TaskRecord, error: RetryAfter) -> Outcome:
    """Return an outcome that is not a failure.

    Nothing of it is kept, since a task may ask for years whether it can be done.
    """
    delay = bounded(error.delay, MIN_SNOOZE)  # bounded again: any code may have set it
    logger.info("%s is postponed for %.0f s", record, delay)
    return Outcome(record.pk, record.epoch, TaskResultStatus.READY, delay=delay)


def fail_overdue(run: Run) -> Outcome:
    """Return the outcome of a run that exceeded its timeout and was killed."""
    record = run.record()
    return outcome_of(timeout_of(run), run, record, record.to_result(), is_announced=False)


def timeout_of(run: Run) -> TimeoutError:
    return TimeoutError(f"It took longer than {run.timeout:g} seconds and was killed.")
