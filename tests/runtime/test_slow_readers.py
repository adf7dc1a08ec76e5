"""A client that reads slowly over many connections loses those that have been slow for longest."""

import socket
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.limits import slow_readers
from djbundle.runtime.http.limits.slow_readers import (
    MAX_SLOW_CONNECTIONS,
    MAX_SLOW_CONNECTIONS_PER_CLIENT,
    MIN_BYTES_IN_WINDOW,
    SLOW_WINDOW,
    SlowReaders,
)
from djbundle.runtime.http.protocol.connections import Connection, Traffic
from tests.support.clock import stopped_clock

PROXY = "192.0.2.99"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return stopped_clock(monkeypatch, slow_readers)


@pytest.fixture
def site(clock: SimpleNamespace) -> SlowReaders:
    return SlowReaders(lambda address: address == PROXY)


def note(site: SlowReaders, address: str, port: int, taken: int = 0, *, is_fully_acknowledged: bool = False) -> None:
    connection = Connection(address, port, 443, socket.socket())
    site.note(connection, Traffic(0.0, 0.0, 100, is_fully_acknowledged=is_fully_acknowledged, acknowledged=taken))
    connection.socket.close()


def test_some_slow_connections_are_allowed(site: SlowReaders, clock: SimpleNamespace) -> None:
    for port in range(MAX_SLOW_CONNECTIONS_PER_CLIENT + 1):
        clock.now = port / 1000
        note(site, "192.0.2.1", port)
    assert not site.connections_to_close(), "nobody is slow yet"
    clock.now = SLOW_WINDOW + 1
    assert site.connections_to_close() == {("192.0.2.1", 0)}


def test_who_reads_is_not_slow(site: SlowReaders, clock: SimpleNamespace) -> None:
    """Such a client has read everything, or enough within the time."""
    for port in range(2 * MAX_SLOW_CONNECTIONS_PER_CLIENT):
        note(site, "192.0.2.1", port)
    clock.now = SLOW_WINDOW + 1
    for port in range(2 * MAX_SLOW_CONNECTIONS_PER_CLIENT):
        note(site, "192.0.2.1", port, MIN_BYTES_IN_WINDOW, is_fully_acknowledged=port % 2 == 0)
    assert not site.connections_to_close()


def test_a_drop_now_and_then_is_slow(site: SlowReaders, clock: SimpleNamespace) -> None:
    for second in range(int(SLOW_WINDOW) + 1):
        clock.now = float(second)
        for port in range(MAX_SLOW_CONNECTIONS_PER_CLIENT + 3):
            note(site, "192.0.2.1", port, taken=second * 1000)
    assert len(site.connections_to_close()) == 3


def test_all_clients_together_have_a_limit_too(site: SlowReaders, clock: SimpleNamespace) -> None:
    for number in range(MAX_SLOW_CONNECTIONS + 5):
        note(site, f"192.0.{number % 200}.1", number)
    clock.now = SLOW_WINDOW
    assert len(site.connections_to_close()) == 5


def test_a_proxy_may_have_any_number(site: SlowReaders, clock: SimpleNamespace) -> None:
    for port in range(2 * MAX_SLOW_CONNECTIONS):
        note(site, PROXY, port)
    clock.now = SLOW_WINDOW
    assert not site.connections_to_close()


def test_what_is_closed_is_forgotten(site: SlowReaders) -> None:
    note(site, "192.0.2.1", 1)
    note(site, "192.0.2.1", 2)
    site.forget_all_but({("192.0.2.1", 2)})
    assert [*site.readers] == [("192.0.2.1", 2)]
