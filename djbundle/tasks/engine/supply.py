"""Decides how many tasks the broker gets, and how many of them one message carries.

The model of ci/model uses these rules too, with the clock of its simulation. So nothing here needs Django.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

FULL_INTERVAL = 0.02  # seconds between searches for tasks while the broker has enough
MIN_WINDOW, MAX_WINDOW = 64, 20_000  # tasks that are in the broker, and not yet in a worker
SUPPLY_SECONDS = 1.0  # the broker gets the tasks that workers claim in this time
CHUNK_SECONDS = 0.01  # seconds of work, of all workers together, that one message carries
SLOW_CHUNK_SECONDS = 0.1  # for SQS, where each message costs money and takes ten times as long
SLOW_MESSAGES = 16  # that are sent to SQS at once, about; also while the rate is not known yet
MAX_CHUNK = 100  # tasks
SMOOTHING = 0.3  # weight of the newest measurement of the rate


@dataclass
class Supply:
    """Decides how many tasks of a queue the broker should have: about as many as workers claim in SUPPLY_SECONDS."""

    clock: Callable[[], float] = time.monotonic
    rate: float = 0.0  # tasks per second that workers claim, smoothed
    window: int = MIN_WINDOW  # tasks that the broker should have at most
    sent: int = 0  # tasks, since the last measurement
    left: int = 0  # tasks that the broker had at the last measurement
    measured_at: float = field(init=False)
    relays: int = 1  # that send to this queue: each is assumed to send as much as this one

    def __post_init__(self) -> None:
        self.measured_at = self.clock()

    def measure(self, left: int) -> None:
        """Note that the broker has `left` tasks."""
        seconds = self.clock() - self.measured_at
        if seconds >= FULL_INTERVAL / 2:
            self._measure(left, seconds)

    @property
    def room(self) -> int:
        """The number of tasks that the broker should get, in addition to those that it has."""
        return self.window - self.left - self.sent

    def _measure(self, left: int, seconds: float) -> None:
        claimed = max(0, self.left + self.sent * self.relays - left)
        self.rate += SMOOTHING * (claimed / seconds - self.rate)
        if left < self.window // 4 and claimed:  # workers may have waited
            self.window = min(MAX_WINDOW, 2 * self.window)
        else:
            self.window = window_for(self.rate, self.window)
        self.sent, self.left, self.measured_at = 0, left, self.clock()


def window_for(rate: float, limit: int = MAX_WINDOW) -> int:
    """Return how many tasks the broker should have at most, if workers claim `rate` tasks per second."""
    return max(MIN_WINDOW, min(limit, int(2 * rate * SUPPLY_SECONDS)))


def keys_in_message(rate: float, count: int, *, is_slow: bool) -> int:
    """Return how many of `count` tasks one message carries: fewer if workers take long for each."""
    seconds, least = (SLOW_CHUNK_SECONDS, count // SLOW_MESSAGES) if is_slow else (CHUNK_SECONDS, 1)
    return max(1, min(MAX_CHUNK, max(least, int(rate * seconds))))
