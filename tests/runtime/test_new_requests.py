"""An ASGI site begins a few requests at once; clients take turns, and requests that wait for something do not count."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from djbundle.runtime.http.limits import new_requests
from djbundle.runtime.http.limits.new_requests import MAX_NEW, NewRequests

GREEDY, HONEST, PROXY = "192.0.2.1", "192.0.2.2", "192.0.2.3"
BUSY_SECONDS = 0.03  # for which each turn of a busy loop computes


@pytest.fixture
def site() -> NewRequests:
    return NewRequests(lambda client: client == PROXY)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


async def keep_busy() -> None:
    """Compute all the time, as a loop does that makes pages."""
    while True:
        time.sleep(BUSY_SECONDS)
        await asyncio.sleep(0)


async def fill(site: NewRequests, client: str = GREEDY) -> list[object]:
    requests = [object() for _ in range(MAX_NEW)]
    for request in requests:
        assert await site.begin(request, client)
    return requests


def ask(site: NewRequests, client: str) -> asyncio.Task[bool]:
    return asyncio.ensure_future(site.begin(object(), client))


def test_a_busy_loop_begins_no_more_than_so_many(site: NewRequests) -> None:
    async def test() -> None:
        first = await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        next_ones = [ask(site, GREEDY) for _ in range(3)]
        await asyncio.sleep(5 * BUSY_SECONDS)
        assert not any(each.done() for each in next_ones)
        site.end(first[0])
        await asyncio.sleep(BUSY_SECONDS)
        assert [each.done() for each in next_ones] == [True, False, False]
        busy.cancel()
        assert all(await asyncio.gather(*next_ones))

    run(test())


def test_those_that_wait_for_something_make_room(site: NewRequests) -> None:
    """The loop is idle although all of them are unanswered: they are long polls."""

    async def test() -> None:
        await fill(site)
        began = time.monotonic()
        for _ in range(3):
            await fill(site)
        assert time.monotonic() - began < new_requests.MAX_AGE

    run(test())


def test_old_ones_make_room_even_in_a_busy_loop(site: NewRequests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_requests, "MAX_AGE", 3 * BUSY_SECONDS)

    async def test() -> None:
        await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        assert await site.begin(object(), GREEDY)
        busy.cancel()

    run(test())


def test_clients_take_turns(site: NewRequests) -> None:
    async def test() -> None:
        first = await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        greedy, honest = [ask(site, GREEDY) for _ in range(50)], ask(site, HONEST)
        await asyncio.sleep(0)
        for request in first[:2]:
            site.end(request)
        await asyncio.sleep(BUSY_SECONDS)
        assert honest.done()
        assert sum(each.done() for each in greedy) == 1
        busy.cancel()
        await asyncio.gather(*greedy)

    run(test())


def test_who_leaves_or_waits_too_long_takes_no_turn(site: NewRequests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_requests, "HOLD_TIMEOUT", 2 * BUSY_SECONDS)

    async def test() -> None:
        first = await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        leaves, waits = ask(site, GREEDY), ask(site, GREEDY)
        await asyncio.sleep(0)
        leaves.cancel()
        assert not await waits
        busy.cancel()
        for request in first:
            site.end(request)
        assert await site.begin(object(), HONEST)
        assert len(site.new) == 1
        assert (site.waiting, site.queues) == (0, {})

    run(test())


def test_so_many_may_wait(site: NewRequests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_requests, "MAX_WAITING_PER_CLIENT", 2)
    monkeypatch.setattr(new_requests, "MAX_WAITING", 6)

    async def test() -> None:
        await fill(site)
        busy = asyncio.ensure_future(keep_busy())
        waiting = [ask(site, GREEDY), ask(site, GREEDY), *(ask(site, PROXY) for _ in range(3))]
        await asyncio.sleep(0)
        assert not await site.begin(object(), GREEDY)
        waiting.append(ask(site, HONEST))
        await asyncio.sleep(0)
        assert not await site.begin(object(), "192.0.2.4")
        busy.cancel()
        assert all(await asyncio.gather(*waiting))

    run(test())
