"""Things to do now and then."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Periodic:
    """Something to do every `interval` seconds; the first time at once."""

    interval: float
    action: Callable[[], object]
    due: float = 0.0  # monotonic seconds

    @property
    def left(self) -> float:
        """Seconds until it is due."""
        return self.due - time.monotonic()

    def run(self) -> None:
        """Do it when it is due. It stays due when it raises."""
        if self.left <= 0:
            self.action()
            self.due = time.monotonic() + self.interval
