"""The parts of a simulated system: processors that are shared, and backlogs of tasks."""

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, None]  # what a process of SimPy yields


@dataclass(frozen=True)
class Parcel:
    """Tasks that move together."""

    count: int
    born: float  # simulated seconds, when they were committed


class Processor:
    """A machine, or a thread that nothing else may use: `cores` requests are served at once, in their order."""

    def __init__(self, env: simpy.Environment, cores: int) -> None:
        self.env, self.cores = env, cores
        self.busy_seconds = 0.0  # of all cores
        self._resource = simpy.Resource(env, cores)

    def work(self, seconds: float) -> Steps:
        """Use one core for so long."""
        if seconds <= 0:
            return
        with self._resource.request() as turn:
            yield turn
            yield self.env.timeout(seconds)
        self.busy_seconds += seconds

    def busy_share(self, seconds: float) -> float:
        """Return the share of these seconds in which its cores worked."""
        return self.busy_seconds / seconds / self.cores if seconds else 0.0


class Backlog:
    """Tasks that wait, the oldest first."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._parcels: deque[Parcel] = deque()
        self._waiting: list[simpy.Event] = []
        self.size = 0  # tasks

    def put(self, *parcels: Parcel) -> None:
        """Add tasks, and wake who waits for some."""
        self._parcels.extend(parcels)
        self.size += count_of(parcels)
        self.wake()

    def wake(self) -> None:
        """Wake who waits, though there may be no task: something else has changed."""
        woken, self._waiting = self._waiting, []
        for event in woken:
            event.succeed()

    def take(self, limit: int) -> list[Parcel]:
        """Return up to `limit` tasks, and remove them. A parcel is split if it has more."""
        taken: list[Parcel] = []
        while limit > 0 and self._parcels:
            parcel = self._parcels.popleft()
            if parcel.count > limit:
                self._parcels.appendleft(Parcel(parcel.count - limit, parcel.born))
                parcel = Parcel(limit, parcel.born)
            taken.append(parcel)
            limit -= parcel.count
            self.size -= parcel.count
        return taken

    def changed(self) -> simpy.Event:
        """Return an event: the next time that something is added, or `wake` is called."""
        event = self._env.event()
        self._waiting.append(event)
        return event


def count_of(parcels: list[Parcel] | tuple[Parcel, ...]) -> int:
    """Return the number of tasks."""
    return sum(parcel.count for parcel in parcels)
