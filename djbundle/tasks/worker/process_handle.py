"""The worker's side of the processes that run tasks."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from djbundle.common import processes
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.worker import descendants, forks
from djbundle.tasks.worker.assignments import Assigned
from djbundle.tasks.worker.pipe import ProcessEnd, WorkerEnd, pair
from djbundle.tasks.worker.process_main import run_child
from djbundle.tasks.worker.protocol import RECALL, Answer, Cancel, Ended, Given, Progress, Returned
from djbundle.tasks.worker.recycling import Limits

AHEAD_SECONDS = 0.02  # seconds of work that wait in a process behind what it runs, so that it is never idle
AHEAD_MOST = 400  # most tasks that wait, for each thread
LESS_AHEAD, MORE_AHEAD = 1 / 8, 1.1  # factors for it: after tasks waited in vain, and after tasks ended
REFILL = 0.5  # share of it that must be missing before more is claimed, since each claim has a cost
STUCK_SECONDS = 0.2  # no task is queued behind one that runs this long, and none waits longer for one
START_SECONDS = 5.0  # the same if it runs nothing at all: it is new, or the machine is busy
MOST_VAIN = 4  # recalls in a row at which it may have started nothing
ANSWER_SECONDS = 30.0  # for a process that runs nothing to answer
BLOCKED_SECONDS = 1.0  # pause in which a process gets nothing, after tasks waited in it in vain
LOOK_SECONDS = 5.0  # between checks whether a process was stopped
STOPPED_SECONDS = 30.0  # that a process may be stopped
STOPPED = "T"  # see proc_pid_stat(5)
EXIT_SECONDS = 5.0  # for a process to exit by itself, with its exit handlers
FIRST_MEAN = 0.005  # seconds; the assumed duration of a task before any has run
SMOOTHING = 0.2  # weight of the newest run in the mean


@dataclass(frozen=True, slots=True)
class Heard:
    """What a process reported."""

    outcomes: list[Outcome] = field(default_factory=list)
    unbegun: list[Run] = field(default_factory=list)  # runs that it gives back
    progress: list[Progress] = field(default_factory=list)


@dataclass
class Child:
    """One process, and its assignments."""

    pid: int
    pipe: WorkerEnd
    threads: int
    alone: bool = False  # for one task at a time, which might harm others: see Crew
    limits: Limits = field(default_factory=Limits)
    tasks: Assigned = field(default_factory=Assigned)
    began: float = 0.0  # when a task last started or ended, monotonic seconds
    mean: float = FIRST_MEAN  # recent mean of the seconds that a task takes
    most_ahead: float = AHEAD_MOST
    recalled: bool = False
    recalled_at: float = 0.0  # monotonic seconds
    vain: int = 0  # recalls in a row at which it ran nothing
    blocked_until: float = 0.0  # monotonic seconds
    retired: bool = False  # gets no more tasks, and drains
    done: int = 0  # tasks
    ends_at: float = 0.0  # when it is killed unless it has ended, monotonic seconds
    next_look: float = 0.0  # time of the next check whether it was stopped, monotonic seconds
    stopped_since: float | None = None

    @property
    def room(self) -> int:
        """How many tasks it can get now."""
        return int(min(self.space, self.limits.left(self.done + len(self.tasks))))

    @property
    def space(self) -> int:
        """The same, without its limits."""
        if self.recalled or time.monotonic() < self.blocked_until:
            return 0
        if self.limits.memory or (self.tasks and time.monotonic() - self.began > STUCK_SECONDS):
            return max(0, self.threads - len(self.tasks))
        ahead = int(min(self.most_ahead, AHEAD_SECONDS / self.mean)) * self.threads
        space = self.threads + ahead - len(self.tasks)
        return space if space >= ahead * REFILL else 0

    def give(self, runs: list[Run]) -> None:
        if not self.tasks:
            self.began = time.monotonic()
        self.tasks.add(runs)
        self.pipe.send(Given([run.row for run in runs], runs[0].alias, runs[0].is_overdue))

    def hear(self) -> Heard:
        """Return all that it has reported so far. Raise EOFError if it is gone and there is nothing more."""
        self.pipe.flush()
        heard = Heard()
        for answer in self.pipe.receive():
            self._take(answer, heard)
        return heard

    def _take(self, answer: Answer, heard: Heard) -> None:
        if isinstance(answer, Ended):
            outcomes = answer.outcomes
            self._count(len(outcomes), answer.seconds)
            for outcome in outcomes:
                self.tasks.remove(outcome.pk)
            heard.outcomes.extend(outcomes)
            if self.alone and descendants.has_children(self.pid):  # a timeout of a later task must not kill these
                self.retired = True
        elif isinstance(answer, Returned):
            self.recalled = False
            self.tasks.resume()
            heard.unbegun.extend(run for pk in answer.pks if (run := self.tasks.remove(pk)))
        else:
            heard.progress.append(answer)

    def _count(self, ended: int, seconds: float) -> None:
        self.mean += min(1.0, SMOOTHING * ended) * (seconds / ended - self.mean)
        self.began = time.monotonic()
        self.blocked_until, self.vain = 0.0, 0
        self.most_ahead = min(AHEAD_MOST, self.most_ahead * MORE_AHEAD)
        self.done += ended

    def is_stuck(self) -> bool:
        """Return whether tasks wait in it behind tasks that take longer than expected when they were given."""
        now = time.monotonic()
        waiting = self.tasks.count_waiting()
        longest = STUCK_SECONDS if waiting < len(self.tasks) else START_SECONDS
        if self.recalled or now - self.tasks.waits_since() < longest:
            return False
        left = waiting * self.mean / self.threads
        return left > 2 * AHEAD_SECONDS or now - self.began > STUCK_SECONDS

    def recall(self) -> list[Run]:
        """Take back what has not started. The process gets nothing new until it has answered."""
        if self.recalled or not self.tasks.has_waiting():
            return []
        self.recalled, self.recalled_at = True, time.monotonic()
        self.vain = 0 if self.tasks.running else self.vain + 1
        self.blocked_until = time.monotonic() + BLOCKED_SECONDS
        self.most_ahead = max(1.0, self.most_ahead * LESS_AHEAD)
        unbegun = self.tasks.withdraw()
        self.pipe.send(RECALL)
        return unbegun

    def is_wedged(self) -> bool:
        """Return whether it runs nothing, and either starts nothing of what it gets or does not answer.

        Then its threads have ended or wait for ever, and no task is to blame.
        """
        is_mute = self.recalled and time.monotonic() - self.recalled_at > ANSWER_SECONDS
        return (is_mute or self.vain >= MOST_VAIN) and not self.tasks.running

    def cancel(self, pks: Iterable[int]) -> None:
        """Ask those of the tasks that it has to stop."""
        if own := frozenset(pk for pk in pks if pk in self.tasks):
            self.pipe.send(Cancel(own))

    def is_spent(self) -> bool:
        """Return whether it shall get no more tasks."""
        return self.limits.are_reached(self.done + len(self.tasks), self.pid)

    def is_stopped(self) -> bool:
        """Return whether it has been stopped, as by SIGSTOP, for so long that it is not expected to continue."""
        now = time.monotonic()
        if now < self.next_look:
            return False
        self.next_look = now + LOOK_SECONDS
        if processes.state(self.pid) != STOPPED:
            self.stopped_since = None
            return False
        self.stopped_since = self.stopped_since or now
        return now - self.stopped_since >= STOPPED_SECONDS

    def overdue(self) -> bool:
        """Return whether its task has exceeded the timeout."""
        return any(run.timeout and time.monotonic() - self.began > run.timeout for run in self.tasks.running)

    def dismiss(self) -> None:
        """Let it exit when it is idle; see `has_ended`."""
        self.pipe.close()
        self.ends_at = time.monotonic() + EXIT_SECONDS

    def kill(self) -> None:
        """Kill it with its process group. If it runs a task with a timeout, also kill all its descendants."""
        if any(run.timeout for run in self.tasks.running):
            descendants.kill_all(self.pid)
        forks.kill_group(self.pid)
        self.dismiss()

    def has_ended(self) -> bool:
        """Reap the process, and return whether it has ended. Never wait.

        Kill a dismissed process that takes too long.
        """
        if time.monotonic() > self.ends_at:
            forks.kill_group(self.pid)
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        except ChildProcessError:
            return True


def fork_child(
    threads: int, others: Iterable[Child], close: Callable[[], None], *, alone: bool, limits: Limits
) -> Child:
    """Fork a new process. In it, `others` and `close` close the worker's ends of pipes and its sockets.

    The worker has one thread, and closes its database connections first, because neither survives a fork.
    """
    forks.close_connections()
    ours, its = pair()
    tasks = Assigned()
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        ours.close()
        for other in others:
            other.pipe.close()
        close()
        run_child(ProcessEnd(its), threads, tasks.set_begun, parent, alone=alone)
    its.close()
    if forks.leads_group(alone=alone):
        with contextlib.suppress(OSError):  # the process does so too: the first call counts
            os.setpgid(pid, pid)
    return Child(pid, ours, threads, alone, limits, tasks)
