"""The task that ``djbundle verify`` has a worker run, to see that one does. Only imported for that."""

from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import task, task_backends

backend = task_backends["default"]


@task(queue_name=next(iter(sorted(backend.queues)), "default"))
def do_nothing() -> str:
    return "done"


def enqueue() -> int | None:
    """The number of a new task; None where the tasks of the project are not djbundle's."""
    return int(do_nothing.enqueue().id) if isinstance(backend, DatabaseBackend) else None
