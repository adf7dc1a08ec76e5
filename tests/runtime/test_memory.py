"""A process gives freed memory back to the kernel."""

import gc
import itertools
import subprocess
import sys
import time
import weakref

import pytest

from djbundle.runtime.process import memory
from djbundle.runtime.process.memory import (
    CHECK_INTERVAL,
    CYCLES_LIMIT,
    GROWTH,
    MAX_IDLE_INTERVAL,
    MAX_INTERVAL,
    CycleCollector,
    Heap,
)

LEAST = 50 << 20  # bytes


class Process:
    """A process whose size the test sets. When it is tidied, it shrinks to `needed`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size = self.needed = LEAST
        self.now, self.used, self.tidied = 0.0, 0.0, 0
        self.is_busy = True
        monkeypatch.setattr(memory, "resident_memory", lambda: self.size)
        monkeypatch.setattr(memory, "collect_and_trim", self.collect_and_trim)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.used)
        self.heap = Heap()

    def collect_and_trim(self) -> None:
        self.tidied += 1
        self.size = self.needed

    def look(self, seconds: float) -> int:
        """Return how often it was tidied in these seconds."""
        before = self.tidied
        for _ in range(int(seconds / CHECK_INTERVAL)):
            self.now += CHECK_INTERVAL
            self.used += CHECK_INTERVAL * self.is_busy
            self.heap.trim()
        return self.tidied - before


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


def test_process_that_does_not_grow_is_left_alone(process: Process) -> None:
    process.size += GROWTH
    assert process.look(3600) == 0


def test_what_was_needed_for_a_moment_is_given_back(process: Process) -> None:
    process.size += 10 * GROWTH
    assert process.look(CHECK_INTERVAL) == 1
    assert process.size == LEAST


def test_what_is_needed_for_longer_is_given_back_soon_after(process: Process) -> None:
    process.size = process.needed = LEAST + 10 * GROWTH
    process.look(60)
    process.needed = LEAST
    process.look(120)
    assert process.size == LEAST


def test_what_is_always_needed_is_looked_at_rarely(process: Process) -> None:
    process.size = process.needed = LEAST + 10 * GROWTH
    process.look(2 * MAX_INTERVAL)
    assert 1 <= process.look(10 * MAX_INTERVAL) <= 10


def test_an_idle_process_has_time_to_look(process: Process) -> None:
    """This holds after an attack during which nothing could be given back."""
    process.size = process.needed = LEAST + 10 * GROWTH
    process.look(2 * MAX_INTERVAL)
    process.is_busy = False
    process.needed = LEAST
    process.look(MAX_IDLE_INTERVAL + CHECK_INTERVAL)
    assert process.size == LEAST


def test_a_process_that_comes_to_rest_is_tidied_once(process: Process) -> None:
    """Many processes that each keep a little more than they need are much together."""
    process.size += GROWTH // 2
    assert process.look(600) == 0
    process.is_busy = False
    assert process.look(600) == 1
    assert process.size == LEAST


def test_another_growth_is_seen_at_once(process: Process) -> None:
    process.size = process.needed = LEAST + 10 * GROWTH
    process.look(2 * MAX_INTERVAL)
    process.size += 2 * GROWTH
    assert process.look(CHECK_INTERVAL) == 1


class Page:
    """A large object that refers to itself, and so is only freed by a collection."""

    def __init__(self) -> None:
        self.page = self


def end_pages(monkeypatch: pytest.MonkeyPatch, growth: int) -> int:
    """Let some pages of a site be alive at the same time, and then end. Return how many stay.

    The process grows by `growth` bytes with each.
    """
    sizes = itertools.count(LEAST, growth)
    monkeypatch.setattr(memory, "resident_memory", lambda: next(sizes))
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    cycles, pages = CycleCollector(), [Page() for _ in range(16)]
    references = [weakref.ref(each) for each in pages]
    while pages:
        pages.pop()
        cycles.add(CYCLES_LIMIT)
    return sum(each() is not None for each in references)


def test_large_objects_in_cycles_are_freed_though_they_lived_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert end_pages(monkeypatch, CYCLES_LIMIT) <= 2


def test_a_process_that_does_not_grow_looks_for_no_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(None))
    end_pages(monkeypatch, 0)
    assert not collected


def test_collections_take_a_small_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heap of the site may be large."""
    sizes, ticks, collected = itertools.count(LEAST, CYCLES_LIMIT), itertools.count(), list[None]()
    monkeypatch.setattr(memory, "resident_memory", lambda: next(sizes))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(gc, "collect", lambda: collected.append(None))
    cycles = CycleCollector()
    for _ in range(100):
        cycles.add(CYCLES_LIMIT)
    assert 1 < len(collected) < 10


LARGE_OBJECTS = """\
import ctypes
from djbundle.runtime.process.memory import configure_malloc

class Usage(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "mapped", *"abcde")]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Usage
if {limited}:
    configure_malloc()
before = library.mallinfo2().mapped
for _ in range(2):
    largest = bytes(8 << 20)
    del largest
large = bytes(4 << 20)
print(library.mallinfo2().mapped - before >= len(large))
"""


@pytest.mark.parametrize("limited", [True, False])
def test_large_objects_lie_outside_of_the_heap(limited: bool) -> None:
    """By itself, glibc puts them on the heap as soon as a larger object has ended."""
    script = LARGE_OBJECTS.format(limited=limited)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(limited)]
