"""The account of a response ends with nothing counted, however the response ends."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from djbundle.runtime.http.limits import budget, flow_control
from djbundle.runtime.http.limits.budget import RESPONSE_COST, Budget
from djbundle.runtime.http.limits.flow_control import FlowControl
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.response_account import StalledClientError
from tests.runtime.granian import FreeTurn

Test = Callable[[FlowControl], Coroutine[Any, Any, None]]
CLIENT = "192.0.2.1"


def run(test: Test) -> None:
    async def run_in_loop() -> None:
        site = FlowControl(Budget(lambda _address: False), Refusals(None))
        await test(site)
        assert (site.budget.total, site.open, site.held_pages.total) == (0, set(), 0)

    asyncio.run(asyncio.wait_for(run_in_loop(), 30))


def test_a_client_that_takes_nothing_in_time_is_stalled() -> None:
    async def test(site: FlowControl) -> None:
        account = site.account((CLIENT, 1), CLIENT)
        with pytest.raises(StalledClientError):
            await account.wait_until_taken(asyncio.get_running_loop().create_future(), 0.01, RESPONSE_COST)

    run(test)


def test_a_client_that_takes_nothing_of_too_many_is_stalled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_BYTES_PER_CLIENT", RESPONSE_COST)

    async def test(site: FlowControl) -> None:
        taken = asyncio.get_running_loop().create_future()
        first, second = site.account((CLIENT, 1), CLIENT), site.account((CLIENT, 2), CLIENT)
        waiting = asyncio.ensure_future(first.wait_until_taken(taken, 60, RESPONSE_COST))
        await asyncio.sleep(0)
        with pytest.raises(StalledClientError):
            await second.wait_until_taken(taken, 60, RESPONSE_COST)
        taken.set_result(None)
        await waiting

    run(test)


def test_an_evicted_response_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[tuple[str, int]] = []
    monkeypatch.setattr(flow_control, "abort_connections", broken.extend)

    async def test(site: FlowControl) -> None:
        accounts = [site.account((CLIENT, port), CLIENT) for port in (1, 2)]
        accounts[1].keeps_connection = True  # a proxy's
        never = asyncio.get_running_loop().create_future
        waits = [asyncio.ensure_future(each.wait_until_taken(never(), 60, RESPONSE_COST)) for each in accounts]
        await asyncio.sleep(0)
        monkeypatch.setattr(site.eviction, "choose", lambda responses: [*responses])
        site.sweep()
        for each in waits:
            with pytest.raises(StalledClientError):
                await each
        assert broken == [(CLIENT, 1)]

    run(test)


def test_a_page_without_room_waits_until_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_control, "POLL_INTERVAL", 0.001)

    async def test(site: FlowControl) -> None:
        first, second = site.account((CLIENT, 1), CLIENT), site.account((CLIENT, 2), CLIENT)
        first.add(budget.MAX_BYTES_PER_CLIENT)
        waiting = asyncio.ensure_future(site.charge_when_free(second, 10, FreeTurn()))
        await asyncio.sleep(0.01)
        assert site.held_pages.total == 10
        first.close()
        assert await waiting
        assert site.budget.total == second.cost == 10
        second.close()

    run(test)
