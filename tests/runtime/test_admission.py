"""Requests of a client that reads nothing are held back, but neither for ever nor in unlimited number."""

import pytest

from djbundle.runtime.http.limits import admission
from djbundle.runtime.http.limits.admission import Admission
from djbundle.runtime.http.limits.bodies import Bodies
from djbundle.runtime.http.limits.budget import CONNECTION, LONGEST_WAIT
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
        self.let_in: list[Request] = []
        self.greedy: set[str] = set()  # clients that have enough requests already
        self.admission = Admission(
            self.limits, Bodies(self.limits, None), self.let_in.append, has_enough=lambda client: client in self.greedy
        )

    def keep_waiting(self, size: int = CONNECTION) -> None:
        """Record that `size` bytes are pending for the client."""
        self.limits.budget.take(granian.CONNECTION, "127.0.0.1", size)

    def ask(self) -> Protocol:
        protocol = Protocol()
        self.admission.admit(make_request(protocol), self.let_in.append)
        return protocol


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_it_goes_in_when_the_client_has_taken_the_others(gate: Gate) -> None:
    gate.keep_waiting()
    gate.ask()
    gate.admission.sweep()
    assert not gate.let_in
    gate.keep_waiting(-CONNECTION)
    gate.admission.sweep()
    assert len(gate.let_in) == 1


def test_who_has_too_many_requests_is_refused_at_once(gate: Gate) -> None:
    assert gate.ask().status == 0
    gate.greedy.add("127.0.0.1")
    assert gate.ask().status == 429
    assert len(gate.let_in) == 1
    gate.greedy.clear()
    assert gate.ask().status == 0


def test_no_more_are_held_than_may_be(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MOST_HELD", 3)
    gate.keep_waiting()
    assert [gate.ask().status for _ in range(5)] == [0, 0, 0, 429, 429]
    gate.admission.sweep()
    assert len(gate.admission.held) == 3, "a look drops nobody"


def test_none_is_held_for_ever(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(admission.time, "monotonic", lambda: now)
    gate.keep_waiting()
    protocol = gate.ask()
    now = LONGEST_WAIT
    gate.admission.sweep()
    assert protocol.status == 0
    now += 1
    gate.admission.sweep()
    assert protocol.status == 429
    assert not gate.admission.held
