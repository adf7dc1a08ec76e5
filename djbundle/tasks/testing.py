"""Helpers for the tests of a project: look at enqueued tasks, and run them in the test without a worker.

    def test_order_is_confirmed(self):
        self.client.post("/checkout/", ...)
        assert_enqueued(send_confirmation, order.pk)
        run_pending()
        self.assertEqual(len(mail.outbox), 1)

They work inside a ``TestCase`` too: the rows are part of its transaction, and a task with a database error does not
break it.
"""

from functools import partial
from typing import Any

from django.utils import timezone

from djbundle.tasks.compat import Task, TaskResultStatus, normalize_json
from djbundle.tasks.context import Channel
from djbundle.tasks.store import claim, transitions
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.attempt import execute

BATCH_SIZE = 100
MAX_RUNS = 10_000


def run_pending(queues: transitions.Queues = (), *, retries: bool = False) -> int:
    """Run due tasks in this thread, then the tasks that these enqueue, and return the number of runs.

    Failures are recorded, not raised. With `retries`, failed tasks do not wait for their next attempt; raise
    RuntimeError after 10,000 runs if there are still retries, as with a task that always asks to run again.
    """
    worker, runs = Identity.of_this_process(), 0
    while claimed := claim.claim_runs(worker, BATCH_SIZE, queues) or (retries and _claim_retries(worker, queues)):
        for run in claimed:
            outcome = execute(run, _channel_of)
            transitions.finish([outcome])
            runs += not outcome.is_held
        if retries and runs > MAX_RUNS:
            raise RuntimeError(f"{runs} tasks have run, and there are still retries.")
    return runs


def _claim_retries(worker: Identity, queues: transitions.Queues) -> list[Run]:
    started = transitions.records().filter(status=TaskResultStatus.READY, started_at__isnull=False)
    started.update(run_after=timezone.now())
    return claim.claim_runs(worker, BATCH_SIZE, queues)


def _channel_of(run: Run) -> Channel:
    return Channel(report=partial(transitions.write_progress, run.pk, run.epoch))


def enqueued(task: Task | None = None) -> list[tuple[list[Any], dict[str, Any]]]:  # type: ignore[type-arg,unused-ignore]
    """Return the arguments of the waiting tasks, of `task` or of all, in the order of enqueuing."""
    waiting = transitions.records().filter(status=TaskResultStatus.READY).order_by("enqueued_at", "id")
    if task is not None:
        waiting = waiting.filter(task_path=task.module_path)
    return [(record.args, record.kwargs) for record in waiting]


def assert_enqueued(task: Task, *args: Any, **kwargs: Any) -> None:  # type: ignore[type-arg,unused-ignore]
    """Raise AssertionError unless such a call waits.

    Arguments are compared as JSON keeps them: a tuple equals a list.
    """
    waiting = enqueued(task)
    if (normalize_json(list(args)), normalize_json(kwargs)) not in waiting:
        raise AssertionError(f"{task.module_path} was not enqueued with {args} {kwargs}, but with {waiting}")
