"""The worker: claims tasks, gives them to its processes, writes their outcomes, and renews their leases.

One loop in one thread waits for a wake-up (a task was committed, a process reported something, a signal came) or for
the next poll. Signal handlers only wake it. Of the project's code it runs only what loads modules. Only the worker
writes to the table, with one exception (see attempt.py): many outcomes in one transaction, each under the epoch of its
run. While the database does not answer, it waits and loses nothing.
"""

import contextlib
import logging
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from django.utils import timezone

from djbundle.common.periodic import Periodic
from djbundle.tasks import options
from djbundle.tasks.store import claim, transitions, worker_registry
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.database_backoff import Guard
from djbundle.tasks.worker.notifier import Ears
from djbundle.tasks.worker.pending_writes import Unwritten
from djbundle.tasks.worker.process_handle import STUCK_SECONDS
from djbundle.tasks.worker.process_pool import Crew
from djbundle.tasks.worker.recycling import Limits
from djbundle.tasks.worker.scheduler import Scheduler

logger = logging.getLogger("djbundle.tasks")

POLL = 1.0  # seconds; for tasks that become due and for commits without a wake-up
SEARCH = 5.0  # seconds between searches for tasks whose worker is gone, or that have expired
CANCEL = 0.5  # seconds between checks for cancelled tasks, if the loop wakes that often
PRUNE, PRUNE_AGAIN = 3600.0, 0.5  # seconds between batches that are deleted: if nothing is left, and otherwise
AT_ONCE = 800  # tasks in one claim, since each claim, and each write of outcomes, has a cost
SOON = 300  # the same, while a process is idle and waits for them
LAST_SECONDS = 5.0  # for giving back tasks after the worker itself has failed
TICK = 0.05  # seconds between checks of timeouts, and of a worker that stops


