"""The assignments of a process, and how many of them have started.

A process starts its runs in the order in which it got them, and counts them in memory that it shares with the worker.
So when it dies, the worker knows exactly which runs may have done something and which never started. The worker writes
there how far the process may go. So it can take back runs that have not started at once, even from a process that does
not answer.
"""

import mmap
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

from djbundle.tasks.store.claimed_run import Run

BEGUN, LAST = 0, 1  # counts of runs: started, written by the process; allowed to start, written by the worker
ALL = (1 << 64) - 1


class Given(NamedTuple):
    """A run in a process."""

    number: int  # ordinal of the run in this process
    run: Run
    at: float  # monotonic seconds


class Assigned:
    """The runs of a process that it has not yet reported as ended."""

    def __init__(self) -> None:
        self._shared = memoryview(mmap.mmap(-1, 16)).cast("Q")
        self._shared[LAST] = ALL
        self._fence = threading.Lock()
        self._given = 0  # count of all runs ever given
        self._runs: dict[int, Given] = {}  # by primary key

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return (given.run for given in self._runs.values())

    def __contains__(self, pk: int) -> bool:
        return pk in self._runs

    def add(self, runs: Iterable[Run]) -> None:
        now = time.monotonic()
        for run in runs:
            self._given += 1
            self._runs[run.pk] = Given(self._given, run, now)

    def remove(self, pk: int) -> Run | None:
        """Remove a run and return it, or None if it is not there."""
        given = self._runs.pop(pk, None)
        return given and given.run

    def set_begun(self, count: int) -> bool:
        """Record in the process, before a run starts, that `count` runs have started.

        Return False if this run must not start, because the worker has taken it back.
        """
        self._write(BEGUN, count)
        return count <= self._shared[LAST]

    def withdraw(self) -> list[Run]:
        """Take back the runs that have not started.

        A run that starts at this very moment stays here, and the process may have refused it.
        """
        self._write(LAST, self._shared[BEGUN])
        waiting = self.waiting
        for run in waiting:
            del self._runs[run.pk]
        return waiting

    def resume(self) -> None:
        """Let the process start all that it gets."""
        self._shared[LAST] = ALL

    def _write(self, index: int, value: int) -> None:
        """Write a count before any later read. Each side first writes its count, then reads that of the other side."""
        self._shared[index] = value
        with self._fence:  # a lock is a memory barrier for the processor
            pass

    @property
    def running(self) -> list[Run]:
        """The runs that have started, including those whose end is not yet reported."""
        begun = takewhile(lambda given: given.number <= self._shared[BEGUN], self._runs.values())  # oldest first
        return [given.run for given in begun]

    @property
    def waiting(self) -> list[Run]:
        """The runs that have not started."""
        begun = self._shared[BEGUN]
        return [given.run for given in self._runs.values() if given.number > begun]

    def has_waiting(self) -> bool:
        return self.count_waiting() > 0

    def count_waiting(self) -> int:
        newest = next(reversed(self._runs.values()), None)
        return max(0, newest.number - self._shared[BEGUN]) if newest else 0

    def waits_since(self) -> float:
        """Return when the first waiting run was given, in monotonic seconds; infinity if none waits."""
        begun = self._shared[BEGUN]
        return next((given.at for given in self._runs.values() if given.number > begun), float("inf"))
