"""The supply of a relay, the tasks that it keeps in the broker: by the rules of djbundle/tasks/engine/relay.py.

That class reads the clock of the machine, and this one that of the simulation. tests/model compares their numbers.
"""

from dataclasses import dataclass

BATCH = 500  # tasks marked in one transaction
FULL_INTERVAL = 0.02  # seconds between looks while the broker has enough
MIN_WINDOW, MAX_WINDOW = 64, 20_000  # tasks that the broker has, and no worker yet
SUPPLY_SECONDS = 1.0
CHUNK_SECONDS = 0.01
MAX_CHUNK = 100  # tasks in a message
SMOOTHING = 0.3


@dataclass
class Supply:
    """The state of one relay. Times are simulated seconds."""

    rate: float = 0.0  # tasks per second that workers claim, smoothed
    window: int = MIN_WINDOW
    sent: int = 0  # tasks, since the last measurement
    left: int = 0  # tasks that the broker had then
    measured_at: float = 0.0

    @classmethod
    def settled(cls, rate: float) -> "Supply":
        """Return the state of a relay whose tasks workers have claimed at this rate for a while."""
        return cls(rate, max(MIN_WINDOW, min(MAX_WINDOW, int(2 * rate * SUPPLY_SECONDS))))

    @property
    def chunk(self) -> int:
        """The most keys that a message has."""
        return max(1, min(MAX_CHUNK, int(self.rate * CHUNK_SECONDS)))

    def measure(self, left: int, now: float) -> None:
        """Note that the broker has `left` tasks."""
        if now - self.measured_at >= FULL_INTERVAL / 2:
            self._measure(left, now)

    @property
    def room(self) -> int:
        """The number of tasks that the broker should get, in addition to those that it has."""
        return self.window - self.left - self.sent

    def _measure(self, left: int, now: float) -> None:
        claimed = max(0, self.left + self.sent - left)
        self.rate += SMOOTHING * (claimed / (now - self.measured_at) - self.rate)
        if left < self.window // 4 and claimed:
            self.window = min(MAX_WINDOW, 2 * self.window)
        else:
            self.window = max(MIN_WINDOW, min(self.window, int(2 * self.rate * SUPPLY_SECONDS)))
        self.sent, self.left, self.measured_at = 0, left, now
