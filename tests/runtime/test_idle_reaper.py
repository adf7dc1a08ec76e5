"""Idle connections are closed, and others stay open."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from djbundle.runtime.http.limits import unacknowledged
from djbundle.runtime.http.limits.idle_reaper import IdleReaper
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.unacknowledged import MAX_HARMLESS_BYTES
from djbundle.runtime.http.protocol.connections import Connection, Traffic
from djbundle.runtime.http.protocol.transport import Request, Transport
from djbundle.runtime.http.request_tracker import WsgiRequestTracker
from djbundle.runtime.http.streaming.streamed_response import StreamedResponse
from djbundle.runtime.http.streaming.streams import Streams
from djbundle.runtime.http.threads import SiteThreads
from djbundle.runtime.net.trusted_proxies import parse_proxies
from djbundle.runtime.options.http import HttpOptions
from tests.support.clock import stopped_clock

IDLE_TIMEOUT, SEND_TIMEOUT = 15.0, 60.0
LONG = 1000.0
ASKED = 500  # bytes of a request
IsAwaited = Callable[[Connection], bool]


class NobodyAsks:
    def awaits_response(self, _seconds: float) -> None:
        return None


@pytest.fixture
def connection() -> Iterator[Connection]:
    with socket.socket() as unused:
        yield Connection("192.0.2.1", 40000, 8000, unused)


@pytest.mark.parametrize(
    ("traffic", "is_awaited", "idle"),
    [
        (Traffic(IDLE_TIMEOUT, LONG, 0, is_fully_acknowledged=True), None, True),
        (Traffic(IDLE_TIMEOUT - 1, LONG, 23, is_fully_acknowledged=True), None, False),
        (Traffic(LONG, SEND_TIMEOUT, ASKED, is_fully_acknowledged=False), None, True),
        (Traffic(LONG, SEND_TIMEOUT - 1, ASKED, is_fully_acknowledged=False), lambda _: False, False),
        (Traffic(LONG, LONG, ASKED, is_fully_acknowledged=True), None, False),
        (Traffic(LONG, LONG, ASKED, is_fully_acknowledged=True), lambda _: False, True),
        (Traffic(LONG, LONG, ASKED, is_fully_acknowledged=True), lambda _: True, False),
        (Traffic(LONG, IDLE_TIMEOUT - 1, ASKED, is_fully_acknowledged=True), lambda _: False, False),
    ],
)
def test_who_is_closed(connection: Connection, traffic: Traffic, is_awaited: IsAwaited | None, idle: bool) -> None:
    """`is_awaited` is None if there is room, and if it is unknown."""
    idle_reaper = IdleReaper({8000}, 8, IDLE_TIMEOUT, SEND_TIMEOUT, NobodyAsks())
    assert idle_reaper.is_idle(traffic, connection, is_awaited) is idle


def test_who_was_just_let_in_is_left_alone() -> None:
    """This holds however long ago the client has sent something: it had to wait for room."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        idle_reaper = IdleReaper({address[1]}, 1, 0.0, SEND_TIMEOUT, NobodyAsks())
        with socket.create_connection(address) as client, listener.accept()[0]:
            client.settimeout(0.2)
            idle_reaper.sweep()
            with pytest.raises(TimeoutError):
                client.recv(1)
            idle_reaper.sweep()
            assert client.recv(1) == b""


def test_a_wsgi_site_knows_who_waits(connection: Connection) -> None:
    threads, streams = SiteThreads(lambda *_: None, 1), Streams(Limits(HttpOptions()))
    tracker = WsgiRequestTracker(threads, streams)

    def is_awaited() -> bool | None:
        known = tracker.awaits_response(IDLE_TIMEOUT)
        return known(connection) if known else None

    request = Request(Transport(None, connection.client, "GET", None), {"REMOTE_ADDR": connection.peer})
    request.started_at = time.perf_counter()
    assert is_awaited() is False
    threads.answering[1] = request
    assert is_awaited() is False, "its connection was heard of a moment ago"
    request.started_at -= IDLE_TIMEOUT
    assert is_awaited() is True
    del threads.answering[1]
    streams.open[1] = StreamedResponse(streams, request, iter(()), 0)
    assert is_awaited() is True
    threads.requests.put(request)
    assert is_awaited() is None, "nobody knows yet who that is"


def test_one_that_takes_nothing_by_http_2_is_closed(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel has nothing to send to it, since it has closed its windows."""
    clock = stopped_clock(monkeypatch, unacknowledged)
    limits = Limits(HttpOptions())
    idle_reaper = IdleReaper({8000}, 8, IDLE_TIMEOUT, SEND_TIMEOUT, NobodyAsks(), limits)
    limits.unacknowledged.add(connection.client, MAX_HARMLESS_BYTES + 1000)
    traffic = Traffic(0.0, 0.0, ASKED, is_fully_acknowledged=True, acknowledged=0)
    assert not idle_reaper.is_stalled(traffic, connection)
    clock.now += SEND_TIMEOUT
    assert idle_reaper.is_stalled(traffic, connection)


def test_one_client_has_its_share(connection: Connection) -> None:
    limits = Limits(HttpOptions(trusted_proxies=parse_proxies("192.0.2.9")))
    idle_reaper = IdleReaper({8000}, 8, IDLE_TIMEOUT, SEND_TIMEOUT, NobodyAsks(), limits)
    assert not idle_reaper.is_greedy(2, connection)
    assert idle_reaper.is_greedy(3, connection)
    assert not idle_reaper.is_greedy(8, connection._replace(peer="192.0.2.9")), "a proxy stands for many"
