"""Granian's threads answer the requests that they receive, but none waits in Granian that could be answered."""

import random
import threading
import time
from collections.abc import Iterator

import pytest

from djbundle.runtime.http import concurrency, receivers, threads
from djbundle.runtime.http.threads import SiteThreads
from tests.runtime.granian import Protocol, make_request
from tests.runtime.site_pages import MAX_RECEIVERS, MAX_THREADS, Client, Page, Pool, make_site
from tests.support.waiting import wait_until


@pytest.fixture
def site() -> SiteThreads:
    return make_site()


@pytest.fixture
def pool(site: SiteThreads) -> Pool:
    return Pool(site)


@pytest.fixture
def client(site: SiteThreads, pool: Pool) -> Iterator[Client]:
    client = Client(site, pool.put)
    yield client
    client.finish()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a long time, so that no request counts as slow."""
    for module in (concurrency, threads):
        monkeypatch.setattr(module, "CHECK_INTERVAL", 60.0)


def answer(client: Client) -> str:
    """Request a page, and return the name of the thread that answered it."""
    page = client.ask()
    wait_until(lambda: page.answered_by, "it is answered")
    page.over.set()
    wait_until(lambda: not client.site.busy, "nobody is busy")
    return page.answered_by


@pytest.mark.usefixtures("patient")
def test_who_receives_a_request_answers_it(client: Client, pool: Pool) -> None:
    answered_by = {answer(client) for _ in range(10)}
    assert answered_by == {pool.threads[0].name}, "so few threads have connections to databases"


@pytest.mark.usefixtures("patient")
def test_what_comes_meanwhile_waits_with_granian(client: Client, pool: Pool, site: SiteThreads) -> None:
    answer(client)
    pages = [client.ask()]
    wait_until(client.answering, "one is answered")
    pages += [client.ask() for _ in range(MAX_RECEIVERS + 1)]
    wait_until(lambda: len(pool.waiting) == 2, "all threads have received one")
    time.sleep(0.2)
    assert len(pool.waiting) == 2
    while not all(page.over.is_set() for page in pages):
        (page,) = wait_until(client.answering, "one is answered")
        page.over.set()
    assert len({page.answered_by for page in pages}) == 1
    assert not site.requests


def test_one_that_is_slow_keeps_nobody_waiting_with_granian(client: Client, pool: Pool) -> None:
    slow = client.ask()
    pages = [client.ask() for _ in range(MAX_THREADS)]
    wait_until(lambda: len(client.answering()) == MAX_THREADS, "as many as may are answered at once")
    wait_until(lambda: not pool.waiting, "and others are received")
    assert slow in client.answering()
    for page in pages:
        page.over.set()
    wait_until(lambda: client.answering() == [slow], "all but one are answered")
    for _ in range(3):
        page = client.ask()
        wait_until(lambda page=page: page.answered_by, "another is answered beside it")  # type: ignore[misc]
        page.over.set()


@pytest.mark.usefixtures("patient")
def test_a_body_keeps_no_thread(client: Client, pool: Pool) -> None:
    protocols = [Protocol() for _ in range(2 * MAX_RECEIVERS)]
    pages = [Page() for _ in protocols]
    for protocol, page in zip(protocols, pages, strict=True):
        pool.put(make_request(protocol, page=page, CONTENT_LENGTH="5"))
        assert answer(client), "another is answered"
    for protocol, page in zip(protocols, pages, strict=True):
        assert not page.answered_by
        page.over.set()
        pool.call(lambda protocol=protocol: protocol.deliver(b"abcde", more=False))  # type: ignore[misc]
        wait_until(lambda page=page: page.answered_by, "it is answered when it is whole")  # type: ignore[misc]


@pytest.mark.usefixtures("patient")
def test_what_others_hand_over_needs_no_receiver(client: Client, pool: Pool, site: SiteThreads) -> None:
    """An example is a request whose body has been read while Granian's threads wait for others."""
    for _ in range(3):
        answer(client)
    page = Page()
    page.over.set()
    site.put(make_request(page=page))
    wait_until(lambda: page.answered_by, "it is answered")
    assert page.answered_by not in {thread.name for thread in pool.threads}


