"""The processes of a worker: which of them gets which task, and what becomes of a task whose process ends.

A task that has a timeout, or that was running when a process died, gets a process of its own: so one that hangs or
kills harms nobody else. A process is given a little more than it runs, so that it is never idle: some milliseconds of
work. What turns out to take longer is given back to the table, where other workers and more urgent tasks find it.
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

REAP_SECONDS = 0.005  # between looks whether processes have ended
KILL_SECONDS = 2.0  # that the system has to end one that is killed


@dataclass
class Crew:
    """`processes` with `threads` each, and as many as these for tasks alone. What they tell goes to `unwritten`."""

    processes: int
    threads: int
    limits: Limits
    selector: selectors.BaseSelector
    close_in_child: Callable[[], None]
    unwritten: Unwritten
    children: list[Child] = field(default_factory=list)
    ending: list[Child] = field(default_factory=list)
    held: deque[Run] = field(default_factory=deque)  # claimed, and to be given to a process in this turn
    is_crowded: bool = False  # more tasks wait for a process of their own than there may be

    @property
    def tasks(self) -> list[Run]:
        """All that processes have been given."""
        return [run for child in self.children for run in child.tasks]

    @property
    def room(self) -> int:
        """Tasks that can be claimed now. What runs in a process that is to end takes the place of another."""
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
        """What to claim, and how many. Both kinds together, unless the one would be claimed only to be given back."""
        if not self.is_crowded:
            return [(Kind.ANY, self.room)] if self.room > 0 else []
        wanted = [(Kind.SHARED, self.room), (Kind.ALONE, self.room_alone)]
        return [(kind, room) for kind, room in wanted if room > 0]

    def hold(self, kind: Kind, runs: list[Run], limit: int) -> None:
        """Take what was claimed, of which there could have been `limit`."""
        self.held.extend(runs)
        if kind == Kind.ALONE and len(runs) < limit:
            self.is_crowded = False

    @property
    def is_short(self) -> bool:
        """Whether a process has nothing to do."""
        return any(not child.tasks for child in self._ordinary())

    def fill(self) -> None:
        """Start processes that are missing."""
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
        """Have the selector say when a process can take the rest of what it is sent."""
        for child in self.children:
            key = self.selector.get_key(child.pipe)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.pipe.is_waiting else 0)
            if key.events != events:
                self.selector.modify(child.pipe, events, key.data)

    def _close_all_in_child(self) -> None:
        self.selector.close()
        self.close_in_child()

    # --- giving ---

    def give(self) -> None:
        """Hand what is held to processes that have room; what is left goes back to the table."""
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
        """Whether one of these processes has nothing to do."""
        return any(child.pid in rooms and not child.tasks and child.pid not in given for child in self.children)

    def recall(self) -> None:
        """Take back what has not begun."""
        for child in self.children:
            self.unwritten.unbegun += child.recall()

    def cancel(self, pks: Collection[int]) -> None:
        """Ask tasks that run to stop."""
        for child in self.children if pks else ():
            child.cancel(pks)

    # --- hearing ---

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
        """A process has died. What it ran may be the cause; what waited in it is not."""
        self._kill(child)
        lost = child.tasks.running
        if lost:
            logger.error("a process died while it ran %s", ", ".join(str(run) for run in lost))
        self.unwritten.unbegun += child.tasks.waiting
        self.unwritten.lost += lost

    def watch(self) -> None:
        """End what takes too long, free what waits behind something long, replace processes that have done enough."""
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
        """One that has done enough finishes what it has, while another takes its place."""
        if child.is_spent() and not child.retired:
            logger.info("process %d has done enough, a new one takes its place", child.pid)
            child.retired = True
        if child.retired and not child.tasks:
            self._dismiss(child)

    def _end_overdue(self, child: Child) -> None:
        """What follows is told by another process, since it may be a function of the project's that does."""
        self._kill(child)
        self.unwritten.unbegun += child.tasks.waiting
        for run in child.tasks.running:
            if run.is_overdue:  # its backoff hangs too
                self.unwritten.outcomes.append(failure(run.pk, run.epoch, error_entry(timeout_of(run))))
            else:
                self._fork(alone=True).give([run._replace(is_overdue=True)])

    # --- ending ---

    def dismiss_idle(self) -> None:
        """End the processes for tasks alone that have none."""
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
        """End the processes that have tasks, at once; these tasks, and those that no process had, are given back."""
        self.unwritten.unbegun += self.held
        self.held.clear()
        for child in [child for child in self.children if child.tasks]:
            self._kill(child)
            self.unwritten.unbegun += child.tasks.waiting
            self.unwritten.unfinished += child.tasks.running

    def end(self) -> None:
        """End the idle ones, and wait for all, a few seconds."""
        for child in list(self.children):
            self._dismiss(child)
        deadline = time.monotonic() + EXIT_SECONDS + KILL_SECONDS
        while self.ending and time.monotonic() < deadline:
            self.ending = [child for child in self.ending if not child.has_ended()]
            time.sleep(REAP_SECONDS if self.ending else 0)