@dataclass(kw_only=True)
class Worker:
    """Runs tasks from `queues` (empty: all) in `processes` with `threads` each.

    With `drain`, it ends when nothing is due.
    """

    threads: int
    processes: int = 1
    queues: transitions.Queues = ()
    grace: float = 30.0  # seconds for running tasks to end when the worker stops
    drain: bool = False
    poll: float = POLL
    limits: Limits = field(default_factory=Limits)
    beat: Callable[[], None] = lambda: None  # called in each turn of the loop, for a watchdog

    def __post_init__(self) -> None:
        self.identity = Identity.of_this_process()
        self.presence = worker_registry.Presence(
            self.identity, self.queues, self.processes, self.threads, timezone.now()
        )
        self.stopping = False
        self.idle = False
        self.claim_is_doubtful = False  # the statement was sent, but no answer came
        self.guard = Guard()
        self.unwritten = Unwritten()
        self.selector = selectors.DefaultSelector()
        self.scheduler = Scheduler()
        self.ears = Ears(self.selector, self.stop)
        self.crew = Crew(
            self.processes, self.threads, self.limits, self.selector, self.ears.close_in_child, self.unwritten
        )
        self.heartbeat = Periodic(options.lease().total_seconds() / 3, self._beat)
        self.cancelling = Periodic(CANCEL, self._pass_on_cancelling)
        self.pruning = Periodic(PRUNE, self._prune)
        self.chores = [Periodic(SEARCH, self._search), self.pruning]

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, or with `drain` until nothing is left to do."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.selector.close)
            self.ears.open(stack)
            stack.callback(self.crew.end)
            try:
                self._work()
                self._finish()
            except BaseException:
                self._abandon()
                raise

    def _work(self) -> None:
        while not self.stopping and not self.idle:
            self.guard.attempt(self._look)
            self.crew.give()
            if not self.idle:
                self._wait(self._pause())

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Take no more tasks. A second call ends the grace period."""
        if self.stopping:
            self.grace = 0.0
        self.stopping = True

    # --- one turn of the loop ---

    def _look(self) -> None:
        """Do all work on the database. The heartbeat comes first, since the worker itself may have been held up."""
        self.heartbeat.run()
        for chore in self.chores:
            chore.run()
        self.cancelling.run()
        self.ears.listen()
        self.unwritten.write()
        self.scheduler.turn()
        self._claim()
        self.idle = self.drain and not self._busy() and not transitions.due(self.queues).exists()

    def _beat(self) -> None:
        transitions.renew(self.identity)
        self.presence.tell()

    def _pass_on_cancelling(self) -> None:
        if self.crew.tasks:
            self.crew.cancel(transitions.cancelled(self.identity))

    def _search(self) -> None:
        if freed := transitions.free_lost():
            logger.warning("%d tasks of a worker that is gone are run again", freed)
        if expired := transitions.expire():
            logger.warning("%d tasks had not begun when they expired", expired)
        worker_registry.remove_gone()
        self.crew.dismiss_idle()

    def _prune(self) -> None:
        """Delete one batch for each turn, so that no task waits long."""
        self.pruning.interval = PRUNE_AGAIN if transitions.prune_batch() else PRUNE

    def _claim(self) -> None:
        self.crew.fill()
        if self.claim_is_doubtful:
            transitions.free_unknown(self.identity, [run.pk for run in (*self.crew.held, *self.crew.tasks)])
        for kind, room in self.crew.wanted():
            self.claim_is_doubtful = True
            limit = min(room, SOON if self.crew.is_short else AT_ONCE)
            self.crew.hold(kind, claim.take(self.identity, limit, self.queues, kind), limit)
        self.claim_is_doubtful = False

    # --- waiting ---

    def _pause(self) -> float:
        """Return the seconds until there may be work for which no wake-up comes."""
        if self.guard.left > 0:
            pause = self.guard.left
        elif self.unwritten:
            pause = 0.0
        else:
            pause = min(self.poll, self.scheduler.pause(), self.heartbeat.left, *(chore.left for chore in self.chores))
        children = self.crew.children
        if any(run.timeout for child in children for run in child.tasks.running):
            pause = min(pause, TICK)
        elif any(child.tasks.has_waiting() for child in children):
            pause = min(pause, STUCK_SECONDS)
        return max(pause, 0.0)

    def _wait(self, seconds: float) -> None:
        """Wait for a wake-up, at most this many seconds."""
        self.beat()
        self.crew.attend()
        for key, _ in self.selector.select(seconds):
            key.data()
        self.crew.watch()

    # --- shutdown ---

    def _busy(self) -> bool:
        return bool(self.crew.held or self.crew.tasks or self.unwritten)

    def _finish(self) -> None:
        """Let running tasks end within the grace period, then give the rest back."""
        begun = time.monotonic()
        self.crew.recall()
        while (self.crew.tasks or self.unwritten) and (left := begun + self.grace - time.monotonic()) > 0:
            self.guard.attempt(self._tell)
            self._wait(min(left, TICK))
        if unfinished := len(self.crew.tasks):
            logger.warning("%d tasks were not finished in time and will be run again", unfinished)
        self.crew.kill_busy()
        self._say_goodbye(begun + self.grace)

    def _tell(self) -> None:
        self.heartbeat.run()
        self.unwritten.write()

    def _abandon(self) -> None:
        """Give all tasks back, because the worker itself fails and no task is to blame.

        Outcomes are not written at first, since one of them may be the cause.
        """
        deadline = time.monotonic() + LAST_SECONDS
        for step in (self.crew.kill_busy, self.unwritten.give_back, partial(self._say_goodbye, deadline)):
            with contextlib.suppress(BaseException):
                step()

    def _say_goodbye(self, deadline: float) -> None:
        """Write all that is pending, and remove this worker from the list.

        Retry until the deadline while there are pending writes. If the database does not answer, the leases expire.
        """

        def goodbye() -> None:
            self.unwritten.write()
            self.presence.leave()

        self.guard.until = 0.0
        while not self.guard.attempt(goodbye) and self.unwritten and (left := deadline - time.monotonic()) > 0:
            self._wait(min(left, self.guard.left))
