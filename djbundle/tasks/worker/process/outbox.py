"""Reports of a process to the worker. The outcomes of quick tasks are sent together."""

import os
import threading
import time

from djbundle.tasks.store.outcome import Outcome
from djbundle.tasks.worker.pipe import ProcessEnd
from djbundle.tasks.worker.protocol import OutcomesMessage, ProcessMessage

FLUSH_SECONDS, FLUSH_COUNT = 0.005, 100  # the most that outcomes wait for others, while more tasks wait


class Outbox:
    """Sends reports, from any thread. With `is_batching`, outcomes may wait for others."""

    def __init__(self, pipe: ProcessEnd, *, is_batching: bool = True) -> None:
        self._pipe = pipe
        self._is_batching = is_batching
        self.is_ending = False  # the process ends anyway, and first does what was registered for its exit
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []
        self._seconds = 0.0  # sum of their durations
        self._oldest = 0.0  # when the first of them was added, monotonic seconds

    def add(self, outcome: Outcome, seconds: float, *, more: bool) -> None:
        """Send the outcome and its duration, or let it wait a moment for others if there are `more` to come."""
        with self._lock:
            if not self._outcomes:
                self._oldest = time.monotonic()
            self._outcomes.append(outcome)
            self._seconds += seconds
            if not (more and self._is_batching) or len(self._outcomes) >= FLUSH_COUNT:
                self._flush()

    def send(self, message: ProcessMessage) -> None:
        """Send the message at once, after all that came before it."""
        with self._lock:
            self._flush()
            self._send(message)

    def flush_late(self) -> bool:
        """Send outcomes that have waited long enough, and return whether any still wait.

        Call it every few milliseconds.
        """
        with self._lock:
            if self._outcomes and time.monotonic() - self._oldest >= FLUSH_SECONDS:
                self._flush()
            return bool(self._outcomes)

    def _flush(self) -> None:
        if self._outcomes:
            self._send(OutcomesMessage.of(self._outcomes, self._seconds))
            self._outcomes, self._seconds = [], 0.0

    def _send(self, message: ProcessMessage) -> None:
        """Send a message, or end this process: the worker is gone, or it will never hear of what ends here."""
        try:
            self._pipe.send(message)
        except OSError:
            if not self.is_ending:
                os._exit(1)
