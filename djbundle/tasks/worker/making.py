"""Makes a task of a row that stands for one, see store/held.py.

This happens in a process that runs tasks, because it runs the project's code: a module is imported, a function computes
the concurrency key, receivers listen to task_enqueued. Whatever that code does costs this process at most.
"""

import datetime
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from djbundle.tasks import signals
from djbundle.tasks.backend import DatabaseBackend, Prototype
from djbundle.tasks.models import READY, TaskRecord
from djbundle.tasks.store import held, unique
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, error_entry, failure, last_line
from djbundle.tasks.task import AlreadyThere, to_seconds
from djbundle.tasks.worker.retry import timeout_of

logger = logging.getLogger("djbundle.tasks")


@dataclass(frozen=True, slots=True)
class Making:
    """Makes a task in place of a run."""

    run: Run
    is_async: ClassVar[bool] = False

    def call(self) -> str:
        """Return what to write to the row, as JSON.

        It holds only texts and numbers, whatever the project's functions return.
        """
        record = self.run.record()
        task = held.task_of((record.held or {})["call"])
        backend = task.get_backend()
        if not isinstance(backend, DatabaseBackend) and not _is_member(record):
            task.enqueue(*record.args, **record.kwargs)  # on another backend
            return held.REDUNDANT
        prototype = backend.prototype(task)
        new_record = backend.record(prototype, record.args, record.kwargs)
        new_record.pk, new_record.enqueued_at = record.pk, record.enqueued_at
        if new_record.unique_key and _is_redundant(new_record, record, prototype):
            return held.REDUNDANT
        signals.send_enqueued(type(backend), new_record.to_result(task))
        return json.dumps({name: getattr(new_record, name) for name in held.MADE}, default=_to_text)

    def execute(self, call: Callable[[], Any] | None = None) -> Outcome:
        """Make the task, and return the outcome. `call` may replace the method."""
        run = self.run
        try:
            return Outcome(run.pk, run.epoch, READY, is_held=True, made=(call or self.call)())
        except held.TRANSIENT_ERRORS as error:
            return Outcome(run.pk, run.epoch, READY, error=error_entry(error), is_held=True)
        except BaseException as error:  # the project's code may even exit
            return _failed(run, error)


def begin_making(run: Run) -> Making | Outcome:
    """Return a Making, or a failure if making the task has already exceeded its timeout."""
    return _failed(run, timeout_of(run)) if run.is_overdue else Making(run)


def _failed(run: Run, error: BaseException) -> Outcome:
    entry = error_entry(error)
    logger.error("%s cannot be made: %s", run, last_line(entry))
    return failure(run.pk, run.epoch, entry)._replace(is_held=True)


def _is_member(record: TaskRecord) -> bool:
    """Return whether other tasks wait for it.

    The callback of a group belongs to the group until it is made, but counts as no member.
    """
    return bool(record.then) or record.group_index is not None


def _is_redundant(new_record: TaskRecord, record: TaskRecord, prototype: Prototype) -> bool:
    """Return whether the task is unique and exists already.

    Raise AlreadyThere if it must wait for that one, because other tasks follow it.
    """
    alias = record._state.db or ""
    if not _is_member(record):
        return unique.is_present(new_record, alias, to_seconds(prototype.task.unique_for))
    if unique.is_present(new_record, alias):
        raise AlreadyThere(f"{new_record.task_path} waits for one with the same arguments.")
    return False


def _to_text(moment: datetime.datetime) -> str:
    return moment.isoformat()
