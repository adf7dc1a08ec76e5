"""Judges how fast a body arrives: by the bytes received in a time window, not by what the client announces."""

import time

SLOWEST = 1024  # bytes per second


class Rate:
    """The rate of one body. Times are monotonic seconds."""

    __slots__ = ("begun", "size", "size_before")

    def __init__(self) -> None:
        self.begun = time.monotonic()  # when the window began
        self.size = self.size_before = 0  # bytes received, now and when the window began

    def is_too_slow(self, now: float, window: float) -> bool:
        """Return whether the body came too slowly in the window, if that has passed. Then begin the next window."""
        if now - self.begun < window:
            return False
        is_slow = self.size - self.size_before < SLOWEST * window
        self.begun, self.size_before = now, self.size
        return is_slow
