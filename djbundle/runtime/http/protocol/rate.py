"""Judges how fast a body arrives: by the bytes received in a time window, not by what the client announces."""

import time

MIN_RATE = 1024  # bytes per second


class TransferRate:
    """The rate of one body. Times are monotonic seconds."""

    __slots__ = ("size", "size_at_start", "window_start")

    def __init__(self) -> None:
        self.window_start = time.monotonic()  # when the window began
        self.size = self.size_at_start = 0  # bytes received, now and when the window began

    def is_too_slow(self, now: float, window: float) -> bool:
        """Return whether the body came too slowly in the window, if that has passed. Then begin the next window."""
        if now - self.window_start < window:
            return False
        is_slow = self.size - self.size_at_start < MIN_RATE * window
        self.window_start, self.size_at_start = now, self.size
        return is_slow
