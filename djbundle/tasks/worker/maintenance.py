"""Does what a worker does for the table now and then: rescue, expire, prune, and stop what was cancelled."""

import logging

from djbundle.common.periodic import Periodic
from djbundle.tasks.store import leases, transitions, worker_registry
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.inbox import Inbox
from djbundle.tasks.worker.process_pool import ProcessPool

logger = logging.getLogger("djbundle.tasks")

RESCUE_INTERVAL = 5.0  # seconds between searches for tasks whose worker is gone, or that have expired
CANCEL_INTERVAL = 0.5  # seconds between checks for cancelled tasks, if the loop wakes that often
PRUNE_INTERVAL = 3600.0  # seconds between batches that are deleted, if nothing is left to delete
PRUNE_BATCH_INTERVAL = 0.5  # seconds between batches that are deleted, while something is left


class Maintenance:
    def __init__(self, identity: Identity, pool: ProcessPool, inbox: Inbox | None = None) -> None:
        self.identity, self.pool, self.inbox = identity, pool, inbox
        self.cancellations = Periodic(CANCEL_INTERVAL, self._forward_cancellations)
        self.pruning = Periodic(PRUNE_INTERVAL, self._prune)
        self.chores = [Periodic(RESCUE_INTERVAL, self._rescue), self.pruning]

    @property
    def seconds_left(self) -> float:
        """The seconds until the loop has to wake for one of these."""
        return min(chore.left for chore in self.chores)

    def run(self) -> None:
        """Do what is due."""
        for chore in self.chores:
            chore.run()
        self.cancellations.run()

    def _forward_cancellations(self) -> None:
        if self.pool.assigned_runs:
            keys_by_row = self.inbox.rows if self.inbox else {}
            self.pool.cancel([keys_by_row.get(pk, pk) for pk in transitions.cancelled(self.identity)])

    def _rescue(self) -> None:
        if rescued := leases.rescue():
            logger.warning("%d tasks of a worker that is gone are run again", rescued)
        if expired := transitions.expire():
            logger.warning("%d tasks had not begun when they expired", expired)
        worker_registry.remove_gone()
        self.pool.shut_down_idle()

    def _prune(self) -> None:
        """Delete one batch for each turn, so that no task waits long."""
        self.pruning.interval = PRUNE_BATCH_INTERVAL if transitions.prune_batch() else PRUNE_INTERVAL
