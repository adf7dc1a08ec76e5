"""A process' way to tell the worker what happened; quick tasks are told of together."""

import contextlib
import threading
import time

from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.worker.pipe import ProcessEnd
from djbundle.tasks.worker.protocol import Answer, Ended

FLUSH_SECONDS, FLUSH_COUNT = 0.005, 100  # outcomes wait for others while more tasks wait, so long or so many at most


class Outbox:
    """May be used by all threads. `together`: outcomes may wait for others."""

    def __init__(self, pipe: ProcessEnd, *, together: bool = True) -> None:
        self._pipe = pipe
        self._together = together
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._seconds = 0.0  # that they took
        self._oldest = 0.0  # when the first of them was added, monotonic seconds

    def add(self, outcome: Outcome, seconds: float, *, more: bool) -> None:
        """Send it, with how long it took; or let it wait a moment for others, where there are `more` to come."""
        with self._lock:
            if not self._outcomes:
                self._oldest = time.monotonic()
            self._outcomes.append(outcome)
            self._seconds += seconds
            if not (more and self._together) or len(self._outcomes) >= FLUSH_COUNT:
                self._flush()

    def tell(self, answer: Answer) -> None:
        """At once, and after what came before."""
        with self._lock:
            self._flush()
            self._send(answer)

    def flush_late(self) -> bool:
        """Send what has waited long enough; whether anything still waits. To be called every few milliseconds."""
        with self._lock:
            if self._outcomes and time.monotonic() - self._oldest >= FLUSH_SECONDS:
                self._flush()
            return bool(self._outcomes)

    def _flush(self) -> None:
        if self._outcomes:
            self._send(Ended.of(self._outcomes, self._seconds))
            self._outcomes, self._seconds = [], 0.0

    def _send(self, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # the worker is gone, and so is this process in a moment
            self._pipe.send(answer)
