"""The worker's side of the processes that run tasks."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.worker import descendants, forks
from djbundle.tasks.worker.assignments import Assigned
from djbundle.tasks.worker.pipe import ProcessEnd, WorkerEnd, pair
from djbundle.tasks.worker.process_main import run_child
from djbundle.tasks.worker.protocol import RECALL, Answer, Cancel, Ended, Given, Progress, Returned
from djbundle.tasks.worker.recycling import Limits

AHEAD_SECONDS = 0.02  # of work that a process has waiting behind what it runs, so that it is never idle
AHEAD_MOST = 400  # tasks, for each thread
LESS_AHEAD, MORE_AHEAD = 1 / 8, 1.1  # what becomes of that when tasks have waited in vain, and with what ends well
REFILL = 0.5  # of these must be missing before more are claimed: each claim has its price
STUCK_SECONDS = 0.2  # a task that runs so long gets none behind it, and none waits longer for one
START_SECONDS = 5.0  # the same where it runs nothing at all: it has just been made, or the machine is busy
MOST_VAIN = 4  # times in a row that it may have begun nothing in that time
ANSWER_SECONDS = 30.0  # that a process which runs nothing has to answer
BLOCKED_SECONDS = 1.0  # that a process gets nothing, after tasks have waited in it in vain
LOOK_SECONDS = 5.0  # between looks whether a process was stopped
STOPPED_SECONDS = 30.0  # that it may be
STOPPED = "T"  # see proc_pid_stat(5)
EXIT_SECONDS = 5.0  # that a process has to end by itself, for what runs at its exit
FIRST_MEAN = 0.005  # seconds; what a task is taken for before any has run
SMOOTHING = 0.2  # weight of the newest run in the mean


@dataclass(frozen=True, slots=True)
class Heard:
    """What a process told."""

    outcomes: list[Outcome] = field(default_factory=list)
    unbegun: list[Run] = field(default_factory=list)  # that it gives back
    progress: list[Progress] = field(default_factory=list)


@dataclass
class Child:
    """One process, and what it has been given."""

    pid: int
    pipe: WorkerEnd
    threads: int
    alone: bool = False  # for one task at a time that may harm others: see Crew
    limits: Limits = field(default_factory=Limits)
    tasks: Assigned = field(default_factory=Assigned)
    began: float = 0.0  # when a task last started or ended, monotonic seconds
    mean: float = FIRST_MEAN  # seconds that a task takes, lately
    most_ahead: float = AHEAD_MOST
    recalled: bool = False
    recalled_at: float = 0.0  # monotonic seconds
    vain: int = 0  # recalls in a row while it ran nothing
    blocked_until: float = 0.0  # monotonic seconds
    retired: bool = False  # gets no more tasks, and ends when it has finished its own
    done: int = 0  # tasks
    ends_at: float = 0.0  # when it is killed if it has not ended, monotonic seconds
    next_look: float = 0.0  # whether it was stopped, monotonic seconds
    stopped_since: float | None = None

    @property
    def room(self) -> int:
        """Tasks that it can be given now."""
        return int(min(self.space, self.limits.left(self.done + len(self.tasks))))

    @property
    def space(self) -> int:
        """The same, but for its limits."""
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
        """All that it has to tell by now; EOFError when it is gone and there is nothing more."""
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
            if self.alone and descendants.has_children(self.pid):  # which must not end with a later task
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
        """Whether tasks wait behind some that take long: longer than was thought when they were given."""
        now = time.monotonic()
        waiting = self.tasks.count_waiting()
        longest = STUCK_SECONDS if waiting < len(self.tasks) else START_SECONDS
        if self.recalled or now - self.tasks.waits_since() < longest:
            return False
        left = waiting * self.mean / self.threads
        return left > 2 * AHEAD_SECONDS or now - self.began > STUCK_SECONDS

    def recall(self) -> list[Run]:
        """Take back what has not begun. It gets nothing new until it has answered."""
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
        """Whether it runs nothing, and begins nothing of what it gets, or does not answer: its threads have ended, or
        wait for something for ever. No task is to blame.
        """
        is_mute = self.recalled and time.monotonic() - self.recalled_at > ANSWER_SECONDS
        return (is_mute or self.vain >= MOST_VAIN) and not self.tasks.running

    def cancel(self, pks: Iterable[int]) -> None:
        """Ask those of its tasks to stop."""
        if own := frozenset(pk for pk in pks if pk in self.tasks):
            self.pipe.send(Cancel(own))

    def is_spent(self) -> bool:
        """Whether it is to be given no more."""
        return self.limits.are_reached(self.done + len(self.tasks), self.pid)

    def is_stopped(self) -> bool:
        """Whether it has been stopped, as SIGSTOP does, for so long that nobody will have it go on."""
        now = time.monotonic()
        if now < self.next_look:
            return False
        self.next_look = now + LOOK_SECONDS
        if state_of(self.pid) != STOPPED:
            self.stopped_since = None
            return False
        self.stopped_since = self.stopped_since or now
        return now - self.stopped_since >= STOPPED_SECONDS

    def overdue(self) -> bool:
        """Whether its task has taken longer than it may."""
        return any(run.timeout and time.monotonic() - self.began > run.timeout for run in self.tasks.running)

    def dismiss(self) -> None:
        """It ends when it is idle; see `has_ended`."""
        self.pipe.close()
        self.ends_at = time.monotonic() + EXIT_SECONDS

    def kill(self) -> None:
        """With its group; where it runs a task with a timeout, with all processes that this has started."""
        if any(run.timeout for run in self.tasks.running):
            descendants.kill_all(self.pid)
        forks.kill_group(self.pid)
        self.dismiss()

    def has_ended(self) -> bool:
        """Never waits for it; one that has been dismissed and takes too long is killed."""
        if time.monotonic() > self.ends_at:
            forks.kill_group(self.pid)
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        except ChildProcessError:
            return True


def state_of(pid: int) -> str:
    """The letter that the kernel has for it; "" of one that is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def fork_child(
    threads: int, others: Iterable[Child], close: Callable[[], None], *, alone: bool, limits: Limits
) -> Child:
    """A new process. `others` and `close` tell it what it must let go of: the worker's ends of pipes and sockets.

    The worker has one thread, and its connections to databases are closed before: neither survives a fork.
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
        with contextlib.suppress(OSError):  # the process says so too: whoever is first
            os.setpgid(pid, pid)
    return Child(pid, ours, threads, alone, limits, tasks)
