"""Whether a process still does anything: it writes the time into memory that it shares with its parent."""

import mmap
import time

BEAT = 1.0  # seconds
LOOK = 1.0  # seconds between two looks at it


class Heart:
    """To be made before the fork. A process that does not beat for `limit` seconds hangs; 0: nobody cares."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._beaten = memoryview(mmap.mmap(-1, 8)).cast("d")  # monotonic seconds

    def beat(self) -> None:
        self._beaten[0] = time.monotonic()

    def is_silent(self, since: float) -> bool:
        """Whether it has not beaten for too long. `since`: when its process was started, or could run again."""
        return 0 < self._limit < time.monotonic() - max(self._beaten[0], since)
