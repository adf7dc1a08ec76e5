"""The worker: claims tasks, gives them to its processes, writes their outcomes, and renews their leases.

One loop in one thread waits for a wake-up (a task was committed, a process reported something, a signal came) or for
the next poll. Signal handlers only wake it. It imports the project's modules, and runs no other code of the project.
Only the worker writes to the table, with one exception (see attempt.py): many outcomes in one transaction, each under
the epoch of its run. While the database does not answer, it waits and loses nothing.
"""

import contextlib
import gc
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
from djbundle.tasks.store import leases, transitions, worker_registry
from djbundle.tasks.store.worker_identity import Identity
from djbundle.tasks.worker.claiming import Claiming
from djbundle.tasks.worker.database_backoff import DatabaseBackoff
from djbundle.tasks.worker.inbox import MakeInbox
from djbundle.tasks.worker.maintenance import Maintenance
from djbundle.tasks.worker.notifier import Notifier
from djbundle.tasks.worker.pending_writes import PendingWrites
from djbundle.tasks.worker.process.fresh import NewProgram
from djbundle.tasks.worker.process_handle import STUCK_SECONDS
from djbundle.tasks.worker.process_pool import ProcessPool
from djbundle.tasks.worker.recycling import RecycleLimits
from djbundle.tasks.worker.scheduler import Scheduler

logger = logging.getLogger("djbundle.tasks")

POLL_INTERVAL = 1.0  # seconds; for tasks that become due and for commits without a wake-up
ABORT_TIMEOUT = 5.0  # for giving back tasks after the worker itself has failed
CHECK_INTERVAL = 0.05  # seconds between checks of timeouts, and of a worker that stops


