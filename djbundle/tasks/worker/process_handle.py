"""The worker's side of the processes that run tasks."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from djbundle.common import processes
from djbundle.common.database_connections import close_connections
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.worker import descendants, forks
from djbundle.tasks.worker.assignments import Assignments
from djbundle.tasks.worker.pipe import ProcessEnd, WorkerEnd, pair
from djbundle.tasks.worker.process.fresh import NewProgram, become
from djbundle.tasks.worker.process.main import run_child
from djbundle.tasks.worker.protocol import (
    RECALL,
    CancelMessage,
    OutcomesMessage,
    ProcessMessage,
    ProgressMessage,
    RecalledMessage,
    RunMessage,
)
from djbundle.tasks.worker.recycling import RecycleLimits

PREFETCH_SECONDS = 0.02  # seconds of work that wait in a process behind what it runs, so that it is never idle
MAX_PREFETCH = 400  # most tasks that wait, for each thread
PREFETCH_DECREASE, PREFETCH_INCREASE = 1 / 8, 1.1  # its factors: after tasks waited in vain, and after tasks ended
REFILL_SHARE = 0.5  # share of it that must be missing before more is claimed, since each claim has a cost
STUCK_SECONDS = 0.2  # no task is queued behind one that runs this long, and none waits longer for one
START_TIMEOUT = 5.0  # seconds until a process that runs nothing must have started: it is new, or the machine is busy
LOAD_TIMEOUT = 60.0  # seconds for one that loads the site for itself
MAX_USELESS_RECALLS = 4  # recalls in a row at which it may have started nothing
RECALL_TIMEOUT = 30.0  # for a process that runs nothing to answer
BLOCKED_SECONDS = 1.0  # pause in which a process gets nothing, after tasks waited in it in vain
STOPPED_CHECK_INTERVAL = 5.0  # between checks whether a process was stopped
STOPPED_TIMEOUT = 30.0  # that a process may be stopped
STOPPED = "T"  # see proc_pid_stat(5)
EXIT_TIMEOUT = 5.0  # for a process to exit by itself, with its exit handlers
INITIAL_MEAN_SECONDS = 0.005  # seconds; the assumed duration of a task before any has run
SMOOTHING = 0.2  # weight of the newest run in the mean


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a process."""

    outcomes: list[Outcome] = field(default_factory=list)
    not_started: list[Run] = field(default_factory=list)  # runs that it gives back
    progress: list[ProgressMessage] = field(default_factory=list)


