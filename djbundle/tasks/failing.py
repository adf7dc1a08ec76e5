"""What follows when a run has failed, by the rules of its task."""

import logging
from dataclasses import replace
from typing import Any

from djbundle.tasks.compat import TaskError, TaskResultStatus
from djbundle.tasks.context import Cancelled
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.outcome import Outcome, error_entry, failure, success
from djbundle.tasks.runs import Run
from djbundle.tasks.task import RetryAfter, delay_after

logger = logging.getLogger("djbundle.tasks")


def outcome_of(error: BaseException, run: Run, record: TaskRecord, result: Any) -> Outcome:
    """Failed for good, to be run again, or discarded. `record` and `result` are those of the run."""
    if isinstance(error, result.task.discard_on):
        logger.info("%s is discarded: %r", record, error)
        return success(run)
    entry = error_entry(error)
    if isinstance(error, Cancelled):
        logger.info("%s was cancelled", record)
        return failure(record.pk, record.epoch, entry)
    result = replace(result, errors=[*result.errors, TaskError(**entry)])
    try:
        delay = delay_after(result.task, error, result)
    except Exception:
        logger.exception("the backoff of %s failed", record)
        delay = None
    if delay is None:
        logger.error("%s failed", record, exc_info=None if isinstance(error, RetryAfter) else error)
        return failure(record.pk, record.epoch, entry)
    said = (record, error, len(result.errors) + 1, record.max_attempts, delay)
    logger.warning("%s failed (%r), attempt %d of %d in %.0f s", *said)
    return Outcome(record.pk, record.epoch, TaskResultStatus.READY, error=entry, delay=delay)


def fail_run(run: Run, error: BaseException) -> Outcome:
    """The same for a run that was ended from outside."""
    record = run.record()
    try:
        return outcome_of(error, run, record, record.to_result())
    except Exception as broken:  # the project no longer has this task
        return failure(run.pk, run.epoch, error_entry(broken))
