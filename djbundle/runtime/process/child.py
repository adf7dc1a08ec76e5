"""One role in the process tree, and the process that has it."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from djbundle.runtime.process import forking
from djbundle.runtime.process.counters import Slot
from djbundle.runtime.process.exit_reason import LastWords
from djbundle.runtime.process.heartbeat import Heart
from djbundle.runtime.process.in_flight import InFlight

FIRST_DELAY = 0.5  # seconds of backoff before a child that died is started again; doubled each time
LONGEST_DELAY = 30.0
DOUBLINGS = 10  # far beyond the longest delay
LOOP = 3  # quick deaths in a row that suggest one cause
STEADY = 60.0  # seconds after which a child counts as healthy, and its backoff starts anew


@dataclass(slots=True)
class Child:
    name: str  # for messages: "web"
    title: str  # for top and pkill: "shop web"
    run: Callable[[], int]
    pid: int = 0  # 0: not running
    started: float = 0.0
    due: float = math.inf  # when to start it; infinity: not automatically
    once: bool = False  # it is not started again
    heart: Heart | None = None  # if set, the child is killed when its heartbeat is stale
    words: LastWords = field(default_factory=LastWords)
    in_flight: InFlight | None = None  # requests that it is answering
    quick_deaths: int = 0  # in a row
    slot: Slot | None = None  # where its starts are counted
    ended: Callable[[int], object] | None = None  # called with the exit code, unless all children are being stopped
    leave_with: int = forking.LEAVE  # the signal that makes it drain
    stops_at: float = 0.0  # when it is sent SIGTERM while it drains, monotonic seconds

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
        """Plan the next start, with backoff."""
        if now - self.started > STEADY:
            self.quick_deaths = 0
        delay = FIRST_DELAY * 2 ** min(self.quick_deaths, DOUBLINGS)
        self.quick_deaths += 1
        self.pid, self.due = 0, now + min(delay, LONGEST_DELAY)

    def signal(self, number: int) -> None:
        if self.pid:
            os.kill(self.pid, number)

    def leave(self) -> None:
        """Drain it: another process does its work from now on. It runs on for a moment, and is not started again."""
        self.once = True
        self.signal(self.leave_with)