def test_threads_of_a_worker_that_has_ended_are_let_go(client: Client, pool: Pool, site: SiteThreads) -> None:
    pages = [client.ask() for _ in range(MAX_RECEIVERS)]
    wait_until(lambda: pool.receivers.parked and client.answering(), "some answer, and some are kept")
    pool.end()
    for page in pages:
        page.over.set()
    wait_until(lambda: not any(thread.is_alive() for thread in pool.threads), "all end")
    assert len(site.threads) == MAX_THREADS
    assert answer(Client(site, Pool(site).put)), "another worker's requests are answered"


def test_nobody_waits_with_granian_for_a_client_that_asks_for_much(
    pool: Pool, site: SiteThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "RECEIVE_INTERVAL", 0.0)
    greedy = [TimedPage(0.005, computes=True) for _ in range(300)]
    for page in greedy:
        pool.put(make_request(page=page, REMOTE_ADDR="192.0.2.1"))
    honest = TimedPage(0.0, computes=True)
    pool.put(make_request(page=honest, REMOTE_ADDR="192.0.2.2"))
    wait_until(lambda: honest.answers, "the honest client is answered")
    assert sum(page.answers for page in greedy) < len(greedy) / 2, "before most of the others"
    wait_until(lambda: all(page.answers == 1 for page in greedy), "those are answered too, once")
    wait_until(lambda: not site.busy, "nobody is busy")
    assert not site.is_receiving_pending
    assert not site.requests.counts


def test_there_is_no_pause_where_somebody_receives_and_nothing_comes(pool: Pool, client: Client) -> None:
    slow = [client.ask(), client.ask()]
    wait_until(lambda: client.answering() == slow, "both are answered, and wait")
    wait_until(lambda: pool.receivers.receiving, "somebody else receives")
    time.sleep(2 * receivers.BUSY_QUIET_TIME)
    wait_until(lambda: pool.receivers.is_pending_unknown, "it is time for a check")
    with client.site.lock:
        assert pool.receivers.is_pause_useless()
    assert not pool.receivers.is_pending_unknown


@pytest.mark.usefixtures("patient")
def test_there_is_no_pause_where_granian_has_no_other_thread(pool: Pool, client: Client) -> None:
    """Granian would have started one if a request waited."""
    client.ask()
    wait_until(client.answering, "one is answered")
    wait_until(lambda: pool.receivers.is_pending_unknown, "it is time for a check")
    with client.site.lock:
        assert pool.receivers.is_pause_useless()
    assert not pool.receivers.is_pending_unknown


def test_nothing_is_left_lying(site: SiteThreads) -> None:
    """Two workers and the readers of bodies submit pages at once that compute, wait, or take no time."""
    pools = [Pool(site), Pool(site)]
    ways = [pools[0].put, pools[0].put, pools[1].put, site.put]
    pages: list[TimedPage] = []

    def ask(number: int) -> None:
        mine = random.Random(number)
        for _ in range(150):
            page = TimedPage(mine.choice((0, 0, 0.0005, 0.012)), computes=mine.random() < 0.5)
            pages.append(page)
            ways[number](make_request(page=page))
            time.sleep(mine.choice((0, 0, 0.002, 0.03)))

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(len(ways))]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    wait_until(lambda: all(page.answers == 1 for page in pages), "each is answered, once")
    wait_until(lambda: not site.busy, "nobody is busy")
    for pool in pools:
        assert pool.receivers.receiving
        answer(Client(site, pool.put))
    assert len(site.idle) + sum(pool.receivers.primary.is_receiving for pool in pools) == MAX_THREADS + len(pools)


class TimedPage:
    def __init__(self, seconds: float, *, computes: bool) -> None:
        self.seconds, self.computes, self.answers = seconds, computes, 0

    def answer(self) -> None:
        self.answers += 1
        end = time.monotonic() + self.seconds
        if not self.computes:
            time.sleep(self.seconds)
        while time.monotonic() < end:
            pass
