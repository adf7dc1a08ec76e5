"""Measures calls: the CPU of this process, the CPU of a server, and what is left of the time."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ci.model.costs import Cost, Share


@dataclass(frozen=True)
class Seconds:
    """The time that one call took."""

    client: float = 0.0
    server: float = 0.0
    wait: float = 0.0

    def __truediv__(self, count: int) -> "Seconds":
        return Seconds(self.client / count, self.server / count, self.wait / count)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds of all threads of these processes so far; a process that has ended counts nothing."""
    nanoseconds = 0
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                nanoseconds += int(file.read_text().split()[0])
            except OSError:  # it has just ended
                continue
    return nanoseconds / 1e9


def timed(calls: Sequence[Callable[[], object]], server: Callable[[], Iterable[int]]) -> Seconds:
    """Return the means of these calls. `server` returns the processes of the server."""
    served, used, began = cpu_seconds(server()), time.process_time(), time.perf_counter()
    for call in calls:
        call()
    wall, client = time.perf_counter() - began, time.process_time() - used
    served = cpu_seconds(server()) - served
    wait = max(0.0, wall - client - served)
    return Seconds(client / len(calls), served / len(calls), wait / len(calls))


def best(rounds: Sequence[Seconds]) -> Seconds:
    """Return the least of each part: what else runs on the machine can only make a call slower.

    For the server it is the median, since it may end the work of one call during the next.
    """
    client, wait = (min(getattr(each, name) for each in rounds) for name in ("client", "wait"))
    return Seconds(client, median(each.server for each in rounds), wait)


def cost_between(small: tuple[int, Seconds], large: tuple[int, Seconds], written: float = 0.0) -> Cost:
    """Return the cost of a step, from calls for few and for many tasks."""
    (few, short), (many, long) = small, large
    client, server, wait = (
        Share.between((few, getattr(short, name)), (many, getattr(long, name))) for name in ("client", "server", "wait")
    )
    return Cost(client, server, wait, written)


def cost_of_one(seconds: Seconds, written: float = 0.0) -> Cost:
    """Return the cost of a step that is always a call for one task."""
    return Cost(Share(seconds.client), Share(seconds.server), Share(seconds.wait), written)
