"""What a process has been given, and how much of it has begun.

A process begins its runs in the order in which it got them, and says how far it is in memory that it shares with the
worker. So when it dies, the worker knows exactly which runs may have done something, and which never began.
"""

import mmap
from collections.abc import Iterable, Iterator
from itertools import takewhile

from djbundle.tasks.runs import Run


class Assigned:
    """The runs of a process that it has not yet told the end of."""

    def __init__(self) -> None:
        self._begun = memoryview(mmap.mmap(-1, 8)).cast("Q")  # runs, ever; written by the process
        self._given = 0  # runs, ever
        self._runs: dict[int, tuple[int, Run]] = {}  # by primary key: the how manyeth it was

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return (run for _, run in self._runs.values())

    def __contains__(self, pk: int) -> bool:
        return pk in self._runs

    def add(self, runs: Iterable[Run]) -> None:
        for run in runs:
            self._given += 1
            self._runs[run.pk] = self._given, run

    def remove(self, pk: int) -> Run | None:
        """None for one that is not there."""
        return self._runs.pop(pk, (0, None))[1]

    def set_begun(self, count: int) -> None:
        """To be called in the process, before a run begins."""
        self._begun[0] = count

    @property
    def running(self) -> list[Run]:
        """Those that have begun; an end that was not told is none."""
        begun = takewhile(lambda given: given[0] <= self._begun[0], self._runs.values())  # in the order of giving
        return [run for _, run in begun]

    @property
    def waiting(self) -> list[Run]:
        """Those that have not."""
        return [run for number, run in self._runs.values() if number > self._begun[0]]

    def has_waiting(self) -> bool:
        number, _ = next(reversed(self._runs.values()), (0, None))
        return number > self._begun[0]
