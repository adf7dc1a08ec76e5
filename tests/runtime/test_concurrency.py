"""A site answers only as many requests at once as keep the CPU busy, but none has to wait for one that waits."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from djbundle.runtime.http import concurrency, threads
from djbundle.runtime.http.concurrency import Pace
from tests.runtime.granian import Protocol, make_request
from tests.runtime.site_pages import MOST, Pool, Visitor, make_site
from tests.waiting import wait_until


@pytest.fixture(params=["handed over", "received"])
def visitor(request: pytest.FixtureRequest) -> Iterator[Visitor]:
    site = make_site()
    visitor = Visitor(site, site.put if request.param == "handed over" else Pool(site).put)
    yield visitor
    visitor.leave()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set long times, so that on a busy machine a computing request does not look idle or slow."""
    for module in (concurrency, threads):
        monkeypatch.setattr(module, "LOOK", 0.2)
    monkeypatch.setattr(concurrency, "LONGEST", 60.0)


@pytest.mark.usefixtures("patient")
def test_one_that_computes_is_waited_for(visitor: Visitor) -> None:
    first = visitor.ask(computes=True)
    wait_until(lambda: first.answered_by, "the first is answered")
    second, third = (visitor.ask(computes=True) for _ in range(2))
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
    answering = visitor.answering()
    assert len({page.answered_by for page in answering}) == MOST
    time.sleep(0.5)
    assert visitor.answering() == answering, "there is no thread for another"
    answering[0].over.set()
    wait_until(lambda: all(page.answered_by for page in pages), "the last is answered")


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


@dataclass
class Failing:
    error: type[BaseException]

    def answer(self) -> None:
        raise self.error


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_an_answer_that_fails_ends_no_thread(
    visitor: Visitor, error: type[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    page: Any = Failing(error)
    protocols = [Protocol() for _ in range(MOST + 1)]
    for protocol in protocols:
        visitor.put(make_request(protocol, page=page))
    wait_until(lambda: all(protocol.status == 500 for protocol in protocols), "each is answered")
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
        (0.0, 0.01, 2),  # the request waits for something
        (0.5, 0.01, 1),  # it will end soon
        (0.5, 1.0, 2),  # a request has waited long, and there is CPU time left
        (1.0, 1.0, 1),  # there is no CPU time left
        (0.0, 0.0, 1),  # no request waits
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
