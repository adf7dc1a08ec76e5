"""The backends that ``TASKS`` names."""

import logging
from functools import cache

from djbundle.tasks.compat import BaseTaskBackend, task_backends
from djbundle.tasks.task import RetryingTask

logger = logging.getLogger("djbundle.tasks")

DEFAULT_QUEUE = "default"  # of a backend that takes any queue name


def usable() -> list[BaseTaskBackend]:
    """Return the backends that can be created. Log each other one, for example because its package is not installed."""
    backends = []
    for alias in task_backends:
        try:
            backends.append(task_backends[alias])
        except BaseException as error:  # its module and its class may do anything, even exit
            _log_once(alias, str(error))
    return backends


def ours() -> list[BaseTaskBackend]:
    """Return those that keep their tasks in our table. The options of others may have the same names, as ``URL``."""
    return [backend for backend in usable() if issubclass(backend.task_class, RetryingTask)]


def queue_of(backend: BaseTaskBackend) -> str:
    """Return a queue that the backend has."""
    return DEFAULT_QUEUE if DEFAULT_QUEUE in backend.queues else min(backend.queues, default=DEFAULT_QUEUE)


@cache
def _log_once(alias: str, text: str) -> None:
    logger.warning('backend "%s" of TASKS cannot be used: %s', alias, text)
