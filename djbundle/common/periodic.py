"""Actions that repeat at an interval."""

import time
from collections.abc import Callable
from dataclasses import dataclass


def steady() -> float:
    """Return seconds of a clock that cannot be set, and that continues while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Periodic:
    """An action that runs every `interval` seconds; the first time at once."""

    interval: float
    action: Callable[[], object]
    due: float = 0.0  # on the clock of `steady`, because leases expire while a machine is suspended

    @property
    def left(self) -> float:
        """The seconds until the action is due."""
        return self.due - steady()

    def run(self) -> None:
        """Run the action if it is due. If it raises, it stays due."""
        if self.left <= 0:
            self.action()
            self.due = steady() + self.interval
