"""Decides how many threads of a site answer at once: as few as keep the processor busy.

Python runs one thread at a time anyway, and threads that take turns within a page, at each query, lose much time. So
one thread answers request after request. But no request must wait behind a page that itself waits for a database or
another server, nor long behind one that computes. Then another thread joins.
"""

import time
from collections.abc import Collection
from typing import Protocol

CHECK_INTERVAL = 0.01  # seconds between checks of the threads
MAX_WAIT = 0.05  # seconds that a request waits behind threads that compute
IDLE_SHARE = 0.05  # of the time; a thread that uses the processor less is waiting for something
BUSY_SHARE = 0.7  # of the time; if threads use the processor so much, more of them would not help


class WorkerThread(Protocol):
    """A thread that answers a request."""

    started_at: float  # when it began that request, monotonic seconds

    def computing_time(self) -> float:
        """Return how many seconds it has computed in total."""
        ...


class ConcurrencyController:
    """Decides how many threads may answer. `max_threads` is the number of all threads."""

    def __init__(self, max_threads: int) -> None:
        self.max_threads = max_threads
        self.target = 1  # threads, not counting those with a long request, which hinder no other
        self.limit = 1  # threads that may answer now
        self.has_slow_request = False  # some request takes long: it must be known whether others wait
        self._measured_at = self._computing_time = 0.0  # at the last check

    def start_measurement(self, threads: Collection[WorkerThread]) -> None:
        """Start a measurement. Call it some time before `adjust`."""
        self._measured_at, self._computing_time = time.monotonic(), _total_computing_time(threads)

    def adjust(self, threads: Collection[WorkerThread], busy: Collection[WorkerThread], waiting: float) -> None:
        """Adjust the number of threads that may answer.

        `threads`: all that exist; `waiting`: seconds that the oldest request has waited, 0 if none waits.
        """
        before, used_before = self._measured_at, self._computing_time
        self.start_measurement(threads)
        share = (self._computing_time - used_before) / max(self._measured_at - before, 1e-6)
        ages = [self._measured_at - thread.started_at for thread in busy]
        self.has_slow_request = any(age > CHECK_INTERVAL for age in ages) or (bool(ages) and share < BUSY_SHARE)
        if waiting and (share < IDLE_SHARE or (share < BUSY_SHARE and waiting > MAX_WAIT)):
            self.target = min(self.target + 1, self.max_threads)
        elif share >= BUSY_SHARE:
            self.target = max(self.target - 1, 1)
        self.limit = min(self.target + sum(age > MAX_WAIT for age in ages), self.max_threads)


def _total_computing_time(threads: Collection[WorkerThread]) -> float:
    return sum(thread.computing_time() for thread in threads)
