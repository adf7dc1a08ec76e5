"""The assignments of a process, and how many of them have started.

A process starts its runs in the order in which it got them, and counts them in memory that it shares with the worker.
So when it dies, the worker knows exactly which runs may have done something and which never started. The worker writes
there how many runs the process may start. So it can take back runs that have not started at once, even from a process
that does not answer.
"""

import mmap
import os
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple, Self

from djbundle.tasks.store.claimed_run import Run

STARTED, ALLOWED = 0, 1  # counts of runs: started, written by the process; allowed to start, written by the worker
ALL = (1 << 64) - 1
SIZE = 16  # bytes of both


class Assignment(NamedTuple):
    """A run in a process."""

    number: int  # ordinal of the run in this process
    run: Run
    assigned_at: float  # monotonic seconds


class Assignments:
    """The runs of a process that it has not yet reported as ended."""

    def __init__(self, *, has_file: bool = False) -> None:
        """Make the shared memory. With `has_file`, it is a file that survives an exec."""
        self.file = os.memfd_create("djbundle-runs") if has_file else None
        if self.file is not None:
            os.ftruncate(self.file, SIZE)
        self._map(self.file)
        self._shared[ALLOWED] = ALL
        self._fence = threading.Lock()
        self._total = 0  # count of all runs ever assigned
        self._runs: dict[int, Assignment] = {}  # by primary key

    @classmethod
    def inherited(cls, file: int) -> Self:
        """Return the assignments of this process, whose memory the worker has made."""
        own = cls()
        own._map(file)
        os.close(file)
        return own

    def close_file(self) -> None:
        """Close the file in the worker. The memory stays."""
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def _map(self, file: int | None) -> None:
        self._shared = memoryview(mmap.mmap(-1 if file is None else file, SIZE)).cast("Q")

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return (assignment.run for assignment in self._runs.values())

    def __contains__(self, pk: int) -> bool:
        return pk in self._runs

    def add(self, runs: Iterable[Run]) -> None:
        now = time.monotonic()
        for run in runs:
            self._total += 1
            self._runs[run.pk] = Assignment(self._total, run, now)

    def remove(self, pk: int) -> Run | None:
        """Remove a run and return it, or None if it is not there."""
        assignment = self._runs.pop(pk, None)
        return assignment and assignment.run

    def set_started(self, count: int) -> bool:
        """Record in the process, before a run starts, that `count` runs have started.

        Return False if this run must not start, because the worker has taken it back.
        """
        self._write(STARTED, count)
        return count <= self._shared[ALLOWED]

    def withdraw(self) -> list[Run]:
        """Take back the runs that have not started.

        A run that starts at this very moment stays here, and the process may have refused it.
        """
        self._write(ALLOWED, self._shared[STARTED])
        waiting = self.waiting
        for run in waiting:
            del self._runs[run.pk]
        return waiting

    def resume(self) -> None:
        """Let the process start all that it gets."""
        self._shared[ALLOWED] = ALL

    def _write(self, index: int, value: int) -> None:
        """Write a count before any later read. Each side first writes its count, then reads that of the other side."""
        self._shared[index] = value
        with self._fence:  # a lock is a memory barrier for the processor
            pass

    @property
    def running(self) -> list[Run]:
        """The runs that have started, including those whose end is not yet reported."""
        started = takewhile(
            lambda assignment: assignment.number <= self._shared[STARTED], self._runs.values()
        )  # oldest first
        return [assignment.run for assignment in started]

    @property
    def waiting(self) -> list[Run]:
        """The runs that have not started."""
        started = self._shared[STARTED]
        return [assignment.run for assignment in self._runs.values() if assignment.number > started]

    def has_waiting(self) -> bool:
        return self.count_waiting() > 0

    def count_waiting(self) -> int:
        newest = next(reversed(self._runs.values()), None)
        return max(0, newest.number - self._shared[STARTED]) if newest else 0

    def waiting_since(self) -> float:
        """Return when the first waiting run was assigned, in monotonic seconds; infinity if none waits."""
        started = self._shared[STARTED]
        return next(
            (assignment.assigned_at for assignment in self._runs.values() if assignment.number > started), float("inf")
        )
