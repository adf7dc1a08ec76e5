"""Threads of a site answer as few at once as keep the processor busy, but nobody waits for one that waits."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from djbundle.runtime.http import pace, threads
from djbundle.runtime.http.pace import Pace
from djbundle.runtime.http.threads import Request, SiteThreads
from tests.waiting import wait_until

MOST = 3


@dataclass
class Page:
    """One that is answered when it is told."""

    computes: bool
    answered_by: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> None:
        self.answered_by = threading.current_thread().name
        while not self.over.is_set():
            if not self.computes:
                self.over.wait()


class Visitor:
    """Asks a site for pages."""

    def __init__(self) -> None:
        self.site = SiteThreads(lambda _sender, environ: environ["page"].answer(), MOST)
        self.pages: list[Page] = []

    def ask(self, *, computes: bool) -> Page:
        page = Page(computes)
        self.pages.append(page)
        self.site.put(Request(None, {"page": page}, "127.0.0.1"))
        return page

    def answering(self) -> list[Page]:
        return [page for page in self.pages if page.answered_by and not page.over.is_set()]


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    for page in visitor.pages:
        page.over.set()
    wait_until(lambda: not visitor.site.busy, "all threads are idle")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a machine with other work does not make one that computes look idle, or long."""
    for module in (pace, threads):
        monkeypatch.setattr(module, "LOOK", 0.2)
    monkeypatch.setattr(pace, "LONGEST", 60.0)


@pytest.mark.usefixtures("patient")
def test_one_that_computes_is_waited_for(visitor: Visitor) -> None:
    first, second, third = (visitor.ask(computes=True) for _ in range(3))
    time.sleep(1)
    assert visitor.answering() == [first]
    first.over.set()
    wait_until(lambda: second.answered_by, "the second is answered")
    assert second.answered_by == first.answered_by, "without a change of threads"
    assert not third.answered_by


@pytest.mark.usefixtures("patient")
def test_one_that_waits_is_not_waited_for(visitor: Visitor) -> None:
    pages = [visitor.ask(computes=False) for _ in range(MOST + 1)]
    wait_until(lambda: len(visitor.answering()) == MOST, "as many as there are threads are answered at once")
    assert len({page.answered_by for page in pages[:MOST]}) == MOST
    time.sleep(0.5)
    assert not pages[MOST].answered_by, "there is no thread for another"
    pages[0].over.set()
    wait_until(lambda: pages[MOST].answered_by, "the last is answered")


def test_one_that_computes_for_long_is_not_waited_for(visitor: Visitor) -> None:
    long = visitor.ask(computes=True)
    for _ in range(20):
        page = visitor.ask(computes=False)
        wait_until(lambda page=page: page.answered_by, "another is answered beside it")  # type: ignore[misc]
        page.over.set()
    assert visitor.answering() == [long]


@pytest.mark.usefixtures("patient")
def test_after_those_that_wait_one_computes_at_a_time(visitor: Visitor) -> None:
    waiting = [visitor.ask(computes=False) for _ in range(MOST)]
    wait_until(lambda: len(visitor.answering()) == MOST, "all are answered at once")
    computing = [visitor.ask(computes=True) for _ in range(2 * MOST)]
    for page in waiting:
        page.over.set()
    wait_until(lambda: visitor.site.pace.wanted == 1, "more threads would not help")
    while any(not page.over.is_set() for page in computing):
        answering = wait_until(visitor.answering, "one is answered")
        answering[0].over.set()
    assert visitor.site.pace.wanted == 1


def test_an_answer_that_fails_ends_no_thread(visitor: Visitor, capfd: pytest.CaptureFixture[str]) -> None:
    sent: list[Any] = []

    class Protocol:
        def response_bytes(self, status: int, *_: object) -> None:
            sent.append(status)

    for _ in range(MOST + 1):
        visitor.site.put(Request(Protocol(), {"page": None}, "127.0.0.1"))
    wait_until(lambda: sent == [500] * (MOST + 1), "each is answered")
    page = visitor.ask(computes=False)
    wait_until(lambda: page.answered_by, "others still are")
    assert "the answer to a request failed" in capfd.readouterr().err


@dataclass
class Fake:
    seconds: float = 0.0
    begun: float = 0.0

    def used(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("share", "waiting", "wanted"),
    [
        (0.0, 0.01, 2),  # it waits for something
        (0.5, 0.01, 1),  # it will be through soon
        (0.5, 1.0, 2),  # somebody has waited long, and there is time on the processor
        (1.0, 1.0, 1),  # there is none
        (0.0, 0.0, 1),  # nobody waits
    ],
)
def test_more_are_wanted_where_they_help(
    share: float, waiting: float, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    thread, own = Fake(begun=100.0), Pace(MOST)
    own.begin([thread])
    now[0] += 0.01
    thread.seconds += 0.01 * share
    own.look([thread], [thread], waiting)
    assert own.wanted == own.room == wanted
