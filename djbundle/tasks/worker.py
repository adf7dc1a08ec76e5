"""The worker: claims tasks, gives them to its processes, records how they ended, keeps their leases alive.

One loop, one thread, waits for a wake-up (a task was committed, a process tells something, a signal came) or for the
next poll. Signal handlers do nothing but wake it. Only the worker writes to the table: many outcomes in one
transaction, each under the epoch of its run.

A task that has a timeout, or that was running when a process died, gets a process of its own: so one that hangs or
kills harms nobody else.
"""

import contextlib
import logging
import selectors
import signal
import socket
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import FrameType

from django.db import DatabaseError, connections

from djbundle.tasks import queue, wakeup
from djbundle.tasks.execution import Outcome, fail_run
from djbundle.tasks.identity import Identity
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.pool import STUCK_SECONDS, Child, fork_child
from djbundle.tasks.scheduler import Scheduler

logger = logging.getLogger("djbundle.tasks")

POLL = 1.0  # seconds; for tasks that become due and for those committed on another machine
HEARTBEAT = queue.LEASE.total_seconds() / 3
SEARCH = 5.0  # seconds between looks for tasks whose worker is gone, or that have expired
PRUNE = 3600.0  # seconds
PATIENCE = 5.0  # seconds before the database is asked again after it failed
TICK = 0.05  # seconds between looks at a clock, where a task has a timeout


@dataclass(slots=True)
class Periodic:
    """Something to do every `interval` seconds; the first time at once."""

    interval: float
    due: float = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.due:
            return False
        self.due = now + self.interval
        return True


