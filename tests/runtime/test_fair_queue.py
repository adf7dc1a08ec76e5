"""Clients take turns, however many requests each sends. No request is lost, and clients that are gone are forgotten."""

import random
from collections import Counter

import pytest

from djbundle.runtime.http.limits import fair_queue
from djbundle.runtime.http.limits.fair_queue import FairQueue
from djbundle.runtime.http.protocol.transport import Request
from tests.runtime.granian import make_request

PROXY, GREEDY, HONEST = "10.0.0.1", "192.0.2.1", "192.0.2.2"


@pytest.fixture
def waiting() -> FairQueue:
    return FairQueue(lambda address: address == PROXY)


def put(waiting: FairQueue, client: str, times: int = 1) -> list[Request]:
    requests = [make_request(REMOTE_ADDR=client) for _ in range(times)]
    for request in requests:
        waiting.put(request)
    return requests


def test_one_of_each_client_is_next_in_turn(waiting: FairQueue) -> None:
    first = put(waiting, "192.0.2.1", 3)
    second = put(waiting, "192.0.2.2", 2)
    third = put(waiting, "192.0.2.3", 1)
    expected = [first[0], second[0], third[0], first[1], second[1], first[2]]
    assert [id(waiting.next()) for _ in range(6)] == [id(each) for each in expected]
    assert not waiting
    assert waiting.oldest_wait() == 0


def test_who_comes_last_waits_for_one_of_each_other_client(waiting: FairQueue) -> None:
    """A client that sends a new request after each response does not overtake others."""
    put(waiting, GREEDY, 500)
    waiting.next()
    (honest,) = put(waiting, HONEST)
    put(waiting, GREEDY, 500)
    assert waiting.next().client == GREEDY
    assert waiting.next() is honest


def test_a_network_of_ipv6_is_one_client(waiting: FairQueue) -> None:
    for number in range(50):
        put(waiting, f"2001:db8::{number:x}")
    put(waiting, HONEST)
    assert HONEST in {waiting.next().client for _ in range(2)}


def test_one_client_may_have_so_many_and_no_more(waiting: FairQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_queue, "MAX_REQUESTS_PER_CLIENT", 3)
    put(waiting, GREEDY, 2)
    assert not waiting.is_at_limit(GREEDY)
    put(waiting, GREEDY)
    assert waiting.is_at_limit(GREEDY)
    assert not waiting.is_at_limit(HONEST)
    answered = waiting.next()
    assert waiting.is_at_limit(GREEDY), "one that is being answered counts"
    waiting.release(answered)
    assert not waiting.is_at_limit(GREEDY)


def test_a_proxy_may_have_any_number(waiting: FairQueue) -> None:
    put(waiting, PROXY, 2 * fair_queue.FAIR_SHARE_THRESHOLD)
    assert not waiting.is_at_limit(PROXY)
    assert not waiting.is_at_limit(HONEST), "and takes nobody's place"


def test_many_clients_together_have_bounded_room(waiting: FairQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_queue, "FAIR_SHARE_THRESHOLD", 64)
    mine = random.Random(1)
    clients = [f"192.0.2.{number}" for number in range(100)]
    for _ in range(5000):
        client = mine.choice(clients)
        if not waiting.is_at_limit(client):
            put(waiting, client)
    assert len(waiting) <= 64 + len(clients)
    assert not waiting.is_at_limit(HONEST.replace("192", "198")), "who has none waiting always comes in"


def test_nobody_is_lost_or_kept(waiting: FairQueue) -> None:
    mine = random.Random(2)
    left: Counter[str] = Counter()
    for _ in range(3000):
        if waiting and mine.random() < 0.5:
            request = waiting.next()
            waiting.release(request)
            left[request.client] -= 1
        else:
            client = f"192.0.2.{mine.randrange(40)}"
            put(waiting, client)
            left[client] += 1
        assert len(waiting) == left.total()
    while waiting:
        waiting.release(waiting.next())
    assert not waiting.queues
    assert not waiting.counts


def test_the_oldest_of_all_tells_how_long_they_wait(waiting: FairQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    put(waiting, GREEDY, 2)
    now[0] = 103.0
    put(waiting, HONEST)
    assert waiting.oldest_wait() == 3.0
    waiting.next()
    assert waiting.oldest_wait() == 3.0, "another of the first client is as old"
    waiting.next()
    waiting.next()
    assert waiting.oldest_wait() == 0.0
