"""One role in the process tree, and the process that plays it."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from djbundle.runtime.process import forking
from djbundle.runtime.process.counters import Slot
from djbundle.runtime.process.exit_reason import LastWords
from djbundle.runtime.process.heartbeat import Heart
from djbundle.runtime.process.in_flight import InFlight

FIRST_DELAY = 0.5  # seconds before a child that died is started again; doubled each time
LONGEST_DELAY = 30.0
DOUBLINGS = 10  # beyond the longest delay by far
LOOP = 3  # deaths in a row that look like one cause
STEADY = 60.0  # seconds after which a child counts as healthy, and its delay starts anew


@dataclass(slots=True)
class Child:
    name: str  # for messages: "web"
    title: str  # for top and pkill: "shop web"
    run: Callable[[], int]
    pid: int = 0  # 0: not running
    started: float = 0.0
    due: float = math.inf  # when to start it; infinity: not by itself
    once: bool = False  # it is not started again
    heart: Heart | None = None  # of one that is killed when it does nothing any more
    words: LastWords = field(default_factory=LastWords)
    in_flight: InFlight | None = None  # requests that it is answering
    quick_deaths: int = 0  # in a row
    slot: Slot | None = None  # where its starts are counted
    ended: Callable[[int], object] | None = None  # called with the exit code, unless all is being stopped
    leave_with: int = forking.LEAVE  # the signal that makes it leave
    stops_at: float = 0.0  # when one that leaves is told to stop, monotonic seconds

    def start(self, now: float) -> None:
        if self.slot:
            self.slot.begin(self.name)
        if self.heart:
            self.heart.begin()
        self.pid, self.started, self.due = forking.fork(self._run, self.title), now, math.inf

    def _run(self) -> int:
        try:
            return self.run()
        except Exception as error:
            self.words.say(error)
            raise

    def died(self, now: float) -> None:
        """Plan the next start."""
        if now - self.started > STEADY:
            self.quick_deaths = 0
        delay = FIRST_DELAY * 2 ** min(self.quick_deaths, DOUBLINGS)
        self.quick_deaths += 1
        self.pid, self.due = 0, now + min(delay, LONGEST_DELAY)

    def signal(self, number: int) -> None:
        if self.pid:
            os.kill(self.pid, number)

    def leave(self) -> None:
        """Another does its work from now on; it stays a moment, and is not started again."""
        self.once = True
        self.signal(self.leave_with)
