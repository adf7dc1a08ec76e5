"""One role in the process tree, and the process that has it."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from djbundle.runtime.process import forking
from djbundle.runtime.process.counters import Slot
from djbundle.runtime.process.exit_reason import LastError
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.process.in_flight import InFlight

FIRST_BACKOFF = 0.5  # seconds of backoff before a child that died is started again; doubled each time
MAX_BACKOFF = 30.0
MAX_DOUBLINGS = 10  # far beyond the longest delay
CRASH_LOOP = 3  # quick exits in a row that suggest one cause
HEALTHY_AFTER = 60.0  # seconds after which a child counts as healthy, and its backoff starts anew


@dataclass(slots=True)
class Child:
    name: str  # for messages: "web"
    title: str  # for top and pkill: "shop web"
    run: Callable[[], int]
    pid: int = 0  # 0: not running
    started: float = 0.0
    start_at: float = math.inf  # when to start it; infinity: not automatically
    may_restart: bool = True  # False: it is not started again
    heartbeat: Heartbeat | None = None  # if set, the child is killed when its heartbeat is stale
    last_error: LastError = field(default_factory=LastError)
    in_flight: InFlight | None = None  # requests that it is answering
    quick_exits: int = 0  # in a row
    slot: Slot | None = None  # where its starts are counted
    on_exit: Callable[[int], object] | None = None  # called with the exit code, unless all children are being stopped
    drain_signal: int = forking.DRAIN  # the signal that makes it drain
    stop_at: float = 0.0  # when it is sent SIGTERM while it drains, monotonic seconds

    @property
    def has_begun(self) -> bool:
        """True if its process has sent a heartbeat, or sends none."""
        return self.heartbeat is None or self.heartbeat.has_begun

    def start(self, now: float) -> None:
        if self.slot:
            self.slot.count_start(self.name)
        if self.heartbeat:
            self.heartbeat.reset()
        self.pid, self.started, self.start_at = forking.fork(self._run, self.title), now, math.inf

    def _run(self) -> int:
        try:
            return self.run()
        except Exception as error:
            self.last_error.record(error)
            raise

    def plan_restart(self, now: float) -> None:
        """Plan the next start, with backoff."""
        if now - self.started > HEALTHY_AFTER:
            self.quick_exits = 0
        backoff = FIRST_BACKOFF * 2 ** min(self.quick_exits, MAX_DOUBLINGS)
        self.quick_exits += 1
        self.pid, self.start_at = 0, now + min(backoff, MAX_BACKOFF)

    def signal(self, number: int) -> None:
        if self.pid:
            os.kill(self.pid, number)

    def drain(self) -> None:
        """Drain it: another process does its work from now on. It runs on for a moment, and is not started again."""
        self.may_restart = False
        self.signal(self.drain_signal)
