"""An alarm in the main thread of the process that keeps certificates: nothing can block the process for ever.

Time limits of single reads are not enough: an authority may send a byte now and then, to each of a hundred requests. An
alarm interrupts whatever is in progress.
"""

import contextlib
import math
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Self

from djbundle.runtime.process.heartbeat import BEAT_INTERVAL, Heartbeat
from djbundle.runtime.tls.exchange import AcmeError


class Alarm:
    """A context manager that rings each second: it beats `heartbeat`, and interrupts what exceeds its limit."""

    def __init__(self, heartbeat: Heartbeat | None = None) -> None:
        self._heartbeat = heartbeat
        self._end, self._seconds = math.inf, 0.0

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, BEAT_INTERVAL, BEAT_INTERVAL)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Raise AcmeError in the block when it takes longer. If code swallows the exception, it is raised again."""
        self._end, self._seconds = time.monotonic() + seconds, seconds
        try:
            yield
        finally:
            self._end = math.inf

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self._heartbeat:
            self._heartbeat.beat()
        if time.monotonic() > self._end:
            raise AcmeError(f"the authority was not done after {self._seconds:.0f} s", unreachable=True)