@dataclass
class Worker:
    """`processes` with `threads` each run tasks from `queues` (empty: all). With `drain`, ends when nothing is due."""

    threads: int
    processes: int = 1
    queues: queue.Queues = ()
    grace: float = 30.0  # seconds for running tasks when stopped
    drain: bool = False
    poll: float = POLL
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identity = Identity.of_this_process()
        self.held: deque[TaskRecord] = deque()  # claimed, and not yet given to a process
        self.outcomes: list[Outcome] = []  # not yet written
        self.stopping = False
        self.receiver: socket.socket | None = None
        self.heartbeat, self.search, self.prune = Periodic(HEARTBEAT), Periodic(SEARCH), Periodic(PRUNE)
        self.selector = selectors.DefaultSelector()
        self.scheduler = Scheduler()

    def run(self) -> None:
        """Until SIGTERM or SIGINT, or with `drain` until nothing is left to do."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.selector.close)
            self._open_wake(stack)
            stack.callback(self._close_receiver)
            stack.callback(self._end_children)
            while not self.stopping:
                self._look()
                if self.drain and self._is_idle():
                    break
                self._wait(self._pause())
            self._finish()

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Take no more tasks; a second call forgets the grace."""
        if self.stopping:
            self.grace = 0.0
        self.stopping = True

    def _open_wake(self, stack: contextlib.ExitStack) -> None:
        """Watch a socket that signals write to."""
        self.ends = tuple(stack.enter_context(end) for end in socket.socketpair())
        for end in self.ends:
            end.setblocking(False)
        self.selector.register(self.ends[0], selectors.EVENT_READ)
        signal.set_wakeup_fd(self.ends[1].fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, -1)
        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.signal(number, self.stop))

    # --- one turn of the loop ---

    def _look(self) -> None:
        """One turn at the database; one that fails is asked again later."""
        try:
            self._listen()
            if self.heartbeat.is_due():
                queue.renew(self.identity)
            if self.search.is_due():
                self._search()
            if self.prune.is_due():
                queue.prune()
            self._record()
            self.scheduler.turn()
            self._claim()
        except DatabaseError as error:
            logger.error("the database does not answer, trying again in %.0f s: %s", PATIENCE, error)
            connections[queue.alias()].close()
            self._wait(PATIENCE)
        self._give()

    def _listen(self) -> None:
        """Take the wake-up socket as soon as no other worker has it."""
        if self.receiver is None and (receiver := wakeup.listen(queue.alias())):
            self.receiver = receiver
            self.selector.register(receiver, selectors.EVENT_READ)

    def _search(self) -> None:
        if freed := queue.free_lost():
            logger.warning("%d tasks of a worker that is gone are run again", freed)
        if expired := queue.expire():
            logger.warning("%d tasks had not begun when they expired", expired)
        for child in [child for child in self.children if child.alone and not child.tasks]:
            self._forget(child)
            child.end()

    def _record(self) -> None:
        if not self.outcomes:
            return
        if dropped := queue.finish(self.outcomes):
            logger.warning("%d runs had lost their lease; their outcome is dropped", dropped)
        self.outcomes = []

    def _claim(self) -> None:
        while len(self._ordinary()) < self.processes:
            self._fork()
        room = sum(child.room for child in self._ordinary()) - len(self.held)
        if room > 0:
            self.held.extend(queue.claim(self.identity, room, self.queues))

    def _give(self) -> None:
        """Hand what is held to processes that have room."""
        given: defaultdict[int, list[TaskRecord]] = defaultdict(list)
        rooms = {child.pid: child.room for child in self._ordinary()}
        by_pid = {child.pid: child for child in self.children}
        rest: deque[TaskRecord] = deque()
        for record in self.held:
            if record.timeout or record.losses:
                if child := self._child_alone():
                    child.give([record])
                else:
                    rest.append(record)
                continue
            pid = max(rooms, key=rooms.__getitem__, default=0)
            if rooms.get(pid, 0) > 0:
                rooms[pid] -= 1
                given[pid].append(record)
            else:
                rest.append(record)
        self.held = rest
        for pid, records in given.items():
            by_pid[pid].give(records)

    def _child_alone(self) -> Child | None:
        """An idle process for a single task; a new one, as long as there are not too many."""
        alone = [child for child in self.children if child.alone]
        if idle := next((child for child in alone if not child.tasks), None):
            return idle
        return self._fork(alone=True) if len(alone) < self.processes * self.threads else None

    def _ordinary(self) -> list[Child]:
        return [child for child in self.children if not child.alone]

    def _fork(self, *, alone: bool = False) -> Child:
        child = fork_child(1 if alone else self.threads, self.children, self._close_in_child, alone=alone)
        self.children.append(child)
        self.selector.register(child.pipe, selectors.EVENT_READ, child)
        return child

    def _close_in_child(self) -> None:
        signal.set_wakeup_fd(-1)
        self.selector.close()
        self._close_receiver()
        for end in self.ends:
            end.close()

    def _close_receiver(self) -> None:
        if self.receiver:
            self.receiver.close()

    # --- waiting ---

    def _pause(self) -> float:
        """Seconds until there may be something to do that nobody tells."""
        if any(record.timeout for child in self.children for record in child.running):
            return TICK
        longest = min(self.poll, self.scheduler.pause())
        return min(STUCK_SECONDS, longest) if any(child.waiting for child in self.children) else longest

    def _wait(self, seconds: float) -> None:
        """For somebody to tell something, that long at most."""
        for key, _ in self.selector.select(seconds):
            if isinstance(key.data, Child):
                self._hear(key.data)
            else:
                wakeup.drain(key.fileobj)  # type: ignore[arg-type]  # the other two are sockets
        for child in list(self.children):
            if child.overdue():
                self._end_overdue(child)
            elif child.is_stuck():
                child.recall()

    def _hear(self, child: Child) -> None:
        try:
            outcomes, returned = child.hear()
        except EOFError:
            self._bury(child)
            return
        self.outcomes += outcomes
        self.held.extendleft(reversed(returned))

    def _bury(self, child: Child) -> None:
        """A process has died. What it ran may be the cause; what waited in it is not."""
        self._forget(child)
        child.end()
        if not child.tasks:
            return
        logger.error("a process died while it ran %s", ", ".join(map(str, child.running)))
        self.held.extendleft(reversed(child.waiting))
        for record in child.running:
            queue.lose(record)

    def _end_overdue(self, child: Child) -> None:
        self._forget(child)
        child.kill()
        for record in child.running:
            error = TimeoutError(f"It took longer than {record.timeout:g} seconds and was killed.")
            self.outcomes.append(fail_run(record, error))

    def _forget(self, child: Child) -> None:
        self.selector.unregister(child.pipe)
        self.children.remove(child)

    # --- the end ---

    def _is_idle(self) -> bool:
        busy = self.held or self.outcomes or any(child.tasks for child in self.children)
        return not busy and not queue.due(self.queues).exists()

    def _finish(self) -> None:
        """Let running tasks end within the grace, then give the rest back."""
        begun = time.monotonic()
        for child in self.children:
            if child.waiting:
                child.recall()
        while any(child.tasks for child in self.children) and (left := begun + self.grace - time.monotonic()) > 0:
            if self.heartbeat.is_due():
                queue.renew(self.identity)
            self._wait(min(left, TICK))
            self._record()
        unfinished = [record for child in self.children for record in child.tasks.values()]
        for child in [child for child in self.children if child.tasks]:
            self._forget(child)
            child.kill()
        self._record()
        self._free([*self.held, *unfinished])
        if unfinished:
            logger.warning("%d tasks were not finished in time and will be run again", len(unfinished))

    @staticmethod
    def _free(records: Iterable[TaskRecord]) -> None:
        for record in records:
            queue.free(record)

    def _end_children(self) -> None:
        for child in self.children:
            child.end()
