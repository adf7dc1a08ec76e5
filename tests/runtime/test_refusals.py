"""Refused requests are counted and logged; if refusals last, the server reports that it is not ready."""

import asyncio
from http import HTTPStatus
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.limits import flow_control, refusals
from djbundle.runtime.http.limits.budget import Budget
from djbundle.runtime.http.limits.flow_control import FlowControl
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
