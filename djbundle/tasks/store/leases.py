"""Leases: who runs a task, and until when. A worker renews its leases, and a lost lease is rescued.

A task of a worker that is gone runs again. Its crash count rises, because the task may be what has ended the worker.
"""

import datetime
import logging
import random
from collections.abc import Sequence

from django.db import connections, models, transaction
from django.utils import timezone

from djbundle.tasks import options
from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.context import Cancelled
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import clock
from djbundle.tasks.store.outcome import entry_of, with_error
from djbundle.tasks.store.transitions import CANCELLED, alias, end_run, records, running
from djbundle.tasks.store.worker_identity import Identity

logger = logging.getLogger("djbundle.tasks")

MAX_CRASHES = 3  # a task whose process died this many times, while the worker lived, fails for good
MAX_CRASHES_IN_ALL = 10  # deaths, with those of the whole worker, which are seldom the fault of the task
SPREAD_FROM = 3  # deaths of whole workers, from which on the tasks that they had are run at different times
SPREAD_SECONDS = 5.0  # over which they are spread
CRASHED = "{} processes ended while they ran this task.\n"


def renew(worker: Identity) -> None:
    """Extend the leases of all tasks that this worker has claimed. This is the heartbeat."""
    running = records().filter(status=TaskResultStatus.RUNNING, worker=str(worker))
    clock.read(alias())
    running.update(lease_until=clock.now(alias()) + options.lease())


def give_back_unknown(worker: Identity, known: Sequence[int]) -> int:
    """Give back tasks that this worker holds without knowing, as the answer to its claim was lost. Return how many."""
    running = records().filter(status=TaskResultStatus.RUNNING, worker=str(worker))
    return running.exclude(pk__in=known).update(status=TaskResultStatus.READY, worker="", lease_until=None)


def rescue() -> int:
    """Rescue the tasks whose worker is gone. Return how many.

    Leave rows that another transaction has locked. It may be that of a host that is gone: the server does not know yet.
    """
    running = records().filter(status=TaskResultStatus.RUNNING)
    workers = list(running.values_list("worker", flat=True).order_by().distinct())
    return sum(_rescue_all(_orphans_of(worker, running)) for worker in workers)


def _rescue_all(orphans: models.QuerySet[TaskRecord]) -> int:
    if not orphans.exists():
        return 0
    with transaction.atomic(using=alias()):
        if connections[alias()].features.has_select_for_update_skip_locked:
            orphans = orphans.select_for_update(skip_locked=True)
        return sum(record_crash(record, with_worker=True) for record in orphans)


def _orphans_of(worker: str, running: models.QuerySet[TaskRecord]) -> models.QuerySet[TaskRecord]:
    """Return the tasks of `worker` to rescue.

    These are all if the worker has ended, none if it certainly lives, and otherwise those whose lease has expired.
    """
    own = running.filter(worker=worker)
    if worker:
        identity = Identity.parse(worker)
        if identity.is_alive():
            return own.none()
        if identity.is_gone():
            return own
    return own.filter(models.Q(lease_until__isnull=True) | models.Q(lease_until__lt=clock.now(alias())))


def record_crash(run: TaskRecord, *, with_worker: bool = False) -> bool:
    """Give back a task whose process died, and raise its crash count. If the count is too high, fail the task.

    When a worker dies, one of its tasks may be the cause. If all of them always ran together again, the others would be
    given up with it. So after a few deaths, each task runs again at another time.

    Return False if its lease was lost, or its row deleted.
    """
    record = running(run.pk, run.epoch).first()  # what was claimed lacks some columns, and may be gone
    if record is None:
        return False
    losses = record.losses + 1
    worker_losses = (record.worker_losses or 0) + with_worker
    is_given_up = losses - worker_losses >= MAX_CRASHES or losses >= MAX_CRASHES_IN_ALL
    counts = {"losses": losses, "worker_losses": worker_losses or None}
    is_cancelled = record.cancelled_at is not None
    if not is_given_up and not is_cancelled:
        when = {"run_after": _spread(record.run_after)} if worker_losses >= SPREAD_FROM else {}
        return end_run(record, status=TaskResultStatus.READY, **counts, **when)
    error = entry_of(Cancelled, CANCELLED) if is_cancelled else entry_of(RuntimeError, CRASHED.format(losses))
    if not is_cancelled:
        logger.error("%s is given up: %s", record, error["traceback"].rstrip())
    errors = with_error(record.errors, error)
    return end_run(record, status=TaskResultStatus.FAILED, errors=errors, finished_at=timezone.now(), **counts)


def _spread(run_after: datetime.datetime) -> datetime.datetime:
    """Return when a task runs again, at random."""
    delay = datetime.timedelta(seconds=random.uniform(0, SPREAD_SECONDS))  # noqa: S311 - no secret
    return max(run_after, timezone.now() + delay)
