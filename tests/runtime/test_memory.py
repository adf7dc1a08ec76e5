"""A process gives freed memory back to the kernel."""

import gc

import pytest

from djbundle.runtime import memory
from djbundle.runtime.memory import DROPPED, GROWTH, LONGEST_REST, LOOK, Cycles, Heap

IDLE = 50 << 20  # bytes


class Process:
    """A process whose size the test sets. When it is tidied, it shrinks to `needed`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size = self.needed = IDLE
        self.now, self.tidied = 0.0, 0
        monkeypatch.setattr(memory, "resident_size", lambda: self.size)
        monkeypatch.setattr(memory, "tidy", self.tidy)
        monkeypatch.setattr(memory.time, "monotonic", lambda: self.now)
        self.heap = Heap()

    def tidy(self) -> None:
        self.tidied += 1
        self.size = self.needed

    def look(self, seconds: float) -> int:
        """Return how often it was tidied in these seconds."""
        before = self.tidied
        for _ in range(int(seconds / LOOK)):
            self.now += LOOK
            self.heap.give_back()
        return self.tidied - before


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


def test_process_that_does_not_grow_is_left_alone(process: Process) -> None:
    process.size += GROWTH
    assert process.look(3600) == 0


def test_what_was_needed_for_a_moment_is_given_back(process: Process) -> None:
    process.size += 10 * GROWTH
    assert process.look(LOOK) == 1
    assert process.size == IDLE


def test_what_is_needed_for_longer_is_given_back_soon_after(process: Process) -> None:
    process.size = process.needed = IDLE + 10 * GROWTH
    process.look(60)
    process.needed = IDLE
    process.look(120)
    assert process.size == IDLE


def test_what_is_always_needed_is_looked_at_rarely(process: Process) -> None:
    process.size = process.needed = IDLE + 10 * GROWTH
    process.look(2 * LONGEST_REST)
    assert 1 <= process.look(10 * LONGEST_REST) <= 10


def test_another_growth_is_seen_at_once(process: Process) -> None:
    process.size = process.needed = IDLE + 10 * GROWTH
    process.look(2 * LONGEST_REST)
    process.size += 2 * GROWTH
    assert process.look(LOOK) == 1


def test_cycles_of_large_objects_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(gc, "collect", looked.append)
    cycles = Cycles()
    for _ in range(4):
        cycles.left(DROPPED // 2)
    assert len(looked) == 2
