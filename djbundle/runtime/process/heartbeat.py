"""Whether a process still does anything: parent and child write the time into memory that they share.

A child that hangs is killed by its parent. A parent that hangs is not: those below it see that, and tell by ``/up``.
"""

import mmap
import os
import time
from typing import Self

from djbundle.runtime.core import memory_file

BEAT = 1.0  # seconds
LOOK = 1.0  # seconds between two looks at it
PATIENCE = 15  # looks in a row at which nothing has changed; while a program becomes its new version it does not beat
SIZE = 16  # bytes: of two numbers
CHILD, PARENT = 0, 1


class Heart:
    """To be made before the fork. A process that does not beat for `limit` seconds hangs; 0: nobody cares.

    `file`: of memory that goes through an exec too. `is_patient`: a process may take any time to its first beat.
    """

    def __init__(self, limit: float, *, file: int | None = None, is_patient: bool = False) -> None:
        self._limit, self.file, self._is_patient = limit, file, is_patient
        self._times = memoryview(mmap.mmap(-1 if file is None else file, SIZE)).cast("d")  # monotonic seconds
        self.watch: Watch | None = None  # what looks at those above with each beat

    @classmethod
    def of_app(cls, limit: float, file: int | None = None) -> Self:
        """One of the process that loads the site, which may migrate for hours, and outlives its supervisor's program.

        `file` is the one that another program has made.
        """
        if file is None:
            file = memory_file.create("djbundle-heart", SIZE)
        return cls(limit, file=file, is_patient=True)

    def close(self) -> None:
        """Nobody else is to get its file."""
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
        """Another process is started; what the one before has beaten does not count."""
        self._times[CHILD] = 0.0

    def answer(self) -> None:
        """The parent's own beat."""
        self._times[PARENT] = time.monotonic()

    def is_silent(self, since: float) -> bool:
        """Whether it has not beaten for too long. `since`: when its process was started, or could run again."""
        beaten = self._times[CHILD]
        if self._is_patient and not beaten:
            return False
        return 0 < self._limit < time.monotonic() - max(beaten, since)

    # --- by those below the child ---

    def times(self) -> tuple[float, float]:
        """When the child has beaten last, and when its parent has."""
        return self._times[CHILD], self._times[PARENT]


class Watch:
    """Whether the two processes above this one still do anything: the app by its heart, and its supervisor.

    Looks are counted, and not seconds: who was stopped together with them has seen nothing.
    """

    def __init__(self, app: Heart) -> None:
        self._app = app
        self._seen = (0.0, 0.0)
        self._unchanged = [0, 0]

    def look(self) -> None:
        """Once for each beat of this process."""
        times = self._app.times()
        for who, (now, before) in enumerate(zip(times, self._seen, strict=True)):
            self._unchanged[who] = self._unchanged[who] + 1 if now == before else 0
        self._seen = times

    def problems(self) -> list[str]:
        """What is wrong; who has never beaten is of a version that does not."""
        silent = [bool(self._seen[who]) and self._unchanged[who] > PATIENCE for who in (CHILD, PARENT)]
        if silent[PARENT]:
            return ["the supervisor does not answer"]
        return ["the process that starts the others again does not answer"] if silent[CHILD] else []
