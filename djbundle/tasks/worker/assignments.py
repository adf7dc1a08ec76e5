"""What a process has been given, and how much of it has begun.

A process begins its runs in the order in which it got them, and says how far it is in memory that it shares with the
worker. So when it dies, the worker knows exactly which runs may have done something, and which never began. The worker
says there how far the process may go: so it takes back what has not begun at once, even from a process that does not
answer.
"""

import mmap
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

from djbundle.tasks.store.claimed_run import Run

BEGUN, LAST = 0, 1  # runs, ever: that have begun, written by the process; that may begin, written by the worker
ALL = (1 << 64) - 1


class Given(NamedTuple):
    """A run in a process."""

    number: int  # the how manyeth it was
    run: Run
    at: float  # monotonic seconds


class Assigned:
    """The runs of a process that it has not yet told the end of."""

    def __init__(self) -> None:
        self._shared = memoryview(mmap.mmap(-1, 16)).cast("Q")
        self._shared[LAST] = ALL
        self._fence = threading.Lock()
        self._given = 0  # runs, ever
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
        """None for one that is not there."""
        given = self._runs.pop(pk, None)
        return given and given.run

    def set_begun(self, count: int) -> bool:
        """To be called in the process, before a run begins; False when it may not, as the worker has taken it back."""
        self._write(BEGUN, count)
        return count <= self._shared[LAST]

    def withdraw(self) -> list[Run]:
        """Take back what has not begun. What begins at this very moment stays, and the process may have refused it."""
        self._write(LAST, self._shared[BEGUN])
        waiting = self.waiting
        for run in waiting:
            del self._runs[run.pk]
        return waiting

    def resume(self) -> None:
        """The process may begin all that it gets."""
        self._shared[LAST] = ALL

    def _write(self, index: int, value: int) -> None:
        """Before anything is read afterwards: each side writes, and then reads what the other one has written."""
        self._shared[index] = value
        with self._fence:  # which the processor does not reorder
            pass

    @property
    def running(self) -> list[Run]:
        """Those that have begun; an end that was not told is none."""
        begun = takewhile(lambda given: given.number <= self._shared[BEGUN], self._runs.values())  # in order of giving
        return [given.run for given in begun]

    @property
    def waiting(self) -> list[Run]:
        """Those that have not."""
        begun = self._shared[BEGUN]
        return [given.run for given in self._runs.values() if given.number > begun]

    def has_waiting(self) -> bool:
        return self.count_waiting() > 0

    def count_waiting(self) -> int:
        newest = next(reversed(self._runs.values()), None)
        return max(0, newest.number - self._shared[BEGUN]) if newest else 0

    def waits_since(self) -> float:
        """When the first of those that wait was given, monotonic seconds; infinity: none waits."""
        begun = self._shared[BEGUN]
        return next((given.at for given in self._runs.values() if given.number > begun), float("inf"))
