"""The journal of a simulation: the tasks that came, began and ended, and the time that each waited."""

from collections import Counter
from dataclasses import dataclass, field

PRECISION = 4  # digits of a second: start latencies are counted in tenths of a millisecond


@dataclass
class Journal:
    """Counts of tasks. Times are simulated seconds."""

    counted_from: float = 0.0  # tasks that were committed earlier count for no latency
    arrived: int = 0
    started: int = 0
    ended: int = 0
    last_end: float = 0.0
    latencies: Counter[float] = field(default_factory=Counter)  # tasks, by the seconds from commit to start
    sojourn_seconds: float = 0.0  # of all tasks, from commit to recorded end
    task_seconds: float = 0.0  # integral of the tasks in the system over time
    _changed_at: float = 0.0

    @property
    def in_system(self) -> int:
        """The tasks that have come and have not ended."""
        return self.arrived - self.ended

    def arrive(self, now: float, count: int) -> None:
        """Count tasks that are committed."""
        self._advance(now)
        self.arrived += count

    def start(self, now: float, count: int, born: float) -> None:
        """Count tasks that begin, `now` in the mean."""
        self.started += count
        if born >= self.counted_from:
            self.latencies[round(now - born, PRECISION)] += count

    def end(self, now: float, count: int, born: float) -> None:
        """Count tasks whose end is recorded."""
        self._advance(now)
        self.ended += count
        self.sojourn_seconds += count * (now - born)
        self.last_end = now

    def percentile(self, share: float) -> float:
        """Return the seconds from commit to start that this share of the tasks did not exceed."""
        left = share * self.latencies.total()
        for seconds, count in sorted(self.latencies.items()):
            left -= count
            if left <= 0:
                return seconds
        return float("inf")  # nothing has begun

    def _advance(self, now: float) -> None:
        self.task_seconds += self.in_system * (now - self._changed_at)
        self._changed_at = now
