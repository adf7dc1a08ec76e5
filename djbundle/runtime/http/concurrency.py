"""Decides how many threads of a site answer at once: as few as keep the processor busy.

Python runs one thread at a time anyway, and threads that take turns within a page, at each query, lose much time. So
one thread answers request after request. But no request shall wait behind a page that itself waits for a database or
another server, nor long behind one that computes. Then another thread joins.
"""

import time
from collections.abc import Collection
from typing import Protocol

LOOK = 0.01  # seconds between checks of the threads
LONGEST = 0.05  # seconds that a request waits behind threads that compute
IDLE = 0.05  # of the time; a thread that uses the processor less is waiting for something
BUSY = 0.7  # of the time; if threads use the processor so much, more of them would not help


class Answering(Protocol):
    """A thread that answers a request."""

    begun: float  # when it began that request, monotonic seconds

    def used(self) -> float:
        """Return how many seconds it has computed in total."""
        ...


class Pace:
    """Decides how many threads may answer. `most` is the number of all threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.wanted = 1  # threads, not counting those with a long request, which hinder no other
        self.room = 1  # threads that may answer now
        self.is_slow = False  # some request takes long: it must be known whether others wait
        self._at = self._used = 0.0  # at the last look

    def begin(self, threads: Collection[Answering]) -> None:
        """Start a measurement. Call it some time before `look`."""
        self._at, self._used = time.monotonic(), _used_by(threads)

    def look(self, threads: Collection[Answering], answering: Collection[Answering], waiting: float) -> None:
        """Adjust the number of threads that may answer.

        `threads`: all that exist; `waiting`: seconds that the oldest request has waited, 0 if none waits.
        """
        before, used_before = self._at, self._used
        self.begin(threads)
        share = (self._used - used_before) / max(self._at - before, 1e-6)
        ages = [self._at - thread.begun for thread in answering]
        self.is_slow = any(age > LOOK for age in ages) or (bool(ages) and share < BUSY)
        if waiting and (share < IDLE or (share < BUSY and waiting > LONGEST)):
            self.wanted = min(self.wanted + 1, self.most)
        elif share >= BUSY:
            self.wanted = max(self.wanted - 1, 1)
        self.room = min(self.wanted + sum(age > LONGEST for age in ages), self.most)


def _used_by(threads: Collection[Answering]) -> float:
    return sum(thread.used() for thread in threads)