@dataclass
class ProcessHandle:
    """One process, and its assignments."""

    pid: int
    pipe: WorkerEnd
    threads: int
    alone: bool = False  # for one task at a time, which might harm others: see ProcessPool
    limits: RecycleLimits = field(default_factory=RecycleLimits)
    assignments: Assignments = field(default_factory=Assignments)
    start_timeout: float = START_TIMEOUT
    last_activity: float = 0.0  # when a task last started or ended, monotonic seconds
    mean_seconds: float = INITIAL_MEAN_SECONDS  # recent mean of the seconds that a task takes
    prefetch_limit: float = MAX_PREFETCH
    is_recalled: bool = False
    recalled_at: float = 0.0  # monotonic seconds
    useless_recalls: int = 0  # recalls in a row at which it ran nothing
    blocked_until: float = 0.0  # monotonic seconds
    is_draining: bool = False  # gets no more tasks, and drains
    tasks_done: int = 0
    kill_at: float = 0.0  # when it is killed unless it has ended, monotonic seconds
    next_stopped_check: float = 0.0  # time of the next check whether it was stopped, monotonic seconds
    stopped_since: float | None = None

    @property
    def room(self) -> int:
        """The number of tasks that it can get now."""
        return int(min(self.room_without_limits, self.limits.tasks_left(self.tasks_done + len(self.assignments))))

    @property
    def room_without_limits(self) -> int:
        """The number of tasks that it could get now if it had no limits for its replacement."""
        if self.is_recalled or time.monotonic() < self.blocked_until:
            return 0
        if self.limits.max_memory or (self.assignments and time.monotonic() - self.last_activity > STUCK_SECONDS):
            return max(0, self.threads - len(self.assignments))
        prefetch = int(min(self.prefetch_limit, PREFETCH_SECONDS / self.mean_seconds)) * self.threads
        room = self.threads + prefetch - len(self.assignments)
        return room if room >= prefetch * REFILL_SHARE else 0

    def assign(self, runs: list[Run]) -> None:
        if not self.assignments:
            self.last_activity = time.monotonic()
        self.assignments.add(runs)
        self.pipe.send(RunMessage([run.row for run in runs], runs[0].alias, runs[0].is_overdue))

    def receive(self) -> Report:
        """Return all that it has reported so far. Raise EOFError if it is gone and there is nothing more."""
        self.pipe.flush()
        report = Report()
        for message in self.pipe.receive():
            self._handle(message, report)
        return report

    def _handle(self, message: ProcessMessage, report: Report) -> None:
        if isinstance(message, OutcomesMessage):
            outcomes = message.outcomes
            self._count(len(outcomes), message.seconds)
            for outcome in outcomes:
                self.assignments.remove(outcome.pk)
            report.outcomes.extend(outcomes)
            if self.alone and descendants.has_children(self.pid):  # a timeout of a later task must not kill these
                self.is_draining = True
        elif isinstance(message, RecalledMessage):
            self.is_recalled = False
            self.assignments.resume()
            report.not_started.extend(run for pk in message.pks if (run := self.assignments.remove(pk)))
        else:
            report.progress.append(message)

    def _count(self, ended: int, seconds: float) -> None:
        self.mean_seconds += min(1.0, SMOOTHING * ended) * (seconds / ended - self.mean_seconds)
        self.last_activity = time.monotonic()
        self.blocked_until, self.useless_recalls = 0.0, 0
        self.prefetch_limit = min(MAX_PREFETCH, self.prefetch_limit * PREFETCH_INCREASE)
        self.tasks_done += ended

    def is_stuck(self) -> bool:
        """Return whether tasks wait in it behind tasks that take longer than expected when they were assigned."""
        now = time.monotonic()
        waiting = self.assignments.count_waiting()
        longest = STUCK_SECONDS if waiting < len(self.assignments) else self.start_timeout
        if self.is_recalled or now - self.assignments.waiting_since() < longest:
            return False
        left = waiting * self.mean_seconds / self.threads
        return left > 2 * PREFETCH_SECONDS or now - self.last_activity > STUCK_SECONDS

    def recall(self) -> list[Run]:
        """Take back what has not started. The process gets nothing new until it has answered."""
        if self.is_recalled or not self.assignments.has_waiting():
            return []
        self.is_recalled, self.recalled_at = True, time.monotonic()
        self.useless_recalls = 0 if self.assignments.running else self.useless_recalls + 1
        self.blocked_until = time.monotonic() + BLOCKED_SECONDS
        self.prefetch_limit = max(1.0, self.prefetch_limit * PREFETCH_DECREASE)
        not_started = self.assignments.withdraw()
        self.pipe.send(RECALL)
        return not_started

    def is_wedged(self) -> bool:
        """Return whether it is idle and no longer works: it starts no task that it gets, or answers no recall.

        Then its threads have ended or wait for ever, and no task is the cause.
        """
        has_not_answered = self.is_recalled and time.monotonic() - self.recalled_at > RECALL_TIMEOUT
        return (has_not_answered or self.useless_recalls >= MAX_USELESS_RECALLS) and not self.assignments.running

    def cancel(self, pks: Iterable[int]) -> None:
        """Ask those of the tasks that it has to stop."""
        if own := frozenset(pk for pk in pks if pk in self.assignments):
            self.pipe.send(CancelMessage(own))

    def is_spent(self) -> bool:
        """Return whether it should get no more tasks."""
        return self.limits.are_reached(self.tasks_done + len(self.assignments), self.pid)

    def is_stopped(self) -> bool:
        """Return whether it has been stopped, as by SIGSTOP, for so long that it is not expected to continue."""
        now = time.monotonic()
        if now < self.next_stopped_check:
            return False
        self.next_stopped_check = now + STOPPED_CHECK_INTERVAL
        if processes.state(self.pid) != STOPPED:
            self.stopped_since = None
            return False
        self.stopped_since = self.stopped_since or now
        return now - self.stopped_since >= STOPPED_TIMEOUT

    def is_overdue(self) -> bool:
        """Return whether its task has exceeded the timeout."""
        return any(
            run.timeout and time.monotonic() - self.last_activity > run.timeout for run in self.assignments.running
        )

    def shut_down(self) -> None:
        """Let it exit when it is idle; see `has_ended`."""
        self.pipe.close()
        self.kill_at = time.monotonic() + EXIT_TIMEOUT

    def kill(self) -> None:
        """Kill it with its process group. If it runs a task with a timeout, also kill all its descendants."""
        if any(run.timeout for run in self.assignments.running):
            descendants.kill_all(self.pid)
        forks.kill_group(self.pid)
        self.shut_down()

    def has_ended(self) -> bool:
        """Reap the process, and return whether it has ended. Never wait.

        Kill a process that takes too long to exit.
        """
        if time.monotonic() > self.kill_at:
            forks.kill_group(self.pid)
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        except ChildProcessError:
            return True


def fork_child(
    threads: int,
    others: Iterable[ProcessHandle],
    close: Callable[[], None],
    *,
    alone: bool,
    limits: RecycleLimits,
    program: NewProgram | None = None,
) -> ProcessHandle:
    """Fork a new process. In it, `others` and `close` close the worker's ends of pipes and its sockets.

    With `program`, it becomes that, and loads the site for itself.

    The worker has one thread, and closes its database connections first, because neither survives a fork.
    """
    close_connections()
    worker_end, process_end = pair()
    assignments = Assignments(has_file=program is not None)
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        worker_end.close()
        for other in others:
            other.pipe.close()
        close()
        if program:
            become(program, process_end, assignments, threads, parent, alone=alone)
        run_child(ProcessEnd(process_end), threads, assignments.set_started, parent, alone=alone)
    process_end.close()
    assignments.close_file()
    if forks.leads_group(alone=alone):
        with contextlib.suppress(OSError):  # the process does so too: the first call counts
            os.setpgid(pid, pid)
    start_timeout = LOAD_TIMEOUT if program else START_TIMEOUT
    return ProcessHandle(pid, worker_end, threads, alone, limits, assignments, start_timeout=start_timeout)
