"""The process pool of a worker: it assigns tasks to processes, and handles tasks whose process ends.

A task gets a process of its own if it has a timeout, or if a process died while running it. So a task that hangs or
kills its process harms no other. A process gets some milliseconds of work more than it runs, so that it is never idle.
Work that turns out to take longer goes back to the table, where other workers and more urgent tasks find it.
"""

import logging
import selectors
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from djbundle.tasks.store.claim import Kind
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import error_entry, failure
from djbundle.tasks.worker.pending_writes import Unwritten
from djbundle.tasks.worker.process_handle import EXIT_SECONDS, Child, fork_child
from djbundle.tasks.worker.recycling import Limits
from djbundle.tasks.worker.retry import timeout_of

logger = logging.getLogger("djbundle.tasks")

REAP_SECONDS = 0.005  # between checks whether processes have ended
KILL_SECONDS = 2.0  # for the system to end a killed process


@dataclass
class Crew:
    """A pool of `processes` with `threads` each, and of processes for one task alone, up to `most_alone`.

    What the processes report is added to `unwritten`.
    """

    processes: int
    threads: int
    limits: Limits
    selector: selectors.BaseSelector
    close_in_child: Callable[[], None]
    unwritten: Unwritten
    children: list[Child] = field(default_factory=list)
    ending: list[Child] = field(default_factory=list)
    held: deque[Run] = field(default_factory=deque)  # claimed, to be given to a process in this turn
    is_crowded: bool = False  # more tasks need a process of their own than there may be

    @property
    def tasks(self) -> list[Run]:
        """All assignments of the processes."""
        return [run for child in self.children for run in child.tasks]

    @property
    def room(self) -> int:
        """How many tasks can be claimed now. Tasks in a draining process take the place of others."""
        leaving = sum(len(child.tasks) for child in self.children if child.retired and not child.alone)
        space = sum(child.space for child in self._ordinary()) - leaving
        return min(space, sum(child.room for child in self._ordinary()))

    @property
    def room_alone(self) -> int:
        """The same for tasks that need a process of their own."""
        alone = self._alone()
        return self.most_alone - len(alone) + sum(child.room for child in alone)

    @property
    def most_alone(self) -> int:
        return self.processes * self.threads

    def wanted(self) -> list[tuple[Kind, int]]:
        """Return what kinds of tasks to claim, and how many.

        Both kinds are claimed together, unless one kind would be claimed only to be given back.
        """
        if not self.is_crowded:
            return [(Kind.ANY, self.room)] if self.room > 0 else []
        wanted = [(Kind.SHARED, self.room), (Kind.ALONE, self.room_alone)]
        return [(kind, room) for kind, room in wanted if room > 0]

    def hold(self, kind: Kind, runs: list[Run], limit: int) -> None:
        """Take claimed runs, of which there could have been `limit`."""
        self.held.extend(runs)
        if kind == Kind.ALONE and len(runs) < limit:
            self.is_crowded = False

    @property
    def is_short(self) -> bool:
        """Whether a process is idle."""
        return any(not child.tasks for child in self._ordinary())

    def fill(self) -> None:
        """Start missing processes."""
        while len(self._ordinary()) < self.processes:
            self._fork()

    def _ordinary(self) -> list[Child]:
        return [child for child in self.children if not child.alone and not child.retired]

    def _alone(self) -> list[Child]:
        return [child for child in self.children if child.alone and not child.retired]

    def _fork(self, *, alone: bool = False) -> Child:
        threads = 1 if alone else self.threads
        child = fork_child(threads, self.children, self._close_all_in_child, alone=alone, limits=self.limits)
        self.children.append(child)
        self.selector.register(child.pipe, selectors.EVENT_READ, partial(self._hear, child))
        return child

    def attend(self) -> None:
        """Have the selector report when a process can take the rest of what is sent to it."""
        for child in self.children:
            key = self.selector.get_key(child.pipe)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.pipe.is_waiting else 0)
            if key.events != events:
                self.selector.modify(child.pipe, events, key.data)

    def _close_all_in_child(self) -> None:
        self.selector.close()
        self.close_in_child()

    # --- assigning ---

    def give(self) -> None:
        """Assign the held runs to processes that have room. The rest goes back to the table."""
        given: defaultdict[int, list[Run]] = defaultdict(list)
        shared = {child.pid: child.room for child in self._ordinary()}
        alone = {child.pid: child.room for child in self._alone()}
        for run in self.held:
            needs_own = run.timeout is not None or run.losses > 0
            rooms = alone if needs_own else shared
            if needs_own and len(alone) < self.most_alone and not self._has_idle(alone, given):
                rooms[self._fork(alone=True).pid] = 1
            pid = max(rooms, key=rooms.__getitem__, default=0)
            if rooms.get(pid, 0) > 0:
                rooms[pid] -= 1
                given[pid].append(run)
            else:
                self.unwritten.unbegun.append(run)
                self.is_crowded = self.is_crowded or needs_own
        self.held.clear()
        for child in self.children:
            if runs := given.get(child.pid):
                child.give(runs)

    def _has_idle(self, rooms: dict[int, int], given: dict[int, list[Run]]) -> bool:
        """Return whether one of these processes is idle."""
        return any(child.pid in rooms and not child.tasks and child.pid not in given for child in self.children)

    def recall(self) -> None:
        """Take back all runs that have not started."""
        for child in self.children:
            self.unwritten.unbegun += child.recall()

    def cancel(self, pks: Collection[int]) -> None:
        """Ask running tasks to stop."""
        for child in self.children if pks else ():
            child.cancel(pks)

    # --- reports of the processes ---

    def _hear(self, child: Child) -> None:
        try:
            heard = child.hear()
        except EOFError:
            self._bury(child)
            return
        self.unwritten.outcomes += heard.outcomes
        self.unwritten.unbegun += heard.unbegun
        self.unwritten.progress.update((progress.pk, progress) for progress in heard.progress)

    def _bury(self, child: Child) -> None:
        """Handle the death of a process. A task that it ran may be the cause; a task that waited in it is not."""
        self._kill(child)
        lost = child.tasks.running
        if lost:
            logger.error("a process died while it ran %s", ", ".join(str(run) for run in lost))
        self.unwritten.unbegun += child.tasks.waiting
        self.unwritten.lost += lost

    def watch(self) -> None:
        """Kill processes that exceed a timeout, free tasks that wait behind long ones, and replace spent processes."""
        self.ending = [child for child in self.ending if not child.has_ended()]
        for child in list(self.children):
            if child.is_stopped():
                logger.error("process %d was stopped by a signal, and does not go on; it is killed", child.pid)
                self._bury(child)
                continue
            if child.overdue():
                self._end_overdue(child)
                continue
            if child.is_wedged():
                logger.error("process %d begins no tasks; it is replaced", child.pid)
                self._bury(child)
                continue
            if child.is_stuck():
                self.unwritten.unbegun += child.recall()
            self._recycle(child)

    def _recycle(self, child: Child) -> None:
        """Drain a process that has done enough, while another takes its place."""
        if child.is_spent() and not child.retired:
            logger.info("process %d has done enough, a new one takes its place", child.pid)
            child.retired = True
        if child.retired and not child.tasks:
            self._dismiss(child)

    def _end_overdue(self, child: Child) -> None:
        """Kill the process, and let another process compute what follows.

        A function of the project may decide about that.
        """
        self._kill(child)
        self.unwritten.unbegun += child.tasks.waiting
        for run in child.tasks.running:
            if run.is_overdue:  # computing its backoff has hung too
                self.unwritten.outcomes.append(failure(run.pk, run.epoch, error_entry(timeout_of(run))))
            else:
                self._fork(alone=True).give([run._replace(is_overdue=True)])

    # --- ending ---

    def dismiss_idle(self) -> None:
        """Dismiss the idle ones of the processes for one task alone."""
        for child in [child for child in self.children if child.alone and not child.tasks]:
            self._dismiss(child)

    def _dismiss(self, child: Child) -> None:
        self._forget(child)
        child.dismiss()

    def _kill(self, child: Child) -> None:
        self._forget(child)
        child.kill()

    def _forget(self, child: Child) -> None:
        self.selector.unregister(child.pipe)
        self.children.remove(child)
        self.ending.append(child)

    def kill_busy(self) -> None:
        """Kill the processes that have tasks. Give back these tasks, and those that no process had."""
        self.unwritten.unbegun += self.held
        self.held.clear()
        for child in [child for child in self.children if child.tasks]:
            self._kill(child)
            self.unwritten.unbegun += child.tasks.waiting
            self.unwritten.unfinished += child.tasks.running

    def end(self) -> None:
        """Dismiss all processes, and wait for them a few seconds."""
        for child in list(self.children):
            self._dismiss(child)
        deadline = time.monotonic() + EXIT_SECONDS + KILL_SECONDS
        while self.ending and time.monotonic() < deadline:
            self.ending = [child for child in self.ending if not child.has_ended()]
            time.sleep(REAP_SECONDS if self.ending else 0)
