"""Takes tasks for the processes of a worker: from the table, or those whose keys a broker brings."""

import time

from djbundle.tasks.store import claim, leases, transitions
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.inbox import Inbox
from djbundle.tasks.worker.process_pool import ProcessPool

CLAIM_LIMIT = 800  # tasks in one claim, since each claim, and each write of outcomes, has a cost
IDLE_CLAIM_LIMIT = 300  # tasks in one claim, while a process is idle and waits for them
LIMITED_INTERVAL = 0.05  # seconds between searches for tasks with a limit, which a broker does not carry
LIMITED_DELAY = 0.02  # seconds from a wake-up to such a search: first the relay uses the database, for all other tasks


class Claiming:
    def __init__(
        self, identity: Identity, queues: transitions.Queues, pool: ProcessPool, inbox: Inbox | None = None
    ) -> None:
        self.identity, self.queues, self.pool, self.inbox = identity, queues, pool, inbox
        # When to search for tasks with a limit, monotonic seconds; None until a wake-up.
        self._limited_at: float | None = 0.0 if inbox else None
        self._last_limited = 0.0
        self.is_doubtful = False  # the statement was sent, but no answer came

    @property
    def seconds_left(self) -> float | None:
        """The seconds until there may be a task with a limit; None if no wake-up has come."""
        return None if self._limited_at is None else max(0.0, self._limited_at - time.monotonic())

    def run(self) -> None:
        """Claim as many tasks as the pool has room for."""
        self.pool.start_missing_processes()
        if self.is_doubtful:
            known = [run.pk for run in (*self.pool.unassigned, *self.pool.assigned_runs)]
            leases.give_back_unknown(self.identity, [*known, *(self.inbox.rows if self.inbox else ())])
        keys = self.inbox.take() if self.inbox else []
        direct = self.inbox.take_runs(self.pool.room) if self.inbox else []
        self.pool.unassigned.extend(direct)
        with_limited = self._searches_limited()
        for kind, room in self.pool.capacities():
            limit = min(room, IDLE_CLAIM_LIMIT if self.pool.has_idle_process else CLAIM_LIMIT) - len(direct)
            if limit > 0:
                self.is_doubtful = True
                self.pool.add_claimed(kind, self._claim_runs(kind, limit, keys, with_limited=with_limited), limit)
        self.is_doubtful = False
        if self.inbox:
            self._ask_broker(self.inbox, keys)

    def _searches_limited(self) -> bool:
        """Return whether it is time to search for tasks with a limit; plan the next search."""
        now = time.monotonic()
        if self.inbox is None:
            return False
        if self._limited_at is None:
            self._limited_at = max(now + LIMITED_DELAY, self._last_limited + LIMITED_INTERVAL)
        elif now >= self._limited_at:
            self._limited_at, self._last_limited = None, now
            return True
        return False

    def _claim_runs(self, kind: claim.TaskKind, limit: int, keys: list[int], *, with_limited: bool) -> list[Run]:
        """Claim tasks from the table. With a broker, claim those of `keys`, and those with a limit if it is time."""
        if self.inbox is None:
            return claim.claim_runs(self.identity, limit, self.queues, kind)
        runs = claim.claim_keys(self.identity, keys, limit, self.queues, kind)
        if len(runs) < limit and with_limited:
            runs += claim.claim_limited(self.identity, limit - len(runs), self.queues, kind)
        return runs

    def _ask_broker(self, inbox: Inbox, keys: list[int]) -> None:
        """Give keys back that were not claimed, and ask for as many as there is room."""
        claimed = {run.pk for run in self.pool.unassigned}
        if unclaimed := [key for key in keys if key not in claimed]:
            inbox.give_back(unclaimed, is_refused=self.pool.is_crowded)
        inbox.start_missing_processes()
        inbox.grant(sum(room for _, room in self.pool.capacities()) - len(claimed))
