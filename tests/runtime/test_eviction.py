"""The slowest responses of clients above their share make room when too much waits for clients."""

import time
from dataclasses import dataclass

import pytest

from djbundle.runtime.http.limits import budget, eviction
from djbundle.runtime.http.limits.budget import Budget
from djbundle.runtime.http.limits.eviction import EVICTION_TIMEOUT, WINDOW, Eviction

PROXY = "10.0.0.1"
SIZE = 1000  # bytes of a response
SLOW, FAST = 1, 1000  # bytes per second that a client takes


@dataclass(eq=False)
class Response:
    client: str
    rate: int
    cost: int = SIZE
    sent: int = 0
    waiting_since: float | None = None


class Site:
    """Responses of which clients take something each second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        for module in (budget, eviction):
            monkeypatch.setattr(module, "MAX_BYTES", 8 * SIZE)
            monkeypatch.setattr(module, "RESERVE", 2 * SIZE, raising=False)
        self.budget = Budget(lambda address: address == PROXY)
        self.eviction: Eviction[Response] = Eviction(self.budget)
        self.responses: list[Response] = []

    def begin(self, client: str, count: int, rate: int) -> list[Response]:
        responses = [Response(client, rate) for _ in range(count)]
        for each in responses:
            self.budget.charge((client, 1), client, each.cost)
        self.responses += responses
        return responses

    def chosen(self, seconds: float) -> list[Response]:
        """Return the responses that are chosen after so many seconds."""
        chosen: list[Response] = []
        end = self.now + seconds
        while self.now < end:
            self.now += 1
            for each in self.responses:
                each.sent += each.rate
            chosen = self.eviction.choose(self.responses)
        return chosen


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


def test_nothing_is_cut_off_while_there_is_room(site: Site) -> None:
    site.begin("192.0.2.1", 7, SLOW)
    assert not site.chosen(60)


def test_a_client_that_always_takes_a_little_is_cut_down(site: Site) -> None:
    """Each byte that it takes is progress, so a time without progress would never come."""
    greedy = site.begin("192.0.2.1", 8, SLOW)
    honest = site.begin("192.0.2.2", 1, SLOW)
    chosen = site.chosen(2 * WINDOW)
    assert chosen
    assert set(chosen) < set(greedy)
    assert honest[0] not in chosen


def test_the_slowest_go_first(site: Site) -> None:
    """An office with fast downloads holds as much as an attacker, but not for long."""
    fast, slow = site.begin("192.0.2.1", 5, FAST), site.begin("192.0.2.2", 5, SLOW)
    chosen = site.chosen(2 * WINDOW)
    assert set(chosen[:1]) < set(slow)
    assert not set(chosen) & set(fast)


def test_a_new_response_is_spared(site: Site) -> None:
    site.begin("192.0.2.1", 10, SLOW)
    assert not site.chosen(1)


def test_a_proxy_has_no_share(site: Site) -> None:
    site.begin(PROXY, 10, SLOW)
    assert not site.chosen(2 * WINDOW)


def test_those_that_take_nothing_at_all_make_room_for_everyone(site: Site) -> None:
    """A quarter of them, and one."""
    stalled = site.begin(PROXY, 8, 0)
    for each in stalled:
        each.waiting_since = 0.5
    assert not site.chosen(EVICTION_TIMEOUT)
    assert site.chosen(1) == stalled[:3]
