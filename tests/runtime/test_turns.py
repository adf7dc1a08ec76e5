"""Threads of a site answer one after the other, but nobody waits for one that waits."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from djbundle.runtime.http import turns
from djbundle.runtime.http.turns import Turn, Turns
from tests.waiting import wait_until


class Holder:
    """A thread that keeps its turn until it is told."""

    def __init__(self, turns: Turns, *, computes: bool) -> None:
        self.turns, self.computes = turns, computes
        self.turn: Turn | None = None
        self.over = threading.Event()

    def run(self) -> None:
        self.turn = self.turns.take()
        while not self.over.is_set():
            if not self.computes:
                self.over.wait()
        self.turn.release()


class Threads:
    """Of a site."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.turns = Turns()
        self.holders: list[Holder] = []

    def start(self, *, computes: bool) -> Holder:
        holder = Holder(self.turns, computes=computes)
        self.holders.append(holder)
        self.pool.submit(holder.run)
        return holder

    def hold(self, *, computes: bool) -> Holder:
        """One that has its turn."""
        holder = self.start(computes=computes)
        wait_until(lambda: holder.turn, "it has its turn")
        return holder

    def take(self) -> Future[Turn]:
        return self.pool.submit(self.turns.take)


@pytest.fixture
def threads() -> Iterator[Threads]:
    with ThreadPoolExecutor(4) as pool:
        threads = Threads(pool)
        yield threads
        for holder in threads.holders:
            holder.over.set()


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a machine with other work does not make one that computes look idle."""
    monkeypatch.setattr(turns, "LOOK", 0.2)
    monkeypatch.setattr(turns, "LONGEST", 60.0)


@pytest.mark.usefixtures("slowly")
def test_one_that_computes_is_waited_for(threads: Threads) -> None:
    holder = threads.hold(computes=True)
    taken = threads.take()
    time.sleep(1)
    assert not taken.done()
    holder.over.set()
    assert taken.result(60) is holder.turn


@pytest.mark.usefixtures("slowly")
def test_one_that_waits_is_not_waited_for(threads: Threads) -> None:
    first = threads.hold(computes=False)
    second = threads.hold(computes=False)
    third = threads.take().result(60)
    assert len({first.turn, second.turn, third}) == 3


def test_one_that_computes_for_long_is_not_waited_for(threads: Threads) -> None:
    holder = threads.hold(computes=True)
    assert threads.take().result(60) is not holder.turn


@pytest.mark.usefixtures("slowly")
def test_who_waits_goes_on_with_the_newest(threads: Threads) -> None:
    """Of two who wait for the same, the second waits for the first then, and does not answer beside both."""
    waiting = threads.hold(computes=False)
    both = [threads.start(computes=True) for _ in range(2)]
    first = wait_until(lambda: next((each for each in both if each.turn), None), "one has its turn")
    second = next(each for each in both if each is not first)
    time.sleep(1)
    assert second.turn is None
    first.over.set()
    wait_until(lambda: second.turn, "the other has its turn")
    assert second.turn is first.turn is not waiting.turn
