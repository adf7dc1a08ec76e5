"""How quickly a body comes: judged by the bytes that have come in a window of time, not by what a client announces."""

import time

SLOWEST = 1024  # bytes per second


class Rate:
    """Of one body. Times are monotonic seconds."""

    __slots__ = ("begun", "size", "size_before")

    def __init__(self) -> None:
        self.begun = time.monotonic()  # of the window
        self.size = self.size_before = 0  # bytes that have come, now and when the window began

    def is_too_slow(self, now: float, window: float) -> bool:
        """Judge the window if it has passed, and begin the next."""
        if now - self.begun < window:
            return False
        is_slow = self.size - self.size_before < SLOWEST * window
        self.begun, self.size_before = now, self.size
        return is_slow
