"""Things to do now and then."""

from collections.abc import Callable
from dataclasses import dataclass

from djbundle.tasks.clock import steady


@dataclass(slots=True)
class Periodic:
    """Something to do every `interval` seconds; the first time at once."""

    interval: float
    action: Callable[[], object]
    due: float = 0.0  # by a clock that goes on while the machine is suspended: leases end meanwhile

    @property
    def left(self) -> float:
        """Seconds until it is due."""
        return self.due - steady()

    def run(self) -> None:
        """Do it when it is due. It stays due when it raises."""
        if self.left <= 0:
            self.action()
            self.due = steady() + self.interval
