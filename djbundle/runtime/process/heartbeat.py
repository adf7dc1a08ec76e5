"""Heartbeats: parent and child write the time into memory that they share.

A parent kills a child whose heartbeat is stale. A stale parent is not killed: the processes below it notice, and report
it at ``/up``.
"""

import mmap
import os
import time
from typing import Self

from djbundle.runtime.core import memory_file

BEAT_INTERVAL = 1.0  # seconds
CHECK_INTERVAL = 1.0  # seconds between two checks
MAX_MISSED_BEATS = 15  # checks in a row; a program does not beat while it becomes its new version
SIZE = 16  # bytes of two numbers
CHILD, PARENT = 0, 1


class Heartbeat:
    """The heartbeat of a process, made before the fork. It is stale after `limit` seconds; 0 means never.

    `file` is memory that survives an exec. `may_start_slowly` gives a process any time until its first beat. A process
    with a long limit is reported before: `report_after` is how many seconds without a beat are late, 0 means none.
    """

    def __init__(
        self, limit: float, *, file: int | None = None, may_start_slowly: bool = False, report_after: float = 0
    ) -> None:
        self._limit, self.file, self._may_start_slowly = limit, file, may_start_slowly
        self.report_after, self._is_late = report_after, False
        self._times = memoryview(mmap.mmap(-1 if file is None else file, SIZE)).cast("d")  # monotonic seconds
        self.monitor: AncestorMonitor | None = None  # checks the processes above with each beat

    @classmethod
    def of_app(cls, limit: float, file: int | None = None) -> Self:
        """Return the heartbeat of the app process, which may migrate for hours, and outlives its supervisor's program.

        `file` is memory that another program has made.
        """
        if file is None:
            file = memory_file.create("djbundle-heart", SIZE)
        return cls(limit, file=file, may_start_slowly=True)

    def close(self) -> None:
        """Close its file, so that no other process inherits it."""
        if self.file is not None:
            os.close(self.file)
            self.file = None

    # --- by the child ---

    def beat(self) -> None:
        self._times[CHILD] = time.monotonic()
        if self.monitor:
            self.monitor.check()

    # --- by the parent ---

    def reset(self) -> None:
        """Begin anew for another process: the beats of the one before do not count."""
        self._times[CHILD] = 0.0

    def beat_as_parent(self) -> None:
        """Beat as the parent."""
        self._times[PARENT] = time.monotonic()

    @property
    def has_begun(self) -> bool:
        """True if the child has beaten since it was started."""
        return self._times[CHILD] > 0

    def is_stale(self, since: float) -> bool:
        """Return whether the heartbeat is stale. `since` is when its process was started or resumed."""
        return self._is_missing(self._limit, since)

    def becomes_late(self, since: float) -> bool:
        """Return whether the heartbeat is late, but only once until the next beat. `since` is as for `is_stale`."""
        was_late, self._is_late = self._is_late, self._is_missing(self.report_after, since)
        return self._is_late and not was_late

    def _is_missing(self, seconds: float, since: float) -> bool:
        """Return whether there was no beat for so many seconds; never for 0."""
        last_beat = self._times[CHILD]
        if self._may_start_slowly and not last_beat:
            return False
        return 0 < seconds < time.monotonic() - max(last_beat, since)

    # --- by the processes below the child ---

    def times(self) -> tuple[float, float]:
        """Return the times of the last beat of the child, and of its parent."""
        return self._times[CHILD], self._times[PARENT]


class AncestorMonitor:
    """Checks by heartbeat the two processes above this one: the app process, and its supervisor.

    It counts checks, not seconds: a process that was suspended together with them has seen nothing.
    """

    def __init__(self, app: Heartbeat) -> None:
        self._app = app
        self._last_times = (0.0, 0.0)
        self._unchanged = [0, 0]

    def check(self) -> None:
        """Check once. Call it for each beat of this process."""
        times = self._app.times()
        for index, (now, before) in enumerate(zip(times, self._last_times, strict=True)):
            self._unchanged[index] = self._unchanged[index] + 1 if now == before else 0
        self._last_times = times

    def problems(self) -> list[str]:
        """Return what is wrong. A process that has never beaten is of a version without heartbeats."""
        is_stale = [
            bool(self._last_times[index]) and self._unchanged[index] > MAX_MISSED_BEATS for index in (CHILD, PARENT)
        ]
        if is_stale[PARENT]:
            return ["the supervisor does not answer"]
        return ["the process that restarts the others does not answer"] if is_stale[CHILD] else []
