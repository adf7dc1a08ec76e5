"""Things to do now and then."""

import time
from collections.abc import Callable
from dataclasses import dataclass


def steady() -> float:
    """Seconds that nobody sets; they pass while the machine is suspended too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Periodic:
    """Something to do every `interval` seconds; the first time at once."""

    interval: float
    action: Callable[[], object]
    due: float = 0.0  # `steady` then: leases end while a machine is suspended

    @property
    def left(self) -> float:
        """Seconds until it is due."""
        return self.due - steady()

    def run(self) -> None:
        """Do it when it is due. It stays due when it raises."""
        if self.left <= 0:
            self.action()
            self.due = steady() + self.interval
