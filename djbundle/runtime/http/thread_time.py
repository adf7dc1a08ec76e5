"""Measures how long a thread has computed."""

import contextlib
import os
import threading
import time
from io import FileIO


class ThreadTime:
    """The computing time of the thread that creates this object."""

    def __init__(self) -> None:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._schedule: FileIO | None = None
        with contextlib.suppress(OSError):  # no /proc, or a kernel without these statistics
            self._schedule = FileIO("/proc/thread-self/schedstat")

    def close(self) -> None:
        """Close the file. Do not call `seconds` afterwards."""
        if self._schedule:
            self._schedule.close()

    def seconds(self) -> float:
        """Return the seconds on the processor and waiting for it, so that other programs make no difference."""
        return time.clock_gettime(self._clock) + self._delay()

    def _delay(self) -> float:
        if self._schedule is None:
            return 0.0
        _on_processor, delay, _times = os.pread(self._schedule.fileno(), 64, 0).split()  # nanoseconds
        return int(delay) / 1e9
