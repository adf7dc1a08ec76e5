"""An ASGI site begins a few requests at once; clients take turns, and requests that wait for something do not count."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from djbundle.runtime.http.limits import fair_queue, new_requests
from djbundle.runtime.http.limits.new_requests import MAX_NEW, MAX_NEW_BYTES, MIN_NEW, NewRequests

GREEDY, HONEST, PROXY = "192.0.2.1", "192.0.2.2", "192.0.2.3"
BUSY_SECONDS = 0.03  # for which each turn of a busy loop computes
Test = Callable[[NewRequests], Coroutine[Any, Any, None]]


@dataclass(eq=False)
class Waiting:
    """A request that notes what becomes of it."""

    client: str
    has_begun: bool = False
    expired: list[bool] = field(default_factory=list)

    has_left: bool = False

    def begin(self) -> bool:
        self.has_begun = not self.has_left
        return self.has_begun

    def expire(self, *, is_only: bool) -> None:
        self.expired.append(is_only)


def run(test: Test) -> None:
    async def run_in_loop() -> None:
        site = NewRequests(asyncio.get_running_loop(), lambda client: client == PROXY)
        site.page_size = 1.0  # its pages are small
        await test(site)

    asyncio.run(asyncio.wait_for(run_in_loop(), 30))


async def keep_busy() -> None:
    """Compute all the time, as a loop does that makes pages."""
    while True:
        time.sleep(BUSY_SECONDS)
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def put(site: NewRequests, client: str, count: int = 1) -> list[Waiting]:
    requests = [Waiting(client) for _ in range(count)]
    for request in requests:
        assert site.put(request)
    return requests


async def fill(site: NewRequests, client: str = GREEDY) -> list[Waiting]:
    """Let as many requests begin as may."""
    requests = put(site, client, MAX_NEW)
    await until(lambda: requests[-1].has_begun)
    return requests


def test_a_busy_loop_begins_no_more_than_so_many() -> None:
    async def test(site: NewRequests) -> None:
        first = await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        next_ones = put(site, GREEDY, 3)
        await asyncio.sleep(5 * BUSY_SECONDS)
        assert not any(each.has_begun for each in next_ones)
        site.end(first[0])
        assert [each.has_begun for each in next_ones] == [True, False, False]
        busy.cancel()
        await until(lambda: next_ones[-1].has_begun)

    run(test)


def test_those_that_wait_for_something_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop is idle although all of them are unanswered: they are long polls."""
    monkeypatch.setattr(new_requests, "MAX_AGE", 3600)  # not by their age
    monkeypatch.setattr(new_requests, "MAX_LATENESS", 0.5)  # seconds; other programs may use the processor

    async def test(site: NewRequests) -> None:
        for _ in range(4):
            await fill(site)

    run(test)


def test_old_ones_make_room_even_in_a_busy_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_requests, "MAX_AGE", 3 * BUSY_SECONDS)

    async def test(site: NewRequests) -> None:
        await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        (request,) = put(site, GREEDY)
        await until(lambda: request.has_begun)
        busy.cancel()

    run(test)


def test_large_pages_leave_room_for_fewer() -> None:
    """Nobody knows how large the next ones are: as large as the last ones, perhaps."""

    async def test(site: NewRequests) -> None:
        busy = asyncio.ensure_future(keep_busy())
        site.note_page(MAX_NEW_BYTES // (2 * MIN_NEW))
        first = put(site, GREEDY, MAX_NEW)
        await until(lambda: first[0].has_begun)
        assert sum(each.has_begun for each in first) == 2 * MIN_NEW
        site.note_page(MAX_NEW_BYTES)
        site.end(first[0])
        assert len(site.new) == 2 * MIN_NEW - 1
        for _ in range(MAX_NEW):
            site.note_page(1000)
        site.end(first[1])
        assert all(each.has_begun for each in first)
        busy.cancel()

    run(test)


def test_requests_of_clients_that_have_left_take_no_room() -> None:
    async def test(site: NewRequests) -> None:
        busy = asyncio.ensure_future(keep_busy())
        for each in (left := put(site, GREEDY, MAX_NEW)):
            each.has_left = True
        (request,) = put(site, HONEST)
        await until(lambda: request.has_begun)
        assert not any(each.has_begun for each in left)
        assert not site.waiting
        busy.cancel()

    run(test)


def test_clients_take_turns() -> None:
    async def test(site: NewRequests) -> None:
        first = await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        greedy, (honest,) = put(site, GREEDY, 50), put(site, HONEST)
        for request in first[:2]:
            site.end(request)
        assert honest.has_begun
        assert sum(each.has_begun for each in greedy) == 1
        busy.cancel()

    run(test)


def test_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_requests, "HOLD_TIMEOUT", 2 * BUSY_SECONDS)

    async def test(site: NewRequests) -> None:
        await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        greedy, (honest,) = put(site, GREEDY, 2), put(site, HONEST)
        await until(lambda: bool(honest.expired))
        assert ([each.expired for each in greedy], honest.expired) == ([[False], [True]], [True])
        assert not any(each.has_begun for each in [*greedy, honest])
        assert not site.waiting
        assert not site.waiting.counts
        busy.cancel()

    run(test)


def test_so_many_of_a_client_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_queue, "MAX_REQUESTS_PER_CLIENT", 2)

    async def test(site: NewRequests) -> None:
        put(site, PROXY, MAX_NEW)
        await until(lambda: not site.waiting)
        busy = asyncio.ensure_future(keep_busy())
        put(site, GREEDY, 2)
        put(site, PROXY, 3)
        assert not site.put(Waiting(GREEDY))
        put(site, HONEST)
        busy.cancel()
        await until(lambda: not site.waiting)
        put(site, GREEDY)

    run(test)


def test_any_thread_may_put() -> None:
    async def test(site: NewRequests) -> None:
        requests = [Waiting(GREEDY) for _ in range(300)]
        threads = [asyncio.to_thread(site.put, request) for request in requests]
        assert all(await asyncio.gather(*threads))
        await until(lambda: all(each.has_begun for each in requests))

    run(test)


class Failing(Waiting):
    """A request that can neither begin nor be refused, as when the system has no descriptor left."""

    def begin(self) -> bool:
        raise OSError

    def expire(self, *, is_only: bool) -> None:  # noqa: ARG002 - as NewRequests calls it
        raise OSError


def test_a_request_that_fails_to_begin_holds_up_no_other() -> None:
    async def test(site: NewRequests) -> None:
        assert site.put(Failing(GREEDY))
        (request,) = put(site, HONEST)
        await until(lambda: request.has_begun)

    run(test)


def test_a_request_that_cannot_be_refused_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_requests, "HOLD_TIMEOUT", 2 * BUSY_SECONDS)

    async def test(site: NewRequests) -> None:
        await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        assert site.put(Failing(GREEDY))
        (late,) = put(site, HONEST)
        await until(lambda: bool(late.expired))
        monkeypatch.setattr(new_requests, "HOLD_TIMEOUT", 60)
        (request,) = put(site, HONEST)
        busy.cancel()
        await until(lambda: request.has_begun)

    run(test)
