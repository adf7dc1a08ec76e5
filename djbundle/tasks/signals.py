"""Sends the signals of django.tasks, but only if there is a listener.

Django itself listens, to log each start and end. A log record that no handler takes costs more time than a short task.
So handlers are examined once.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.dispatch import Signal
from django.utils import timezone
from django.utils.log import RequireDebugTrue

from djbundle.tasks.compat import BaseTaskBackend, TaskError, TaskResult, TaskResultStatus
from djbundle.tasks.compat import signals as django_signals

if TYPE_CHECKING:  # @task comes here before apps are loaded
    from djbundle.tasks.store.outcome import Outcome

logger = logging.getLogger(
    django_signals.log_task_finished.__module__.removesuffix(".signals")
)  # the logger of Django's receivers


def send_enqueued(backend: type[BaseTaskBackend], result: TaskResult) -> None:  # type: ignore[type-arg,unused-ignore]
    """Send task_enqueued. If a receiver fails, enqueuing fails, as with other signals of Django."""
    if has_enqueued_listeners():
        django_signals.task_enqueued.send(backend, task_result=result)


def has_enqueued_listeners() -> bool:
    """Return whether the project or a log handler listens to task_enqueued."""
    return _has_listeners(django_signals.task_enqueued, django_signals.log_task_enqueued) or logger.isEnabledFor(
        logging.DEBUG
    )


def send_started(result: TaskResult) -> None:  # type: ignore[type-arg,unused-ignore]
    django_signals.task_started.send_robust(type(result.task.get_backend()), task_result=result)


def send_finished(outcome: "Outcome", result: TaskResult) -> None:  # type: ignore[type-arg,unused-ignore]
    """Send task_finished. If a receiver fails, the run does not."""
    errors = [*result.errors, TaskError(**outcome.error)] if outcome.error else result.errors
    ended: TaskResult = replace(  # type: ignore[type-arg,unused-ignore]
        result, status=TaskResultStatus(outcome.status), finished_at=timezone.now(), errors=errors
    )
    object.__setattr__(ended, "_return_value", outcome.value)
    django_signals.task_finished.send_robust(type(result.task.get_backend()), task_result=ended)


def has_started_listeners() -> bool:
    """Return whether the project or a log handler listens to task_started."""
    return _has_listeners(django_signals.task_started, django_signals.log_task_started) or logger.isEnabledFor(
        logging.INFO
    )


def has_finished_listeners() -> bool:
    """Return whether the project listens to task_finished."""
    return _has_listeners(django_signals.task_finished, django_signals.log_task_finished)


def is_logged(outcome: "Outcome") -> bool:
    """Return whether Django's own receiver of task_finished has anything to log."""
    return are_failures_logged() if outcome.error else logger.isEnabledFor(logging.INFO)


def are_failures_logged() -> bool:
    """Return whether Django's own receiver of task_finished logs the traceback of a task that has failed for good."""
    return logger.isEnabledFor(logging.ERROR)


def _has_listeners(signal: Signal, djangos_receiver: Callable[..., Any]) -> bool:
    """Return whether the signal has receivers other than the one that logs."""
    known = id(djangos_receiver)
    return any([receiver[0][0] != known for receiver in signal.receivers])  # noqa: C419 - a generator takes longer


def raise_log_level() -> None:
    """Raise the level of the logger if every handler would refuse its INFO records.

    Only for processes that do nothing but run tasks.
    """
    if logger.isEnabledFor(logging.INFO) and not any(map(_takes_info, _handlers())):
        logger.setLevel(logging.WARNING)


def _handlers() -> list[logging.Handler]:
    """Return all handlers that a record of `logger` reaches."""
    handlers: list[logging.Handler] = []
    current: logging.Logger | None = logger
    while current:
        handlers += current.handlers
        current = current.parent if current.propagate else None
    return handlers


def _takes_info(handler: logging.Handler) -> bool:
    needs_debug = any(isinstance(each, RequireDebugTrue) for each in handler.filters)
    return handler.level <= logging.INFO and (settings.DEBUG or not needs_debug)
