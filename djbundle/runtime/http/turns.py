"""Whose turn it is among the threads of a site: one answers after the other, as long as the one that answers computes.

Python runs one thread at a time anyway, and threads that take turns within a page, at each query, lose much time over
it. But nobody shall wait for a page that waits itself, for its database or for another server, nor long for one that
computes: then two answer at once.
"""

import threading
import time
from typing import NamedTuple

LOOK = 0.01  # seconds between looks at the one that answers; each stops it for a moment
IDLE = 0.0005  # seconds of the processor between two looks; who has had less waits for something
LONGEST = 0.05  # seconds to wait for those that compute


class Spent(NamedTuple):
    """Time of the processor that a thread has had, by its clock."""

    clock: int
    seconds: float

    def is_idle_since(self, before: "Spent") -> bool:
        return self.clock == before.clock and self.seconds - before.seconds < IDLE


class Turn:
    """Held by the thread that answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clock = time.CLOCK_MONOTONIC  # nobody's yet

    def take(self, timeout: float = 0.0) -> bool:
        taken = self._lock.acquire(timeout=timeout)
        if taken:
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        return taken

    def release(self) -> None:
        self._lock.release()

    def spent(self) -> Spent:
        """By the thread that has it now."""
        return Spent(self._clock, time.clock_gettime(self._clock))


class Turns:
    def __init__(self) -> None:
        self._last = Turn()  # the one to wait for
        self._line = threading.Lock()  # the first in it looks, all others sleep

    def take(self) -> Turn:
        """To be released behind the answer."""
        turn = self._last
        return turn if turn.take() else self._wait()

    def _wait(self) -> Turn:
        with self._line:
            turn, end = self._last, time.monotonic() + LONGEST
            before = turn.spent()
            while not turn.take(LOOK):
                spent = turn.spent()
                if spent.is_idle_since(before) or time.monotonic() > end:
                    self._last = turn = Turn()
                before = spent
            return turn
