"""Runs one claimed task in another backend's worker, by our rules, and writes its outcome."""

import multiprocessing
import threading
import time
from functools import partial

from django.db import connections

from djbundle.common.database_connections import close_connections
from djbundle.common.periodic import Periodic
from djbundle.tasks import options
from djbundle.tasks.context import Channel
from djbundle.tasks.store import leases, transitions
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.attempt import execute
from djbundle.tasks.worker.database_backoff import DatabaseBackoff
from djbundle.tasks.worker.pending_writes import PendingWrites
from djbundle.tasks.worker.retry import fail_overdue

CHECK_INTERVAL = 0.5  # seconds between checks whether the task was cancelled


def run_alone(identity: Identity, run: Run) -> None:
    """Run it in this thread; if it has a timeout, in a process that can be killed. `identity` has claimed it."""
    if run.timeout is None:
        _run_here(identity, run)
        return
    close_connections()
    child = multiprocessing.get_context("fork").Process(target=_run_here, args=(identity, run))
    child.start()
    try:
        child.join(run.timeout)
        is_overdue = child.is_alive()
    finally:  # the other backend may have a timeout of its own, which raises an error here
        child.kill()
        child.join()
    if is_overdue:
        _write(fail_overdue(run))
    elif child.exitcode:
        leases.record_crash(run.record())


def _run_here(identity: Identity, run: Run) -> None:
    """Run it while another thread renews the lease."""
    ended, cancelled = threading.Event(), threading.Event()
    channel = Channel(partial(transitions.write_progress, run.pk, run.epoch), cancelled.is_set)
    renewer = threading.Thread(target=_renew_lease, args=(identity, run, ended, cancelled), daemon=True)
    renewer.start()
    try:
        _write(execute(run, lambda _run: channel))
    finally:
        ended.set()
        renewer.join()


def _renew_lease(identity: Identity, run: Run, ended: threading.Event, cancelled: threading.Event) -> None:
    renewal, backoff = Periodic(options.lease().total_seconds() / 3, partial(leases.renew, identity)), DatabaseBackoff()

    def turn() -> None:
        renewal.run()
        if run.pk in transitions.cancelled(identity):
            cancelled.set()

    while not ended.wait(CHECK_INTERVAL):
        backoff.run(turn)
    connections.close_all()


def _write(outcome: Outcome) -> None:
    """Write the outcome, and retry until the database answers."""
    writes, backoff = PendingWrites(outcomes=[outcome]), DatabaseBackoff()
    while writes:
        backoff.run(writes.write)
        time.sleep(max(0.0, backoff.left))
