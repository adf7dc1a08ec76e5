"""The task with which ``djbundle verify`` tests that a worker runs tasks. Nothing else imports this module."""

from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import task, task_backends

backend = task_backends["default"]


@task(queue_name=next(iter(sorted(backend.queues)), "default"))
def do_nothing() -> str:
    return "done"


def enqueue() -> int | None:
    """Return the number of a new task, or None if the tasks of the project are not djbundle's."""
    return int(do_nothing.enqueue().id) if isinstance(backend, DatabaseBackend) else None
