"""Judges how a body arrives: by the bytes and parts received, not by what the client announces.

A part is an HTTP/1 chunk or an HTTP/2 frame. Granian passes on each by itself, and each costs the site about as much
time as a small request, even if it has one byte.
"""

import time

MIN_RATE = 1024  # bytes per second
MIN_PART = 32  # bytes, on average, in a body of more than MAX_SMALL_PARTS parts
MAX_SMALL_PARTS = 4096


class TransferRate:
    """The rate of one body. Times are monotonic seconds."""

    __slots__ = ("parts", "size", "size_at_start", "window_start")

    def __init__(self) -> None:
        self.window_start = time.monotonic()  # when the window began
        self.size = self.size_at_start = 0  # bytes received, now and when the window began
        self.parts = 0

    def add(self, size: int) -> None:
        """Note that a part of `size` bytes was received."""
        self.size += size
        self.parts += 1

    @property
    def is_fragmented(self) -> bool:
        """True if the body comes in too many parts that are too small."""
        return self.parts > MAX_SMALL_PARTS and self.size < MIN_PART * self.parts

    def is_too_slow(self, now: float, window: float) -> bool:
        """Return whether the body came too slowly in the window, if that has passed. Then begin the next window."""
        if now - self.window_start < window:
            return False
        is_slow = self.size - self.size_at_start < MIN_RATE * window
        self.window_start, self.size_at_start = now, self.size
        return is_slow
