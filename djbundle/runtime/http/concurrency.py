"""How many threads of a site answer at once: as few as keep the processor busy.

Python runs one thread at a time anyway, and threads that take turns within a page, at each query, lose much time over
it. So one thread answers request after request. But nobody shall wait for a page that waits itself, for its database
or for another server, nor long for one that computes: then another thread joins.
"""

import time
from collections.abc import Collection
from typing import Protocol

LOOK = 0.01  # seconds between looks at the threads
LONGEST = 0.05  # seconds that a request waits for those that compute
IDLE = 0.05  # of the time; threads that use less of the processor wait for something
BUSY = 0.7  # of the time; where they use as much, more of them would not help


class Answering(Protocol):
    """A thread that answers a request."""

    begun: float  # when it began with that, monotonic seconds

    def used(self) -> float:
        """Seconds in which it computed, ever."""
        ...


class Pace:
    """`most`: how many threads there are."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.wanted = 1  # threads, but for those whose request takes long: they hinder nobody
        self.room = 1  # threads that may answer now
        self.is_slow = False  # some request is not answered at once: it shall be known whether others wait
        self._at = self._used = 0.0  # at the look before

    def begin(self, threads: Collection[Answering]) -> None:
        """To be called some time before `look`."""
        self._at, self._used = time.monotonic(), _used_by(threads)

    def look(self, threads: Collection[Answering], answering: Collection[Answering], waiting: float) -> None:
        """`threads`: all there are; `waiting`: seconds that the oldest request has waited, 0 where there is none."""
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
