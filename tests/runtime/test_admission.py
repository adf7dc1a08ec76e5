"""Requests of a client that reads nothing are held back, but neither for ever nor in unlimited number."""

import time

import pytest

from djbundle.runtime.http.limits import admission
from djbundle.runtime.http.limits.admission import Admission
from djbundle.runtime.http.limits.bodies import Bodies
from djbundle.runtime.http.limits.budget import HOLD_TIMEOUT, MAX_BYTES_PER_CONNECTION
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.net.trusted_proxies import parse_proxies
from djbundle.runtime.options.http import HttpOptions
from tests.runtime import granian
from tests.runtime.granian import Protocol, make_request


class Gate:
    """An admission, and the requests that it has let in."""

    def __init__(self) -> None:
        self.limits = Limits(HttpOptions(trusted_proxies=parse_proxies("10.0.0.0/8")))
        self.admitted: list[Request] = []
        self.clients_at_limit: set[str] = set()  # clients that have enough requests already
        self.admission = Admission(
            self.limits,
            Bodies(self.limits, None),
            self.admitted.append,
            is_at_limit=lambda client: client in self.clients_at_limit,
        )

    def keep_waiting(self, size: int = MAX_BYTES_PER_CONNECTION) -> None:
        """Record that `size` bytes are pending for the client."""
        self.limits.budget.charge(granian.CONNECTION, "127.0.0.1", size)

    def ask(self) -> Protocol:
        protocol = Protocol()
        self.admission.admit(make_request(protocol), self.admitted.append)
        return protocol


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_it_goes_in_when_the_client_has_taken_the_others(gate: Gate) -> None:
    gate.keep_waiting()
    gate.ask()
    gate.admission.sweep()
    assert not gate.admitted
    gate.keep_waiting(-MAX_BYTES_PER_CONNECTION)
    gate.admission.sweep()
    assert len(gate.admitted) == 1


def test_who_has_too_many_requests_is_refused_at_once(gate: Gate) -> None:
    assert gate.ask().status == 0
    gate.clients_at_limit.add("127.0.0.1")
    assert gate.ask().status == 429
    assert len(gate.admitted) == 1
    gate.clients_at_limit.clear()
    assert gate.ask().status == 0


def test_no_more_are_held_than_may_be(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_HELD_REQUESTS", 3)
    gate.keep_waiting()
    assert [gate.ask().status for _ in range(5)] == [0, 0, 0, 429, 429]
    gate.admission.sweep()
    assert len(gate.admission.held) == 3, "a sweep drops nobody"


def test_none_is_held_for_ever(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    gate.keep_waiting()
    protocol = gate.ask()
    now = HOLD_TIMEOUT
    gate.admission.sweep()
    assert protocol.status == 0
    now += 1
    gate.admission.sweep()
    assert protocol.status == 429
    assert not gate.admission.held
