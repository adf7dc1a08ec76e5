"""Refused requests are counted and logged; if refusals last, the server reports that it is not ready."""

import asyncio
import contextlib
from http import HTTPStatus
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.limits import budget, flow_control, refusals
from djbundle.runtime.http.limits.budget import RESPONSE_COST, Budget
from djbundle.runtime.http.limits.flow_control import FlowControl, StalledClientError
from djbundle.runtime.http.limits.refusals import LOG_INTERVAL, OVERLOAD_WINDOW, Refusals
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.process.counters import Scoreboard
from tests.runtime.granian import FreeTurn, Protocol, make_request


class Clock(SimpleNamespace):
    def monotonic(self) -> float:
        return float(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(now=0.0)
    monkeypatch.setattr(refusals, "time", clock)
    return clock


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(refusals, "log", lambda line, _level: lines.append(line))
    return lines


@pytest.mark.usefixtures("clock")
def test_it_is_answered_and_counted() -> None:
    slot, protocol = Scoreboard.create(1).slot(0), Protocol()
    site = Refusals(Observer(slot, access_log=False))
    site.refuse(make_request(protocol), HTTPStatus.SERVICE_UNAVAILABLE, "why")
    assert protocol.status == 503
    assert dict(protocol.headers) == {
        "Content-Length": "0",
        "X-Request-ID": "a",
        "Connection": "close",
        "Retry-After": "5",
    }
    assert slot.read().responses[5] == 1


def test_it_is_told_once_a_minute(clock: Clock, lines: list[str]) -> None:
    site = Refusals(None)
    for _ in range(3):
        site.refuse(make_request(), HTTPStatus.REQUEST_TIMEOUT, "why")
    site.log_counts()
    assert lines == ["request refused with 408: why (3 times)"]
    site.refuse(make_request(), HTTPStatus.BAD_REQUEST, "bad")
    site.log_counts()
    assert len(lines) == 1
    clock.now += LOG_INTERVAL
    site.log_counts()
    site.log_counts()
    assert len(lines) == 2


@pytest.mark.parametrize(("status", "matters"), [(HTTPStatus.SERVICE_UNAVAILABLE, True), (HTTPStatus.NOT_FOUND, False)])
def test_want_of_room_is_a_problem_when_it_lasts(clock: Clock, status: HTTPStatus, matters: bool) -> None:
    site = Refusals(None)
    for _ in range(2):
        assert not site.problem()
        site.count(status, "why")
        clock.now += OVERLOAD_WINDOW / 2
    assert bool(site.problem()) is matters
    clock.now += OVERLOAD_WINDOW
    assert not site.problem()


def test_what_waits_is_granted_per_connection_client_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("MAX_BYTES_PER_CONNECTION", 10), ("MAX_BYTES_PER_CLIENT", 20), ("MAX_BYTES", 40)):
        monkeypatch.setattr(budget, name, size)
    responses = Budget(lambda address: address == "10.0.0.1")
    responses.charge(("192.0.2.1", 1), "192.0.2.1", 10)
    assert responses.is_spent(("192.0.2.1", 1), "192.0.2.1")
    assert not responses.is_spent(("192.0.2.1", 2), "192.0.2.1")
    responses.charge(("192.0.2.1", 2), "192.0.2.1", 10)
    assert responses.is_spent(("192.0.2.1", 3), "192.0.2.1")
    responses.charge(("10.0.0.1", 1), "10.0.0.1", 15)
    assert not responses.is_spent(("10.0.0.1", 1), "10.0.0.1"), "a proxy stands for many"
    responses.charge(("192.0.2.2", 1), "192.0.2.2", 5)
    assert responses.is_spent(("192.0.2.3", 1), "192.0.2.3"), "all of them have too much"
    for port in (1, 2):
        responses.charge(("192.0.2.1", port), "192.0.2.1", -10)
    assert not responses.is_spent(("192.0.2.1", 1), "192.0.2.1")


def test_the_slowest_responses_make_room_by_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[tuple[str, int]] = []
    monkeypatch.setattr(flow_control, "abort_connections", broken.extend)
    monkeypatch.setattr(budget, "EVICTION_TIMEOUT", 0.0)
    responses = Budget()
    site = FlowControl(responses, Refusals(None))
    with contextlib.ExitStack() as stack:
        for number in range(8):
            address = f"192.0.2.{number}"
            stack.enter_context(site.waiting_for_client(object(), (address, 1), address))
        site.sweep()
        assert not broken, "there is room"
        monkeypatch.setattr(budget, "MAX_BYTES", responses.total)
        site.sweep()
        assert len(broken) == 3, "a quarter, and one"
    assert not responses.total


def test_who_takes_nothing_of_too_many_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_control, "MAX_BYTES_PER_CLIENT", RESPONSE_COST)
    site = FlowControl(responses := Budget(lambda _address: False), Refusals(None))
    with site.waiting_for_client("a", ("192.0.2.1", 1), "192.0.2.1"):
        with pytest.raises(StalledClientError), site.waiting_for_client("b", ("192.0.2.1", 2), "192.0.2.1"):
            pass
        with site.waiting_for_client("c", ("192.0.2.2", 1), "192.0.2.2"):
            pass
    assert not responses.total


def test_of_one_client_as_many_wait_as_are_answered_by_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_control, "MAX_REQUESTS_PER_CLIENT", 2)
    monkeypatch.setattr(flow_control, "POLL_INTERVAL", 0.001)
    site = FlowControl(Budget(lambda _address: False), Refusals(None))

    def ask(client: str) -> asyncio.Task[bool]:
        return asyncio.ensure_future(site.admit((client, 1), client, FreeTurn()))

    async def flood() -> None:
        tasks = [ask("192.0.2.1") for _ in range(8)]
        assert await ask("192.0.2.2"), "others find room"
        await asyncio.sleep(0)
        assert [each.done() and each.result() for each in tasks] == [True, True, False, False, *[False] * 4]
        assert sum(each.done() for each in tasks) == 6, "two wait, and the others are refused at once"
        assert site.refusal("192.0.2.1")[0] == HTTPStatus.TOO_MANY_REQUESTS
        for _ in range(2):
            site.release("192.0.2.1")
        assert await asyncio.gather(*tasks[2:4]) == [True, True]
        assert not site.held_requests

    asyncio.run(flood())