@dataclass(kw_only=True)
class Worker:
    """Runs tasks from `queues` (empty: all) in `processes` with `threads` each.

    With `until_idle`, it ends when no task has been due for that number of seconds.
    """

    threads: int
    processes: int = 1
    queues: transitions.Queues = ()
    grace: float = 30.0  # seconds for running tasks to end when the worker stops
    until_idle: float | None = None  # seconds
    has_schedules: bool = True  # False: another process enqueues the ticks of schedules
    poll: float = POLL_INTERVAL
    limits: RecycleLimits = field(default_factory=RecycleLimits)
    notify_watchdog: Callable[[], None] = lambda: None  # called in each turn of the loop
    make_inbox: MakeInbox | None = None  # if a broker carries the tasks
    program: NewProgram | None = None  # what each process becomes, instead of a copy of this one

    def __post_init__(self) -> None:
        self.identity = Identity.of_this_process()
        self.registration = worker_registry.Registration(
            self.identity, self.queues, self.processes, self.threads, timezone.now()
        )
        self.is_stopping = False
        self.is_idle = False
        self.last_work = time.monotonic()  # when a task was last due or running
        self.database_backoff = DatabaseBackoff()
        self.pending_writes = PendingWrites()
        self.selector = selectors.DefaultSelector()
        self.scheduler = Scheduler()
        self.notifier = Notifier(self.selector, self.stop, self._wake_relay)
        self.pool = ProcessPool(
            self.processes,
            self.threads,
            self.limits,
            self.selector,
            self._close_in_child,
            self.pending_writes,
            self.program,
        )
        self.inbox = self.make_inbox and self.make_inbox(self.queues, self.selector, self._close_in_helper)
        self.heartbeat = Periodic(options.lease().total_seconds() / 3, self._write_heartbeat)
        self.maintenance = Maintenance(self.identity, self.pool, self.inbox)
        self.claiming = Claiming(self.identity, self.queues, self.pool, self.inbox)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, or with `until_idle` until nothing is left to do."""
        gc.freeze()  # the garbage collector does not scan what is loaded by now, which would hold up tasks
        with contextlib.ExitStack() as stack:
            stack.callback(self.selector.close)
            self.notifier.open(stack)
            stack.callback(self.pool.shut_down)
            if self.inbox:
                stack.callback(self.inbox.stop)
            try:
                self._run_loop()
                self._drain()
            except BaseException:
                self._abort()
                raise

    def _run_loop(self) -> None:
        while not self.is_stopping and not self.is_idle:
            self.database_backoff.run(self._work_on_database)
            self.pool.assign()
            if not self.is_idle:
                self._wait(self._select_timeout())

    def _wake_relay(self) -> None:
        if self.inbox:
            self.inbox.wake_relay()

    def _close_in_child(self) -> None:
        """Close in a forked process what only the worker uses. The pool has closed the selector."""
        self.notifier.close_in_child()
        if self.inbox:
            self.inbox.close()

    def _close_in_helper(self) -> None:
        """Close the same in a process that talks to the broker."""
        self.selector.close()
        self.notifier.close_in_child()
        for child in self.pool.children:
            child.pipe.close()

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Take no more tasks. A second call ends the grace period."""
        if self.is_stopping:
            self.grace = 0.0
        self.is_stopping = True

    # --- one turn of the loop ---

    def _work_on_database(self) -> None:
        """Do all work on the database. The heartbeat comes first, since the worker itself may have been held up."""
        self.heartbeat.run()
        self.maintenance.run()
        self.notifier.listen()
        self._write()
        if self.has_schedules:
            self.scheduler.enqueue_due()
        self.claiming.run()
        self.is_idle = self.until_idle is not None and self._idle_seconds() >= self.until_idle

    def _write_heartbeat(self) -> None:
        leases.renew(self.identity)
        self.registration.renew()

    def _idle_seconds(self) -> float:
        """Return for how many seconds this worker has had no task, and none was due."""
        if self._has_work() or transitions.due(self.queues).exists():
            self.last_work = time.monotonic()
            return -1.0
        return time.monotonic() - self.last_work

    # --- waiting ---

    def _select_timeout(self) -> float:
        """Return the seconds until there may be work for which no wake-up comes."""
        if self.database_backoff.left > 0:
            timeout = self.database_backoff.left
        elif self.pending_writes:
            timeout = 0.0
        else:
            timeout = min(
                self.poll,
                self.until_idle or self.poll,
                self.scheduler.seconds_left(),
                self.heartbeat.left,
                self.maintenance.seconds_left,
                self.inbox.seconds_left if self.inbox else self.poll,
                *([] if (left := self.claiming.seconds_left) is None else [left]),
            )
        children = self.pool.children
        if any(run.timeout for child in children for run in child.assignments.running):
            timeout = min(timeout, CHECK_INTERVAL)
        elif any(child.assignments.has_waiting() for child in children):
            timeout = min(timeout, STUCK_SECONDS)
        return max(timeout, 0.0)

    def _wait(self, seconds: float) -> None:
        """Wait for a wake-up, at most this many seconds."""
        self.notify_watchdog()
        self.pool.update_selector()
        for key, _ in self.selector.select(seconds):
            key.data()
        self.pool.check_children()

    # --- shutdown ---

    def _has_work(self) -> bool:
        return bool(self.pool.unassigned or self.pool.assigned_runs or self.pending_writes)

    def _drain(self) -> None:
        """Let running tasks end within the grace period, then give the rest back."""
        started_at = time.monotonic()
        if self.inbox:
            self.database_backoff.run(self.inbox.stop_receiving)
        self.pool.recall()
        while (self.pool.assigned_runs or self.pending_writes) and (
            left := started_at + self.grace - time.monotonic()
        ) > 0:
            self.database_backoff.run(self._write_pending)
            self._wait(min(left, CHECK_INTERVAL))
        if unfinished := len(self.pool.assigned_runs):
            logger.warning("%d tasks were not finished in time and will be run again", unfinished)
        self.pool.kill_busy_processes()
        self._deregister(started_at + self.grace)

    def _write_pending(self) -> None:
        self.heartbeat.run()
        self._write()

    def _write(self) -> None:
        """Write all outcomes and other changes."""
        self._settle()
        self.pending_writes.write()
        if self.inbox:
            self.inbox.acknowledge_written()

    def _settle(self) -> None:
        if self.inbox:
            self.inbox.settle(self.pending_writes)

    def _abort(self) -> None:
        """Give all tasks back, because the worker itself fails, and no task is the cause.

        Outcomes are not written at first, since one of them may be the cause.
        """
        deadline = time.monotonic() + ABORT_TIMEOUT
        give_back = self.pending_writes.give_back
        for step in (self.pool.kill_busy_processes, self._settle, give_back, partial(self._deregister, deadline)):
            with contextlib.suppress(BaseException):
                step()

    def _deregister(self, deadline: float) -> None:
        """Write all that is pending, and remove this worker from the list.

        Retry until the deadline while there are pending writes. If the database does not answer, the leases expire.
        """

        def write_and_deregister() -> None:
            self._write()
            self.registration.remove()

        self.database_backoff.retry_at = 0.0
        while (
            not self.database_backoff.run(write_and_deregister)
            and self.pending_writes
            and (left := deadline - time.monotonic()) > 0
        ):
            self._wait(min(left, self.database_backoff.left))
