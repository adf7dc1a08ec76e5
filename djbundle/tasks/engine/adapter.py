"""Another backend of ``django.tasks`` as the engine: it carries tasks to its workers, and the rows stay the record.

The relay enqueues `run_row` there with the key of a row. A worker of that backend claims the row and runs the task by
our rules: retries, timeout, cancelling and outcome are those of the row. A key that comes twice finds nothing to claim.
"""

from collections.abc import Sequence
from dataclasses import replace

from djbundle.tasks import backends
from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import task, task_backends
from djbundle.tasks.engine.single_run import run_alone
from djbundle.tasks.store import claim
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.text import one_line

NO_RESULT = "00000000-0000-4000-8000-000000000000"  # a result that no backend has


class EngineError(Exception):
    """The other backend did not accept a task. The cause is its own error, of any class."""


class BackendEngine:
    """Sends to the backend `alias` of ``TASKS``, as destination.py describes."""

    errors: tuple[type[BaseException], ...] = (EngineError,)
    is_slow = False

    def __init__(self, alias: str) -> None:
        self.alias, self.backend = alias, task_backends[alias]

    def publish(self, name: str, keys: Sequence[int]) -> None:
        """Enqueue a call for each key. Raise EngineError if one is not taken."""
        try:
            call = replace(run_row, backend=self.alias, queue_name=name or backends.queue_of(self.backend))
            for key in keys:
                self.backend.enqueue(call, [key], {})
        except Exception as error:
            raise EngineError(str(error) or type(error).__name__) from error

    def check(self) -> None:
        """Ask for a result that does not exist, the only question that ``django.tasks`` has for each backend."""
        try:
            if self.backend.supports_get_result:
                self.backend.get_result(NO_RESULT)
        except Exception as error:
            if type(error).__name__ != "TaskResultDoesNotExist":  # Django and the package django-tasks have one each
                raise EngineError(str(error) or type(error).__name__) from error

    def forget_queues(self) -> None:
        """Do nothing: the backend has made its queues itself."""

    def describe(self, error: BaseException) -> str:
        """Return a line about an EngineError."""
        return f'the backend "{self.alias}" of TASKS does not answer: {one_line(str(error))}'


ours = next(backend for backend in backends.usable() if isinstance(backend, DatabaseBackend))


@task(
    backend=ours.alias, queue_name=backends.queue_of(ours)
)  # else Django would want a backend "default" with a queue "default"
def run_row(key: int) -> None:
    """Run the task of this row, unless it was run, cancelled or postponed meanwhile."""
    identity = Identity.of_this_process()
    for run in claim.claim_keys(identity, [key], 1):
        run_alone(identity, run)
