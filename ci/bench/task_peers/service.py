"""A worker under a service manager, which restarts it when it has exited or is stuck."""

import time
from collections.abc import Callable
from typing import Self

import psutil

from ci.bench.task_peers.side import Side, family, stop


class Service:
    """``with Service(side) as service:`` runs a worker that rescues the tasks of dead workers as soon as it can."""

    def __init__(self, side: Side) -> None:
        self.side = side

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        stop(self.process)

    def members(self) -> list[psutil.Process]:
        """Return the processes that run now."""
        return family(self.process) if self.process.poll() is None else []

    def reach(self, count: Callable[[], int], goal: int, pause: float) -> bool:
        """Wait until `count` gives `goal`. Return False if there is no more progress, not even after a restart."""
        for _ in range(2):
            last, since = -1, time.monotonic()
            while (now := count()) < goal and time.monotonic() - since < self.side.peer.CALM:
                if self.process.poll() is not None:  # like systemd: end its last processes, and start it again
                    self._restart()
                progress = now + self.side.noted()
                if progress != last:
                    last, since = progress, time.monotonic()
                time.sleep(pause)
            if now >= goal:
                return True
            self._restart()
        return False

    def _start(self) -> None:
        self.process = self.side.start(self.side.peer.CAREFUL, mode="careful")

    def _restart(self) -> None:
        stop(self.process)
        self._start()
