"""Refused requests are counted and logged; if refusals last, the server reports that it is not ready."""

import asyncio
import contextlib
from http import HTTPStatus
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.limits import budget, flow_control, refusals
from djbundle.runtime.http.limits.budget import COST, Budget
from djbundle.runtime.http.limits.flow_control import StalledClientError, Waiting
from djbundle.runtime.http.limits.refusals import LASTING, TELL_EVERY, Refusals
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.process.counters import Board
from tests.runtime.granian import Protocol, make_request


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
    slot, protocol = Board.create(1).slot(0), Protocol()
    refused = Refusals(Observer(slot, access_log=False))
    refused.refuse(make_request(protocol), HTTPStatus.SERVICE_UNAVAILABLE, "why")
    assert protocol.status == 503
    assert dict(protocol.headers) == {
        "Content-Length": "0",
        "X-Request-ID": "a",
        "Connection": "close",
        "Retry-After": "5",
    }
    assert slot.read().answers[5] == 1


def test_it_is_told_once_a_minute(clock: Clock, lines: list[str]) -> None:
    refused = Refusals(None)
    for _ in range(3):
        refused.refuse(make_request(), HTTPStatus.REQUEST_TIMEOUT, "why")
    refused.tell()
    assert lines == ["3 times: request refused with 408: why"]
    refused.refuse(make_request(), HTTPStatus.BAD_REQUEST, "bad")
    refused.tell()
    assert len(lines) == 1
    clock.now += TELL_EVERY
    refused.tell()
    refused.tell()
    assert len(lines) == 2


@pytest.mark.parametrize(("status", "matters"), [(HTTPStatus.SERVICE_UNAVAILABLE, True), (HTTPStatus.NOT_FOUND, False)])
def test_want_of_room_is_a_problem_when_it_lasts(clock: Clock, status: HTTPStatus, matters: bool) -> None:
    refused = Refusals(None)
    for _ in range(2):
        assert not refused.problem()
        refused.count(status, "why")
        clock.now += LASTING / 2
    assert bool(refused.problem()) is matters
    clock.now += LASTING
    assert not refused.problem()


def test_what_waits_is_granted_per_connection_client_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("CONNECTION", 10), ("CLIENT", 20), ("PROCESS", 40)):
        monkeypatch.setattr(budget, name, size)
    granted = Budget(lambda address: address == "10.0.0.1")
    granted.take(("192.0.2.1", 1), "192.0.2.1", 10)
    assert granted.is_spent(("192.0.2.1", 1), "192.0.2.1")
    assert not granted.is_spent(("192.0.2.1", 2), "192.0.2.1")
    granted.take(("192.0.2.1", 2), "192.0.2.1", 10)
    assert granted.is_spent(("192.0.2.1", 3), "192.0.2.1")
    granted.take(("10.0.0.1", 1), "10.0.0.1", 15)
    assert not granted.is_spent(("10.0.0.1", 1), "10.0.0.1"), "a proxy stands for many"
    granted.take(("192.0.2.2", 1), "192.0.2.2", 5)
    assert granted.is_spent(("192.0.2.3", 1), "192.0.2.3"), "all of them have too much"
    for port in (1, 2):
        granted.take(("192.0.2.1", port), "192.0.2.1", -10)
    assert not granted.is_spent(("192.0.2.1", 1), "192.0.2.1")


def test_the_slowest_responses_make_room_by_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[tuple[str, int]] = []
    monkeypatch.setattr(flow_control, "abort_connections", broken.extend)
    monkeypatch.setattr(budget, "EVICTABLE", 0.0)
    granted = Budget()
    responses = Waiting(granted, Refusals(None))
    with contextlib.ExitStack() as stack:
        for number in range(8):
            address = f"192.0.2.{number}"
            stack.enter_context(responses.waits(object(), (address, 1), address))
        responses.sweep()
        assert not broken, "there is room"
        monkeypatch.setattr(budget, "PROCESS", granted.total)
        responses.sweep()
        assert len(broken) == 3, "a quarter, and one"
    assert not granted.total


def test_who_takes_nothing_of_too_many_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_control, "CLIENT", COST)
    responses = Waiting(granted := Budget(lambda _address: False), Refusals(None))
    with responses.waits("a", ("192.0.2.1", 1), "192.0.2.1"):
        with pytest.raises(StalledClientError), responses.waits("b", ("192.0.2.1", 2), "192.0.2.1"):
            pass
        with responses.waits("c", ("192.0.2.2", 1), "192.0.2.2"):
            pass
    assert not granted.total


def test_of_one_client_as_many_wait_as_are_answered_by_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_control, "MOST_REQUESTS", 2)
    monkeypatch.setattr(flow_control, "LOOK", 0.001)
    responses = Waiting(Budget(lambda _address: False), Refusals(None))

    def ask(client: str) -> asyncio.Task[bool]:
        return asyncio.ensure_future(responses.has_room((client, 1), client))

    async def flood() -> None:
        asked = [ask("192.0.2.1") for _ in range(8)]
        assert await ask("192.0.2.2"), "others find room"
        await asyncio.sleep(0)
        assert [each.done() and each.result() for each in asked] == [True, True, False, False, *[False] * 4]
        assert sum(each.done() for each in asked) == 6, "two wait, and the others are refused at once"
        assert responses.refusal("192.0.2.1")[0] == HTTPStatus.TOO_MANY_REQUESTS
        for _ in range(2):
            responses.leave("192.0.2.1")
        assert await asyncio.gather(*asked[2:4]) == [True, True]
        assert not responses.held

    asyncio.run(flood())
