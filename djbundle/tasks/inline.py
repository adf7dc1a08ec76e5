"""The backend that needs no worker."""

from collections.abc import Sequence
from typing import Any

from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import TaskResult


class InlineBackend(DatabaseBackend):
    """Runs each task in the call that enqueues it, and records it as usual: for tests and experiments."""

    def add(self, task: Any, args: Sequence[Any], kwargs: dict[str, Any], **membership: Any) -> TaskResult:  # type: ignore[type-arg,unused-ignore]
        """Enqueue the task, run all that is due, and return the result.

        A task with a later `run_after` stays enqueued.
        """
        from djbundle.tasks.testing import run_pending  # noqa: PLC0415 - needs the models

        result = super().add(task, args, kwargs, **membership)
        run_pending()
        return self.get_result(result.id)

    def add_many(self, task: Any, calls: Sequence[Any]) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
        """Enqueue many calls, run all that is due, and return the results."""
        from djbundle.tasks.testing import run_pending  # noqa: PLC0415 - as above

        results = super().add_many(task, calls)
        run_pending()
        return [self.get_result(result.id) for result in results]
