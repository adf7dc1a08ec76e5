"""Heartbeats: parent and child write the time into memory that they share.

A parent kills a child whose heartbeat is stale. A stale parent is not killed: the processes below it notice, and report
it at ``/up``.
"""

import mmap
import os
import time
from typing import Self

from djbundle.runtime.core import memory_file

BEAT = 1.0  # seconds
LOOK = 1.0  # seconds between two checks
PATIENCE = 15  # unchanged checks in a row that are tolerated; a program does not beat while it becomes its new version
SIZE = 16  # bytes of two numbers
CHILD, PARENT = 0, 1


class Heart:
    """The heartbeat of a process, made before the fork. It is stale after `limit` seconds; 0 means never.

    `file` is memory that survives an exec. `is_patient` gives a process any time until its first beat.
    """

    def __init__(self, limit: float, *, file: int | None = None, is_patient: bool = False) -> None:
        self._limit, self.file, self._is_patient = limit, file, is_patient
        self._times = memoryview(mmap.mmap(-1 if file is None else file, SIZE)).cast("d")  # monotonic seconds
        self.watch: Watch | None = None  # checks the processes above with each beat

    @classmethod
    def of_app(cls, limit: float, file: int | None = None) -> Self:
        """Return the heartbeat of the app process, which may migrate for hours, and outlives its supervisor's program.

        `file` is memory that another program has made.
        """
        if file is None:
            file = memory_file.create("djbundle-heart", SIZE)
        return cls(limit, file=file, is_patient=True)

    def close(self) -> None:
        """Close its file, so that no other process inherits it."""
        if self.file is not None:
            os.close(self.file)
            self.file = None

    # --- by the child ---

    def beat(self) -> None:
        self._times[CHILD] = time.monotonic()
        if self.watch:
            self.watch.look()

    # --- by the parent ---

    def begin(self) -> None:
        """Begin anew for another process: the beats of the one before do not count."""
        self._times[CHILD] = 0.0

    def answer(self) -> None:
        """Beat as the parent."""
        self._times[PARENT] = time.monotonic()

    def is_silent(self, since: float) -> bool:
        """Return whether the heartbeat is stale. `since` is when its process was started or resumed."""
        beaten = self._times[CHILD]
        if self._is_patient and not beaten:
            return False
        return 0 < self._limit < time.monotonic() - max(beaten, since)

    # --- by the processes below the child ---

    def times(self) -> tuple[float, float]:
        """Return the times of the last beat of the child, and of its parent."""
        return self._times[CHILD], self._times[PARENT]


class Watch:
    """Checks by heartbeat the two processes above this one: the app process, and its supervisor.

    It counts checks, not seconds: a process that was suspended together with them has seen nothing.
    """

    def __init__(self, app: Heart) -> None:
        self._app = app
        self._seen = (0.0, 0.0)
        self._unchanged = [0, 0]

    def look(self) -> None:
        """Check once. Call it for each beat of this process."""
        times = self._app.times()
        for who, (now, before) in enumerate(zip(times, self._seen, strict=True)):
            self._unchanged[who] = self._unchanged[who] + 1 if now == before else 0
        self._seen = times

    def problems(self) -> list[str]:
        """Return what is wrong. A process that has never beaten is of a version without heartbeats."""
        silent = [bool(self._seen[who]) and self._unchanged[who] > PATIENCE for who in (CHILD, PARENT)]
        if silent[PARENT]:
            return ["the supervisor does not answer"]
        return ["the process that starts the others again does not answer"] if silent[CHILD] else []
