"""A site answers only as many requests at once as keep the CPU busy, but none has to wait for one that waits."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from djbundle.runtime.http import concurrency, threads
from djbundle.runtime.http.concurrency import ConcurrencyController
from tests.runtime.granian import Protocol, make_request
from tests.runtime.site_pages import MAX_THREADS, Client, Pool, make_site
from tests.support.waiting import wait_until


@pytest.fixture(params=["handed over", "received"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    site = make_site()
    client = Client(site, site.put if request.param == "handed over" else Pool(site).put)
    yield client
    client.finish()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set long times, so that on a busy machine a computing request does not look idle or slow."""
    for module in (concurrency, threads):
        monkeypatch.setattr(module, "CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(concurrency, "MAX_WAIT", 60.0)


@pytest.mark.usefixtures("patient")
def test_one_that_computes_is_waited_for(client: Client) -> None:
    first = client.ask(computes=True)
    wait_until(lambda: first.answered_by, "the first is answered")
    second, third = (client.ask(computes=True) for _ in range(2))
    time.sleep(1)
    assert client.answering() == [first]
    first.over.set()
    wait_until(lambda: second.answered_by, "the second is answered")
    assert second.answered_by == first.answered_by, "without a change of threads"
    assert not third.answered_by


@pytest.mark.usefixtures("patient")
def test_one_that_waits_is_not_waited_for(client: Client) -> None:
    pages = [client.ask(computes=False) for _ in range(MAX_THREADS + 1)]
    wait_until(lambda: len(client.answering()) == MAX_THREADS, "as many as there are threads are answered at once")
    answering = client.answering()
    assert len({page.answered_by for page in answering}) == MAX_THREADS
    time.sleep(0.5)
    assert client.answering() == answering, "there is no thread for another"
    answering[0].over.set()
    wait_until(lambda: all(page.answered_by for page in pages), "the last is answered")


def test_one_that_computes_for_long_is_not_waited_for(client: Client) -> None:
    long = client.ask(computes=True)
    for _ in range(20):
        page = client.ask(computes=False)
        wait_until(lambda page=page: page.answered_by, "another is answered beside it")  # type: ignore[misc]
        page.over.set()
    assert client.answering() == [long]


@pytest.mark.usefixtures("patient")
def test_after_those_that_wait_one_computes_at_a_time(client: Client) -> None:
    waiting = [client.ask(computes=False) for _ in range(MAX_THREADS)]
    wait_until(lambda: len(client.answering()) == MAX_THREADS, "all are answered at once")
    computing = [client.ask(computes=True) for _ in range(2 * MAX_THREADS)]
    for page in waiting:
        page.over.set()
    wait_until(lambda: client.site.concurrency.target == 1, "more threads would not help")
    while any(not page.over.is_set() for page in computing):
        answering = wait_until(client.answering, "one is answered")
        answering[0].over.set()
    assert client.site.concurrency.target == 1


@dataclass
class Failing:
    error: type[BaseException]

    def answer(self) -> None:
        raise self.error


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_an_answer_that_fails_ends_no_thread(
    client: Client, error: type[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    page: Any = Failing(error)
    protocols = [Protocol() for _ in range(MAX_THREADS + 1)]
    for protocol in protocols:
        client.put(make_request(protocol, page=page))
    wait_until(lambda: all(protocol.status == 500 for protocol in protocols), "each is answered")
    page = client.ask(computes=False)
    wait_until(lambda: page.answered_by, "others still are")
    assert "the answer to a request failed" in capfd.readouterr().err


@dataclass
class FakeThread:
    seconds: float = 0.0
    started_at: float = 0.0

    def computing_time(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("share", "waiting", "target"),
    [
        (0.0, 0.01, 2),  # the request waits for something
        (0.5, 0.01, 1),  # it will end soon
        (0.5, 1.0, 2),  # a request has waited long, and there is CPU time left
        (1.0, 1.0, 1),  # there is no CPU time left
        (0.0, 0.0, 1),  # no request waits
    ],
)
def test_more_are_wanted_where_they_help(
    share: float, waiting: float, target: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    thread, controller = FakeThread(started_at=100.0), ConcurrencyController(MAX_THREADS)
    controller.start_measurement([thread])
    now[0] += 0.01
    thread.seconds += 0.01 * share
    controller.adjust([thread], [thread], waiting)
    assert controller.target == controller.limit == target
