"""HTTP/2 clients that may have much unread data get small responses, whose reading is counted exactly."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.limits import unacknowledged
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.unacknowledged import (
    CHECK_AFTER_BYTES,
    HEAD_SIZE,
    MAX_BYTES_PER_CONNECTION,
    MAX_HARMLESS_BYTES,
    SUSPICIOUS_BYTES,
    SUSPICIOUS_BYTES_PER_CLIENT,
    ResponseByteCounter,
    UnacknowledgedBytes,
)
from djbundle.runtime.http.protocol.connections import ConnectionFinder, Traffic
from djbundle.runtime.http.protocol.rate import MIN_RATE
from djbundle.runtime.http.protocol.transport import headers_size
from djbundle.runtime.http.streaming.streams import Streams
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import CONNECTION, Protocol, make_request
from tests.support.clock import stopped_clock
from tests.support.sockets import connected
from tests.support.waiting import wait_until

CLIENT = ("192.0.2.1", 40000)
STALL = 60.0
MUCH = MAX_HARMLESS_BYTES + 1000
Pair = tuple[socket.socket, socket.socket]  # the two ends of one connection


def traffic(taken: int, received: int = 0) -> Traffic:
    return Traffic(0.0, 0.0, received, is_fully_acknowledged=True, acknowledged=taken)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return stopped_clock(monkeypatch, unacknowledged)


@pytest.fixture
def site() -> UnacknowledgedBytes:
    return UnacknowledgedBytes()


@pytest.fixture
def nobody(site: UnacknowledgedBytes, monkeypatch: pytest.MonkeyPatch) -> UnacknowledgedBytes:
    """Return a site whose clients the kernel does not know."""
    monkeypatch.setattr(site, "check", lambda: None)
    return site


@pytest.fixture
def pair() -> Iterator[Pair]:
    with connected() as ends:
        yield ends


def test_who_takes_too_little_is_stalled(site: UnacknowledgedBytes, clock: SimpleNamespace) -> None:
    def is_stalled(taken: int) -> bool:
        site.note(CLIENT, traffic(taken))
        return site.is_stalled(CLIENT, STALL)

    site.add(CLIENT, MUCH)
    assert not is_stalled(0)
    clock.now += STALL - 1
    assert not is_stalled(0)
    clock.now += 1
    assert is_stalled(0)
    assert is_stalled(500), "as much as the heads of further responses"
    assert not is_stalled(int(MIN_RATE * STALL) + 500), "it has taken something"
    assert not is_stalled(MUCH), "it has taken all"
    clock.now += STALL
    assert not is_stalled(MUCH)


@pytest.mark.usefixtures("clock")
def test_heads_are_no_credit(site: UnacknowledgedBytes) -> None:
    """A client that has read many heads has not therefore read a later body."""
    site.add(CLIENT, 1)
    site.note(CLIENT, traffic(10 * MUCH))
    site.add(CLIENT, MUCH)
    site.note(CLIENT, traffic(10 * MUCH))
    assert site.accounts[CLIENT].unacknowledged == MUCH


def test_what_is_cancelled_counts_no_more(site: UnacknowledgedBytes) -> None:
    whole, cancelled = ResponseByteCounter(site, CLIENT), ResponseByteCounter(site, CLIENT)
    whole.add(10)
    cancelled.add(5)
    cancelled.forget()
    cancelled.forget()
    assert site.accounts[CLIENT].sent == 10


@pytest.mark.parametrize(("others", "received"), [(HEAD_SIZE, 0), (0, 5000), (HEAD_SIZE, 5000)])
def test_what_is_no_body_does_not_hide_one(site: UnacknowledgedBytes, others: int, received: int) -> None:
    """Each byte that the client sends may be answered by one byte, like a PING."""
    site.add(CLIENT, MUCH)
    for _ in range(others // HEAD_SIZE):
        site.begin_response(CLIENT)
    site.note(CLIENT, traffic(others + received, received))
    assert site.accounts[CLIENT].suspected == MUCH


def test_no_more_is_suspected_than_can_be(nobody: UnacknowledgedBytes) -> None:
    """A cancelled film counts as sent, and is never read."""
    nobody.add(CLIENT, 200 << 20)
    nobody.note(CLIENT, traffic(0))
    assert nobody.accounts[CLIENT].suspected == MAX_BYTES_PER_CONNECTION


def test_many_connections_of_one_client_are_suspicious(nobody: UnacknowledgedBytes) -> None:
    for port in range(SUSPICIOUS_BYTES_PER_CLIENT // MAX_BYTES_PER_CONNECTION + 1):
        assert not nobody.is_suspicious(CLIENT)
        nobody.add((CLIENT[0], port), MAX_BYTES_PER_CONNECTION)
        nobody.note((CLIENT[0], port), traffic(0))
        nobody.sum_suspected()
    assert nobody.is_suspicious(CLIENT)
    assert not nobody.is_suspicious(("192.0.2.2", 1))


def test_many_clients_are_suspicious_together(nobody: UnacknowledgedBytes) -> None:
    for number in range(SUSPICIOUS_BYTES // MAX_BYTES_PER_CONNECTION + 1):
        client = (f"192.0.3.{number}", 1)
        nobody.add(client, MAX_BYTES_PER_CONNECTION)
        nobody.note(client, traffic(0))
    nobody.sum_suspected()
    assert nobody.is_suspicious(CLIENT)


def test_a_suspicious_response_counts_until_it_is_taken() -> None:
    """Its empty parts are accepted once the response has left the queue."""
    limits, protocol = Limits(HttpOptions()), Protocol(room=4)
    streams = Streams(limits)
    request = make_request(protocol)
    streams.send_fenced(request, 200, [], b"page")
    wait_until(lambda: protocol.send_futures, "a part waits")
    assert protocol.headers == [("Content-Length", "4")]
    assert limits.budget.connections[CONNECTION] == 4 + headers_size([("Content-Length", "4")]) + request.size
    wait_until(lambda: protocol.accept_parts() or protocol.over.is_set(), "all parts are taken")
    assert protocol.body == b"page"
    wait_until(lambda: not limits.budget.total, "it counts no more")


def test_the_kernel_is_asked_after_some_bytes(site: UnacknowledgedBytes, pair: Pair) -> None:
    client, server = pair
    server.sendall(b"a" * 10_000)
    while len(client.recv(10_000, socket.MSG_PEEK)) < 10_000:
        pass
    site.add(client.getsockname(), CHECK_AFTER_BYTES - 1)
    assert not site.suspected
    site.add(client.getsockname(), 1)
    assert site.suspected["127.0.0.1"] == CHECK_AFTER_BYTES - 10_000
    client.close()
    server.close()
    site.check()
    assert not site.accounts


def test_a_descriptor_that_means_another_connection_is_not_believed(pair: Pair) -> None:
    client, _server = pair
    known = ConnectionFinder()
    known.descriptors[client.getsockname()] = client.fileno()  # the other end
    assert [each.client for each in known.find([client.getsockname()])] == [client.getsockname()]
    assert known.descriptors[client.getsockname()] != client.fileno()
    assert not [*known.find([("192.0.2.1", 1)])]
    assert not known.descriptors
