"""Counters of a site's processes, in memory that they share: each slot has one writer, and any process may read it.

The memory is a file without a name (memfd_create(2)) that the app process keeps open: `metrics` inherits it, and
``status`` finds it among the app process's open files. A child that is started again goes on with the counts in its
slot.
"""

import mmap
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from djbundle.runtime.core import memory_file
from djbundle.runtime.process.loading import Loading

NAME = "djbundle-board"
MAGIC = 20261130.0  # marks this layout: another version's scoreboard is not read
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
STATUS_CLASSES = 6  # of responses, by the first digit of their status; class 0 is never used
ROLES = ("", "web", "worker", "tls", "metrics", "redirect", "scheduler", "relay")
ROLE, STARTS, SECONDS, FIRST_CLASS = 0, 1, 2, 3
FIRST_BOUND = FIRST_CLASS + STATUS_CLASSES
SLOT = FIRST_BOUND + len(BOUNDS) + 1  # the last bound is infinity
LOADINGS = tuple(Loading)
HEADER = 3  # MAGIC, the number of slots, and how the processes have come to their code
MAX_SCOREBOARD_SIZE = 1 << 20  # most bytes that are read; a slot has 176
HIGHEST_COUNT = 2.0**53  # no count reaches it: beyond it, adding one to a float changes nothing

type Cells = "memoryview[float]"  # in quotes: before Python 3.14 it is not a generic type


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one slot, or the sum of several."""

    starts: int
    seconds: float  # sum of the times from each request to the head of its response
    responses: tuple[int, ...]  # responses by the first digit of their status
    buckets: tuple[int, ...]  # responses by the first of BOUNDS that they kept; the last are those that kept none

    @property
    def total(self) -> int:
        return sum(self.responses)

    @classmethod
    def sum(cls, each: Sequence[Self]) -> Self:
        return cls(
            sum(item.starts for item in each),
            sum(item.seconds for item in each),
            tuple(sum(item.responses[at] for item in each) for at in range(STATUS_CLASSES)),
            tuple(sum(item.buckets[at] for item in each) for at in range(len(BOUNDS) + 1)),
        )


class Slot:
    """The counters of one process, for all its threads."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._lock = threading.Lock()

    @property
    def role(self) -> str:
        """The role of the process: one of ROLES, and the first of them while no process has the slot."""
        return ROLES[int(self._cells[ROLE])]

    @property
    def is_valid(self) -> bool:
        """True if its role and all its counts are possible."""
        return self._cells[ROLE] in range(len(ROLES)) and all(0 <= cell < HIGHEST_COUNT for cell in self._cells)

    def count_start(self, role: str) -> None:
        """Count a start. The parent calls it for each."""
        self._cells[ROLE] = ROLES.index(role)
        self._cells[STARTS] += 1

    def count_response(self, status: int, seconds: float) -> None:
        with self._lock:
            self._cells[FIRST_CLASS + min(status // 100, STATUS_CLASSES - 1)] += 1
            self._cells[SECONDS] += seconds
            self._cells[FIRST_BOUND + bisect_left(BOUNDS, seconds)] += 1

    def read(self) -> Counts:
        cells = self._cells.tolist()
        whole = tuple(map(int, cells[FIRST_CLASS:SLOT]))
        return Counts(int(cells[STARTS]), cells[SECONDS], whole[:STATUS_CLASSES], whole[STATUS_CLASSES:])


class Scoreboard:
    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    @classmethod
    def create(cls, slots: int, loading: Loading = Loading.UNKNOWN) -> Self:
        """Create it before the fork. Its file stays open as long as this process lives."""
        size = (HEADER + slots * SLOT) * 8
        file = memory_file.create(NAME, size)
        cells = memoryview(mmap.mmap(file, size)).cast("d")
        cells[:HEADER] = memoryview(array("d", [MAGIC, slots, LOADINGS.index(loading)]))
        return cls(cells)

    @classmethod
    def of_process(cls, pid: int) -> Self | None:
        """Return the scoreboard that this process keeps open; None if it has none, or one of another version.

        It may be any process: nothing that it keeps open makes this wait or fail.
        """
        try:
            files = list(Path(f"/proc/{pid}/fd").iterdir())
        except OSError:  # it has exited, or belongs to another user
            return None
        for file in files:
            try:
                if str(file.readlink()).startswith(f"/memfd:{NAME}"):
                    return cls._read(memory_file.read(file, MAX_SCOREBOARD_SIZE))
            except OSError:  # closed meanwhile
                continue
        return None

    @classmethod
    def _read(cls, content: bytes) -> Self | None:
        """Return the scoreboard with this content; None if `create` has not made it."""
        if len(content) % 8 or len(content) < HEADER * 8:
            return None
        cells = memoryview(content).cast("d")
        if cells[0] != MAGIC or cells[1] * SLOT != len(cells) - HEADER or cells[2] not in range(len(LOADINGS)):
            return None
        scoreboard = cls(cells)
        return scoreboard if all(slot.is_valid for slot in scoreboard) else None

    @property
    def loading(self) -> Loading:
        return LOADINGS[int(self._cells[2])]

    def slot(self, number: int) -> Slot:
        begin = HEADER + number * SLOT
        return Slot(self._cells[begin : begin + SLOT])

    def by_role(self) -> dict[str, list[Counts]]:
        """Return the counts of all processes that were started, by role."""
        counts: dict[str, list[Counts]] = {}
        for slot in self:
            if slot.role:
                counts.setdefault(slot.role, []).append(slot.read())
        return counts

    def __iter__(self) -> Iterator[Slot]:
        return (self.slot(number) for number in range(int(self._cells[1])))
