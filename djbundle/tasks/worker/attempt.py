"""One run of one task, from the claimed row to its outcome. The worker, not this module, writes the outcome.

There is one exception. If the project listens to task_finished, this module writes the outcome first, so that receivers
learn only of what is visible in the database.
"""

import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.db import DatabaseError, connections

from djbundle.tasks import signals
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.context import Channel, TaskContext
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import held, transitions
from djbundle.tasks.store.claimed_run import Invocation, Run
from djbundle.tasks.store.outcome import Outcome, encoded, error_entry, failure, is_a, success
from djbundle.tasks.task import RetryingTask, load
from djbundle.tasks.worker.isolation import call_in_savepoints, copy_decimal_context, run_in_own_context
from djbundle.tasks.worker.making import Making, begin_making
from djbundle.tasks.worker.retry import fail_overdue, outcome_of

logger = logging.getLogger("djbundle.tasks")

ChannelOf = Callable[[Run], Channel]
_is_async = lru_cache(maxsize=256)(iscoroutinefunction)  # cached: it takes a third of the time of a quick task


def execute(run: Run, channel_of: ChannelOf = lambda _run: Channel()) -> Outcome:
    """Run it in this thread: for tests, and for backends that run a task where it is enqueued."""
    close_old_connections()
    try:
        return run_in_own_context(_execute, run, channel_of)
    finally:
        close_old_connections()


def _execute(run: Run, channel_of: ChannelOf) -> Outcome:
    copy_decimal_context()
    attempt = begin(run, channel_of)
    return attempt if isinstance(attempt, Outcome) else attempt.execute(partial(call_in_savepoints, attempt.call))


def close_old_connections() -> None:
    """Close old connections as Django does, but none in the transaction of a TestCase."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def check_connections() -> None:
    """Have connections that were kept during a pause checked before their next use, as with CONN_HEALTH_CHECKS."""
    close_old_connections()
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and not connection.in_atomic_block:
            connection.health_check_enabled = True  # type: ignore[attr-defined]


def begin(run: Run, channel_of: ChannelOf) -> "Attempt | Making | Outcome":
    """Find the function, and return an attempt; or an outcome if this code does not know the task."""
    if run.is_unmade:
        return begin_making(run)
    try:
        if run.is_overdue:
            return fail_overdue(run)
        invocation = run.invocation()
        attempt = Attempt(run, invocation, load(invocation.task_path), channel_of)
        if signals.has_started_listeners():
            signals.send_started(attempt.result)
        return attempt
    except held.UNKNOWN_ERRORS as error:
        return held.unknown(run, error)
    except Exception as error:
        return failure(run.pk, run.epoch, error_entry(error))


@dataclass(slots=True)
class Attempt:
    """A run that has started."""

    run: Run
    invocation: Invocation
    task: RetryingTask  # as it is defined
    channel_of: ChannelOf
    _record: TaskRecord | None = None
    _result: Any = None

    @property
    def record(self) -> TaskRecord:
        """The record. It and the result are made only on demand, since a quick task takes less time."""
        if self._record is None:
            self._record = self.run.record()
        return self._record

    @property
    def result(self) -> Any:
        """The run as ``django.tasks`` shows it."""
        if self._result is None:
            self._result = self.record.to_result()
        return self._result

    @property
    def is_async(self) -> bool:
        return _is_async(self.task.func)

    def call(self) -> Any:
        """Call the task, and return what it returns. Call async tasks in a thread that has no event loop."""
        call = self.task.call if self.is_async else self.task.func
        return call(*self._args(), **self.invocation.kwargs)

    def start(self) -> Coroutine[Any, Any, Any]:
        """Return the coroutine of an async task.

        Await it, then pass `execute` a function that returns or raises its result.
        """
        coroutine: Coroutine[Any, Any, Any] = self.task.func(*self._args(), **self.invocation.kwargs)
        return coroutine

    def _args(self) -> list[Any]:
        if self.invocation.takes_context:
            return [TaskContext(task_result=self.result, channel=self.channel_of(self.run)), *self.invocation.args]
        return self.invocation.args

    def execute(self, call: Callable[[], Any] | None = None) -> Outcome:
        """Run the task to its end, and return the outcome. `call`, if passed, returns or raises what the task does."""
        try:
            value = (call or self.call)()
            text = None if value is None else encoded(value, connections[self.run.alias].vendor)
        except BaseException as error:
            if is_a(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # Ctrl-C in tests: the worker runs no task in its main thread
            if held.is_for_newer_code(error, self.task, self._args(), self.invocation.kwargs):
                return held.unknown(self.run, error)
            return self._finish_run(outcome_of(error, self.run, self.record, self.result, is_announced=True))
        return self._finish_run(success(self.run, text))

    def _finish_run(self, outcome: Outcome) -> Outcome:
        """Send task_finished. If the project listens to it, write the outcome first, so that it is visible by then."""
        if outcome.status == TaskResultStatus.READY:
            return outcome
        if signals.has_finished_listeners() and not self.run.is_direct:
            try:
                outcome = _write(outcome)
            except DatabaseError:
                logger.exception("the database does not take the end of task %d; the worker tries again", outcome.pk)
                return outcome
            if not outcome.is_written:  # its lease was lost, so another run counts
                return outcome
        if signals.has_finished_listeners() or signals.is_logged(outcome):
            signals.send_finished(outcome, self.result)
        return outcome


def _write(outcome: Outcome) -> Outcome:
    close_old_connections()  # the task may have left them in any state
    return outcome._replace(is_written=not transitions.finish([outcome]))
