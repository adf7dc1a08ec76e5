"""One run of one task, from the claimed row to its outcome. Nothing is written here: the worker does that.

Only where the project listens to task_finished is the outcome written here, and first: nobody is told of what nobody
can see.
"""

import logging
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.db import DatabaseError, connections

from djbundle.tasks import queue, signals
from djbundle.tasks.compat import TaskResultStatus, normalize_json
from djbundle.tasks.context import Channel, TaskContext
from djbundle.tasks.failing import outcome_of
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.outcome import Outcome, error_entry, failure, success

logger = logging.getLogger("djbundle.tasks")


def execute(record: TaskRecord, channel: Channel | None = None) -> Outcome:
    """Run it, in this thread."""
    close_old_connections()
    try:
        begun = begin(record, channel or Channel())
        return begun if isinstance(begun, Outcome) else begun.run()
    finally:
        close_old_connections()


def close_old_connections() -> None:
    """Django's, which would also close one in the transaction of a TestCase."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def begin(record: TaskRecord, channel: Channel) -> "Attempt | Outcome":
    """Find the function; an outcome when the project no longer has this task, or its module does not import."""
    try:
        result: Any = record.to_result()
    except Exception as error:
        return failure(record.pk, record.epoch, error_entry(error))
    signals.send_started(result)
    context = [TaskContext(task_result=result, channel=channel)] if record.takes_context else []
    return Attempt(record, result, (*context, *record.args))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run that has begun."""

    record: TaskRecord
    result: Any
    args: tuple[Any, ...]

    @property
    def is_async(self) -> bool:
        return iscoroutinefunction(self.result.task.func)

    def start(self) -> Coroutine[Any, Any, Any]:
        """Of an async task; to be awaited, and `run` to be told of what comes of it."""
        coroutine: Coroutine[Any, Any, Any] = self.result.task.func(*self.args, **self.record.kwargs)
        return coroutine

    def run(self, call: Any = None) -> Outcome:
        """Until its end; `call` returns or raises in its place what the task does."""
        try:
            value = normalize_json(call() if call else self.result.task.call(*self.args, **self.record.kwargs))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # Ctrl-C in somebody's tests: the worker runs no task in its main thread
            return self._end(outcome_of(error, self.record, self.result))
        return self._end(success(self.record, value))

    def _end(self, outcome: Outcome) -> Outcome:
        """Tell who listens, and no earlier than anybody can see it: then the outcome is written here."""
        if outcome.status == TaskResultStatus.READY:
            return outcome
        if signals.finish_is_heard():
            try:
                outcome = _write(outcome)
            except DatabaseError:
                logger.exception("the database does not take the end of task %d; the worker tries again", outcome.pk)
                return outcome
            if not outcome.is_written:  # its lease was lost: another run counts
                return outcome
        signals.send_finished(outcome, self.result)
        return outcome


def _write(outcome: Outcome) -> Outcome:
    close_old_connections()  # whatever state the task has left it in
    return outcome._replace(is_written=not queue.finish([outcome]))
