"""The process pool of a worker: it assigns tasks to processes, and handles tasks whose process ends.

A task gets a process of its own if it has a timeout, or if a process died while running it. So a task that hangs or
kills its process harms no other. In the second case the process is new, and runs nothing else: the task may damage it
in a way that shows only later, and the next task would be blamed. A process gets some milliseconds of work more than it
runs, so that it is never idle. Work that turns out to take longer goes back to the table, where other workers and more
urgent tasks find it.
"""

import logging
import selectors
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from djbundle.tasks.store.claim import TaskKind
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import error_entry, failure
from djbundle.tasks.worker.pending_writes import PendingWrites
from djbundle.tasks.worker.process.fresh import NewProgram
from djbundle.tasks.worker.process_handle import EXIT_TIMEOUT, ProcessHandle, fork_child
from djbundle.tasks.worker.recycling import RecycleLimits
from djbundle.tasks.worker.retry import timeout_of

logger = logging.getLogger("djbundle.tasks")

REAP_INTERVAL = 0.005  # between checks whether processes have ended
KILL_TIMEOUT = 2.0  # for the system to end a killed process


@dataclass
class ProcessPool:
    """A pool of `processes` with `threads` each, and of processes for one task alone, up to `max_alone`.

    What the processes report is added to `pending_writes`.
    """

    processes: int
    threads: int
    limits: RecycleLimits
    selector: selectors.BaseSelector
    close_in_child: Callable[[], None]
    pending_writes: PendingWrites
    program: NewProgram | None = None  # what each process becomes, instead of a copy of the worker
    children: list[ProcessHandle] = field(default_factory=list)
    exiting: list[ProcessHandle] = field(default_factory=list)
    unassigned: deque[Run] = field(default_factory=deque)  # claimed, to be assigned in this turn
    is_crowded: bool = False  # more tasks need a process of their own than there may be

    @property
    def assigned_runs(self) -> list[Run]:
        """All assignments of the processes."""
        return [run for child in self.children for run in child.assignments]

    @property
    def room(self) -> int:
        """The number of tasks that can be claimed now. Tasks in a draining process take the place of others."""
        draining = sum(len(child.assignments) for child in self.children if child.is_draining and not child.alone)
        room = sum(child.room_without_limits for child in self._shared()) - draining
        return min(room, sum(child.room for child in self._shared()))

    @property
    def room_alone(self) -> int:
        """The number of tasks that can be claimed now and that need a process of their own."""
        return self.max_alone - self._count_alone() + sum(child.room for child in self._alone())

    @property
    def max_alone(self) -> int:
        return self.processes * self.threads

    def capacities(self) -> list[tuple[TaskKind, int]]:
        """Return what kinds of tasks to claim, and how many.

        Both kinds are claimed together, unless one kind would be claimed only to be given back.
        """
        if not self.is_crowded:
            return [(TaskKind.ANY, self.room)] if self.room > 0 else []
        rooms = [(TaskKind.SHARED, self.room), (TaskKind.ALONE, self.room_alone)]
        return [(kind, room) for kind, room in rooms if room > 0]

    def add_claimed(self, kind: TaskKind, runs: list[Run], limit: int) -> None:
        """Take claimed runs, of which there could have been `limit`."""
        self.unassigned.extend(runs)
        if kind == TaskKind.ALONE and len(runs) < limit:
            self.is_crowded = False

    @property
    def has_idle_process(self) -> bool:
        """True if a process is idle."""
        return any(not child.assignments for child in self._shared())

    def start_missing_processes(self) -> None:
        """Start missing processes."""
        while len(self._shared()) < self.processes:
            self._fork()

    def _shared(self) -> list[ProcessHandle]:
        return [child for child in self.children if not child.alone and not child.is_draining]

    def _alone(self) -> list[ProcessHandle]:
        return [child for child in self.children if child.alone and not child.is_draining]

    def _count_alone(self) -> int:
        """Return how many processes there are for one task alone, those included that drain."""
        return sum(child.alone for child in self.children)

    def _fork(self, *, alone: bool = False) -> ProcessHandle:
        threads = 1 if alone else self.threads
        child = fork_child(
            threads,
            self.children,
            self._close_all_in_child,
            alone=alone,
            limits=self.limits,
            program=self.program,
        )
        self.children.append(child)
        self.selector.register(child.pipe, selectors.EVENT_READ, partial(self._receive, child))
        return child

    def update_selector(self) -> None:
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

    def assign(self) -> None:
        """Assign the claimed runs to processes that have room. The rest goes back to the table."""
        for run in [run for run in self.unassigned if run.crash_count > 0]:
            self.unassigned.remove(run)
            self._assign_suspect(run)
        assigned: defaultdict[int, list[Run]] = defaultdict(list)
        shared = {child.pid: child.room for child in self._shared()}
        alone = {child.pid: child.room for child in self._alone()}
        for run in self.unassigned:
            needs_own = run.timeout is not None
            rooms = alone if needs_own else shared
            if needs_own and self._count_alone() < self.max_alone and not self._has_idle(alone, assigned):
                rooms[self._fork(alone=True).pid] = 1
            pid = max(rooms, key=rooms.__getitem__, default=0)
            if rooms.get(pid, 0) > 0:
                rooms[pid] -= 1
                assigned[pid].append(run)
            else:
                self.pending_writes.not_started.append(run)
                self.is_crowded = self.is_crowded or needs_own
        self.unassigned.clear()
        for child in self.children:
            if runs := assigned.get(child.pid):
                child.assign(runs)

    def _assign_suspect(self, run: Run) -> None:
        """Assign a run whose process died before to a new process, which runs nothing else."""
        idle = [child for child in self._alone() if not child.assignments]
        if self._count_alone() >= self.max_alone and idle:
            self._shut_down_child(idle[0])
        if self._count_alone() < self.max_alone:
            child = self._fork(alone=True)
            child.assign([run])
            child.is_draining = True
        else:
            self.pending_writes.not_started.append(run)
            self.is_crowded = True

    def _has_idle(self, rooms: dict[int, int], assigned: dict[int, list[Run]]) -> bool:
        """Return whether one of these processes is idle."""
        return any(
            child.pid in rooms and not child.assignments and child.pid not in assigned for child in self.children
        )

    def recall(self) -> None:
        """Take back all runs that have not started."""
        for child in self.children:
            self.pending_writes.not_started += child.recall()

    def cancel(self, pks: Collection[int]) -> None:
        """Ask running tasks to stop."""
        for child in self.children if pks else ():
            child.cancel(pks)

    # --- reports of the processes ---

    def _receive(self, child: ProcessHandle) -> None:
        try:
            report = child.receive()
        except EOFError:
            self._reap(child)
            return
        self.pending_writes.outcomes += report.outcomes
        self.pending_writes.not_started += report.not_started
        self.pending_writes.progress.update((message.pk, message) for message in report.progress)

    def _reap(self, child: ProcessHandle) -> None:
        """Handle the death of a process. A task that it ran may be the cause; a task that waited in it is not."""
        self._kill(child)
        crashed = child.assignments.running
        if crashed:
            logger.error("a process died while it ran %s", ", ".join(str(run) for run in crashed))
        self.pending_writes.not_started += child.assignments.waiting
        self.pending_writes.crashed += crashed

    def check_children(self) -> None:
        """Kill processes that exceed a timeout, recall tasks that wait behind long ones, replace spent processes."""
        self.exiting = [child for child in self.exiting if not child.has_ended()]
        for child in list(self.children):
            if child.is_stopped():
                logger.error("process %d was stopped by a signal, and does not go on; it is killed", child.pid)
                self._reap(child)
                continue
            if child.is_overdue():
                self._end_overdue(child)
                continue
            if child.is_wedged():
                logger.error("process %d begins no tasks; it is replaced", child.pid)
                self._reap(child)
                continue
            if child.is_stuck():
                self.pending_writes.not_started += child.recall()
            self._recycle(child)

    def _recycle(self, child: ProcessHandle) -> None:
        """Drain a process that has done enough, while another takes its place."""
        if child.is_spent() and not child.is_draining:
            logger.info("process %d has done enough, a new one takes its place", child.pid)
            child.is_draining = True
        if child.is_draining and not child.assignments:
            self._shut_down_child(child)

    def _end_overdue(self, child: ProcessHandle) -> None:
        """Kill the process, and let another process compute what follows.

        A function of the project may decide about that.
        """
        self._kill(child)
        self.pending_writes.not_started += child.assignments.waiting
        for run in child.assignments.running:
            if run.is_overdue:  # computing its backoff has hung too
                self.pending_writes.outcomes.append(failure(run.pk, run.epoch, error_entry(timeout_of(run))))
            else:
                self._fork(alone=True).assign([run._replace(is_overdue=True)])

    # --- shutting down ---

    def shut_down_idle(self) -> None:
        """Let idle processes for one task alone exit."""
        for child in [child for child in self.children if child.alone and not child.assignments]:
            self._shut_down_child(child)

    def _shut_down_child(self, child: ProcessHandle) -> None:
        self._remove(child)
        child.shut_down()

    def _kill(self, child: ProcessHandle) -> None:
        self._remove(child)
        child.kill()

    def _remove(self, child: ProcessHandle) -> None:
        self.selector.unregister(child.pipe)
        self.children.remove(child)
        self.exiting.append(child)

    def kill_busy_processes(self) -> None:
        """Kill the processes that have tasks. Give back these tasks, and those that no process had."""
        self.pending_writes.not_started += self.unassigned
        self.unassigned.clear()
        for child in [child for child in self.children if child.assignments]:
            self._kill(child)
            self.pending_writes.not_started += child.assignments.waiting
            self.pending_writes.unfinished += child.assignments.running

    def shut_down(self) -> None:
        """Let all processes exit, and wait for them a few seconds."""
        for child in list(self.children):
            self._shut_down_child(child)
        deadline = time.monotonic() + EXIT_TIMEOUT + KILL_TIMEOUT
        while self.exiting and time.monotonic() < deadline:
            self.exiting = [child for child in self.exiting if not child.has_ended()]
            time.sleep(REAP_INTERVAL if self.exiting else 0)
