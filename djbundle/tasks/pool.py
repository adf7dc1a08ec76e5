"""The worker's side of the processes that run tasks."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from django.db import connections

from djbundle.tasks.assigned import Assigned
from djbundle.tasks.child import run_child
from djbundle.tasks.messages import RECALL, Answer, Cancel, Ended, Given, Progress, Returned
from djbundle.tasks.outcome import Outcome
from djbundle.tasks.recycling import Limits
from djbundle.tasks.runs import Run

AHEAD_SECONDS = 0.02  # of work that a process has waiting behind what it runs, so that it is never idle
AHEAD_MOST = 400  # tasks
REFILL = 0.5  # of these must be missing before more are claimed: each claim has its price
STUCK_SECONDS = 0.2  # a task that runs so long gets none behind it
FIRST_MEAN = 0.005  # seconds; what a task is taken for before any has run
SMOOTHING = 0.2  # weight of the newest run in the mean


@dataclass(frozen=True, slots=True)
class Heard:
    """What a process told."""

    outcomes: list[Outcome] = field(default_factory=list)
    returned: list[Run] = field(default_factory=list)  # that had not begun
    progress: list[Progress] = field(default_factory=list)


@dataclass
class Child:
    """One process, and what it has been given."""

    pid: int
    pipe: Connection
    threads: int
    alone: bool = False  # for one task at a time that may harm others: see Crew
    limits: Limits = field(default_factory=Limits)
    tasks: Assigned = field(default_factory=Assigned)
    began: float = 0.0  # when a task last started or ended, monotonic seconds
    mean: float = FIRST_MEAN  # seconds that a task takes, lately
    recalled: bool = False
    retired: bool = False  # gets no more tasks, and ends when it has finished its own
    done: int = 0  # tasks

    @property
    def room(self) -> int:
        """Tasks that it can be given now."""
        return int(min(self.space, self.limits.left(self.done + len(self.tasks))))

    @property
    def space(self) -> int:
        """The same, but for its limits."""
        if self.recalled or self.limits.memory or (self.tasks and time.monotonic() - self.began > STUCK_SECONDS):
            return max(0, self.threads - len(self.tasks))
        ahead = min(AHEAD_MOST, int(AHEAD_SECONDS / self.mean)) * self.threads
        space = self.threads + ahead - len(self.tasks)
        return space if space >= ahead * REFILL else 0

    def give(self, runs: list[Run]) -> None:
        if not self.tasks:
            self.began = time.monotonic()
        self.tasks.add(runs)
        with contextlib.suppress(OSError):  # it has died, which the worker will see
            self.pipe.send(Given([run.row for run in runs], runs[0].alias))

    def hear(self) -> Heard:
        """All that it has to tell by now; EOFError when it is gone and there is nothing more."""
        heard = Heard()
        try:
            self._take(self.pipe.recv(), heard)
        except OSError as error:
            raise EOFError from error
        with contextlib.suppress(EOFError, OSError):  # it will be seen the next time
            while self.pipe.poll():
                self._take(self.pipe.recv(), heard)
        return heard

    def _take(self, answer: Answer, heard: Heard) -> None:
        if isinstance(answer, Ended):
            outcomes = answer.outcomes
            self._count(len(outcomes), answer.seconds)
            for outcome in outcomes:
                self.tasks.remove(outcome.pk)
            heard.outcomes.extend(outcomes)
        elif isinstance(answer, Returned):
            self.recalled = False
            heard.returned.extend(run for pk in answer.pks if (run := self.tasks.remove(pk)))
        else:
            heard.progress.append(answer)

    def _count(self, ended: int, seconds: float) -> None:
        self.mean += min(1.0, SMOOTHING * ended) * (seconds / ended - self.mean)
        self.began = time.monotonic()
        self.done += ended

    def is_stuck(self) -> bool:
        """Whether tasks wait behind one that takes long."""
        return self.tasks.has_waiting() and not self.recalled and time.monotonic() - self.began > STUCK_SECONDS

    def recall(self) -> None:
        """Ask for what has not begun; `hear` will tell."""
        self.recalled = True
        with contextlib.suppress(OSError):
            self.pipe.send(RECALL)

    def cancel(self, pks: Iterable[int]) -> None:
        """Ask those of its tasks to stop."""
        if own := frozenset(pk for pk in pks if pk in self.tasks):
            with contextlib.suppress(OSError):
                self.pipe.send(Cancel(own))

    def is_spent(self) -> bool:
        """Whether it is to be given no more."""
        return self.limits.are_reached(self.done + len(self.tasks), self.pid)

    def overdue(self) -> bool:
        """Whether its task has taken longer than it may."""
        return any(run.timeout and time.monotonic() - self.began > run.timeout for run in self.tasks.running)

    def end(self) -> None:
        """It ends at once when it is idle; so does one that is killed."""
        self.pipe.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.end()


def fork_child(
    threads: int, others: Iterable[Child], close: Callable[[], None], *, alone: bool, limits: Limits
) -> Child:
    """A new process. `others` and `close` tell it what it must let go of: the worker's ends of pipes and sockets.

    The worker has one thread, and its connections to databases are closed before: neither survives a fork.
    """
    connections.close_all()
    ours, its = multiprocessing.Pipe()
    tasks = Assigned()
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        ours.close()
        for other in others:
            other.pipe.close()
        close()
        run_child(its, threads, tasks.set_begun, parent)
    its.close()
    return Child(pid, ours, threads, alone, limits, tasks)
