"""The processes of a worker: which of them gets which task, and what becomes of a task whose process ends.

A task that has a timeout, or that was running when a process died, gets a process of its own: so one that hangs or
kills harms nobody else.
"""

import logging
import selectors
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from djbundle.tasks.failing import fail_run
from djbundle.tasks.pool import Child, fork_child
from djbundle.tasks.recycling import Limits
from djbundle.tasks.runs import Run
from djbundle.tasks.unwritten import Unwritten

logger = logging.getLogger("djbundle.tasks")


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
    held: deque[Run] = field(default_factory=deque)  # claimed, and not yet given to a process

    @property
    def tasks(self) -> list[Run]:
        """All that processes have been given."""
        return [run for child in self.children for run in child.tasks]

    @property
    def room(self) -> int:
        """Tasks that can be claimed now. What runs in a process that is to end takes the place of another."""
        leaving = sum(len(child.tasks) for child in self.children if child.retired and not child.alone)
        space = sum(child.space for child in self._ordinary()) - leaving
        return min(space, sum(child.room for child in self._ordinary())) - len(self.held)

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

    def _fork(self, *, alone: bool = False) -> Child:
        threads = 1 if alone else self.threads
        child = fork_child(threads, self.children, self._close_all_in_child, alone=alone, limits=self.limits)
        self.children.append(child)
        self.selector.register(child.pipe, selectors.EVENT_READ, partial(self._hear, child))
        return child

    def _close_all_in_child(self) -> None:
        self.selector.close()
        self.close_in_child()

    # --- giving ---

    def give(self) -> None:
        """Hand what is held to processes that have room."""
        given: defaultdict[int, list[Run]] = defaultdict(list)
        rooms = {child.pid: child.room for child in self._ordinary()}
        by_pid = {child.pid: child for child in self.children}
        rest: deque[Run] = deque()
        for run in self.held:
            if run.timeout or run.losses:
                if child := self._child_alone():
                    child.give([run])
                else:
                    rest.append(run)
                continue
            pid = max(rooms, key=rooms.__getitem__, default=0)
            if rooms.get(pid, 0) > 0:
                rooms[pid] -= 1
                given[pid].append(run)
            else:
                rest.append(run)
        self.held = rest
        for pid, runs in given.items():
            by_pid[pid].give(runs)

    def _child_alone(self) -> Child | None:
        """An idle process for a single task; a new one, as long as there are not too many."""
        alone = [child for child in self.children if child.alone]
        if idle := next((child for child in alone if not child.tasks), None):
            return idle
        return self._fork(alone=True) if len(alone) < self.processes * self.threads else None

    def recall(self) -> None:
        """Take back what has not begun."""
        for child in self.children:
            if child.tasks.has_waiting() and not child.recalled:
                child.recall()

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
        self.held.extendleft(reversed(heard.returned))
        self.unwritten.progress.update((progress.pk, progress) for progress in heard.progress)

    def _bury(self, child: Child) -> None:
        """A process has died. What it ran may be the cause; what waited in it is not."""
        self._forget(child)
        child.end()
        if not child.tasks:
            return
        lost = child.tasks.running
        logger.error("a process died while it ran %s", ", ".join(str(run.record()) for run in lost))
        self.held.extendleft(reversed(child.tasks.waiting))
        self.unwritten.lost += lost

    def watch(self) -> None:
        """End what takes too long, free what waits behind something long, replace processes that have done enough."""
        for child in list(self.children):
            if child.overdue():
                self._end_overdue(child)
                continue
            if child.is_stuck():
                child.recall()
            self._recycle(child)

    def _recycle(self, child: Child) -> None:
        """One that has done enough finishes what it runs, while another takes its place."""
        if child.is_spent() and not child.retired:
            logger.info("process %d has done enough, a new one takes its place", child.pid)
            child.retired = True
            if child.tasks.has_waiting() and not child.recalled:
                child.recall()
        if child.retired and not child.tasks:
            self._dismiss(child)

    def _end_overdue(self, child: Child) -> None:
        self._forget(child)
        child.kill()
        for run in child.tasks.running:
            error = TimeoutError(f"It took longer than {run.timeout:g} seconds and was killed.")
            self.unwritten.outcomes.append(fail_run(run, error))

    # --- ending ---

    def dismiss_idle(self) -> None:
        """End the processes for tasks alone that have none."""
        for child in [child for child in self.children if child.alone and not child.tasks]:
            self._dismiss(child)

    def _dismiss(self, child: Child) -> None:
        self._forget(child)
        child.end()

    def _forget(self, child: Child) -> None:
        self.selector.unregister(child.pipe)
        self.children.remove(child)

    def kill_busy(self) -> list[Run]:
        """End the processes that have tasks, at once; these tasks, and those that no process had."""
        unfinished = [*self.held, *self.tasks]
        self.held.clear()
        for child in [child for child in self.children if child.tasks]:
            self._forget(child)
            child.kill()
        return unfinished

    def end(self) -> None:
        """End the idle ones."""
        for child in self.children:
            child.end()
