"""Responses in parts: sent as fast as the client reads, broken off if it does not, and never cut unnoticed."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.limits import budget, eviction
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.streaming import generated_response, streamed_response, streams
from djbundle.runtime.http.streaming.streams import Streams
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import CONNECTION, Protocol, make_request
from tests.support.waiting import wait_until

PARTS = [b"a", b"b", b"c", b"d", b"e", b"f"]
TIMEOUT = 60.0


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return the list of connections that were broken off."""
    broken: list[tuple[str, int]] = []
    for module in (streams, streamed_response):
        monkeypatch.setattr(module, "abort_connections", broken.extend)
    monkeypatch.setattr(generated_response, "connections", SimpleNamespace(close_all=lambda: None))
    return broken


@pytest.fixture
def site(broken: list[tuple[str, int]]) -> Streams:
    return Streams(Limits(HttpOptions()))


class Source:
    """A source of parts. It records in which threads they were made, and whether it was closed."""

    def __init__(self, fails_after: int = 100) -> None:
        self.parts, self.left = iter(PARTS), fails_after
        self.threads: set[int] = set()
        self.is_closed = False

    def __next__(self) -> bytes:
        self.threads.add(threading.get_ident())
        self.left -= 1
        if self.left < 0:
            raise ValueError
        return next(self.parts)

    def close(self) -> None:
        self.is_closed = True


def send(site: Streams, way: str, protocol: Protocol, source: Source | None = None) -> Source:
    source, request = source or Source(), make_request(protocol)
    request.transport.give_up = protocol.given_up.set
    getattr(site, way)(request, 200, [], source)
    return source


@pytest.fixture(params=["send", "generate"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    return request.param  # type: ignore[no-any-return]


def test_parts_follow_each_other(site: Streams, way: str) -> None:
    protocol = Protocol()
    source = send(site, way, protocol)
    wait_until(lambda: source.is_closed, "it is over")
    assert protocol.body == b"".join(PARTS)
    assert protocol.over.is_set()
    assert not site.open
    assert not site.budget.total


def test_a_status_without_a_body_gets_none(site: Streams, way: str) -> None:
    protocol, source = Protocol(), Source()
    getattr(site, way)(make_request(protocol), 204, [], source)
    assert protocol.over.is_set()
    assert (protocol.status, protocol.parts, source.is_closed) == (204, [], True)
    assert not site.budget.total


def test_they_wait_for_their_client(site: Streams, way: str) -> None:
    protocol = Protocol(room=2)
    source = send(site, way, protocol)
    for taken in range(3, len(PARTS) + 1):
        wait_until(lambda taken=taken: len(protocol.parts) == taken and protocol.send_futures, "one waits")  # type: ignore[misc]
        assert not source.is_closed
        assert site.budget.total
        protocol.accept_parts()
    wait_until(lambda: source.is_closed, "it is over")
    assert protocol.body == b"".join(PARTS)


def test_a_generator_has_one_thread(site: Streams) -> None:
    protocol = Protocol(room=2)
    source = send(site, "generate", protocol)
    while not source.is_closed:
        protocol.accept_parts()
    assert len(source.threads) == 1


def test_files_need_no_thread_while_they_wait(site: Streams) -> None:
    protocols = [Protocol(room=2) for _ in range(20 * streamed_response.SENDER_THREADS)]
    sources = [send(site, "send", protocol) for protocol in protocols]
    wait_until(lambda: all(protocol.send_futures for protocol in protocols), "all wait for their clients")
    for protocol, source in zip(protocols, sources, strict=True):
        while not source.is_closed:
            protocol.accept_parts()
        assert protocol.body == b"".join(PARTS)


def test_nothing_is_made_for_a_client_that_has_left(site: Streams, way: str) -> None:
    protocol = Protocol(room=2)
    source = send(site, way, protocol)
    wait_until(lambda: protocol.send_futures, "one waits")
    protocol.disconnect()
    protocol.accept_parts()
    wait_until(lambda: source.is_closed, "it is over")
    assert len(protocol.parts) < len(PARTS)
    assert not site.budget.total


def test_one_that_is_not_taken_is_broken_off(site: Streams, way: str, broken: list[tuple[str, int]]) -> None:
    protocol = Protocol(room=2)
    source = send(site, way, protocol)
    wait_until(lambda: protocol.send_futures, "one waits")
    site.sweep(TIMEOUT)
    assert not broken
    site.sweep(0.0)
    wait_until(lambda: source.is_closed, "it is over")
    assert broken == [CONNECTION]
    assert not protocol.over.is_set(), "nobody is told that this was all"
    assert protocol.given_up.is_set(), "Granian is told that there is no more"
    assert site.refusals.counts


def test_one_behind_a_proxy_ends_alone(site: Streams, way: str, broken: list[tuple[str, int]]) -> None:
    """Its end is sent at once: Granian waits for it as long as anything refers to the request."""
    protocol = Protocol(room=2)
    request, source = make_request(protocol), Source()
    request.transport.byte_counter = SimpleNamespace(add=lambda _size: None, forget=lambda: None, is_suspicious=False)
    site.is_proxy = lambda _address: True  # type: ignore[assignment]  # a function with a cache
    getattr(site, way)(request, 200, [("Content-Length", "6")], source)
    wait_until(lambda: protocol.send_futures, "one waits")
    site.sweep(0.0)
    wait_until(lambda: source.is_closed, "it is over")
    assert protocol.over.is_set()
    assert len(protocol.body) < len(PARTS)
    assert not broken


def test_one_that_fails_is_broken_off(site: Streams, way: str, broken: list[tuple[str, int]]) -> None:
    protocol = Protocol()
    source = send(site, way, protocol, Source(fails_after=3))
    wait_until(lambda: source.is_closed, "it is over")
    assert broken == [CONNECTION]
    assert not protocol.over.is_set()
    assert protocol.given_up.is_set()


def test_the_slowest_make_room(site: Streams, broken: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eviction, "EVICTION_TIMEOUT", 0.0)
    slow = [Protocol(room=2) for _ in range(8)]
    sources = [send(site, "send", protocol) for protocol in slow]
    wait_until(lambda: all(protocol.send_futures for protocol in slow), "all wait")
    monkeypatch.setattr(budget, "MAX_BYTES", site.budget.total)
    site.sweep(TIMEOUT)
    wait_until(lambda: sum(source.is_closed for source in sources) == 3, "a quarter, and one, are over")
    assert broken


def test_too_many_generators_are_refused(site: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_GENERATORS", 2)
    protocols = [Protocol(room=2) for _ in range(3)]
    sources = [send(site, "generate", protocol) for protocol in protocols]
    assert [protocol.status for protocol in protocols] == [200, 200, 503]
    assert sources[2].is_closed
    site.sweep(-1.0)
    wait_until(lambda: all(source.is_closed for source in sources), "all are over")


def test_a_generator_that_gets_no_thread_is_broken_off(
    site: Streams, broken: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may have no room for another thread; the client must not wait for parts that never come."""
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    source = send(site, "generate", Protocol())
    assert broken == [CONNECTION]
    assert source.is_closed
    assert not site.open


def no_thread(_self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
