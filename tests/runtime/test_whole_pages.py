"""Pages of medium size are sent whole over HTTP/1 while clients cannot have left much unread."""

import contextlib
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.limits import whole_pages
from djbundle.runtime.http.limits.whole_pages import (
    CHECK_INTERVAL,
    MAX_BYTES,
    MAX_BYTES_PER_CLIENT,
    MAX_WHOLE_SIZE,
    WholePages,
)
from djbundle.runtime.http.protocol.transport import ConnectionId
from tests.support.clock import stopped_clock
from tests.support.sockets import connected
from tests.support.waiting import wait_until

CLIENT, OTHER, PROXY = "192.0.2.1", "192.0.2.2", "192.0.2.3"
PER_CLIENT = MAX_BYTES_PER_CLIENT // MAX_WHOLE_SIZE
LARGER_THAN_BUFFERS = bytes(32 << 20)  # bytes that the kernel does not take at once


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stop the clock at a time when the first check is due."""
    clock = stopped_clock(monkeypatch, whole_pages)
    clock.now = CHECK_INTERVAL
    return clock


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> WholePages:
    """Return pages of clients that take nothing."""
    site = WholePages(lambda address: address == PROXY)
    monkeypatch.setattr(site, "check", lambda: None)
    return site


def send(pages: WholePages, client: str, count: int, size: int = MAX_WHOLE_SIZE) -> int:
    """Send a page over each of `count` connections. Return how many may be sent whole."""
    return sum(pages.try_add((client, 1000 + number), size) for number in range(count))


def test_one_client_may_leave_so_much_and_no_more(pages: WholePages) -> None:
    assert send(pages, CLIENT, PER_CLIENT + 5) == PER_CLIENT
    assert send(pages, OTHER, 1) == 1


def test_all_clients_together_may_leave_so_much(pages: WholePages) -> None:
    sent = sum(send(pages, f"198.51.100.{number}", PER_CLIENT) for number in range(10))
    assert sent == MAX_BYTES // MAX_WHOLE_SIZE


def test_a_proxy_stands_for_many(pages: WholePages) -> None:
    assert send(pages, PROXY, PER_CLIENT + 5) == PER_CLIENT + 5


def test_only_the_newest_of_a_connection_counts(pages: WholePages) -> None:
    for size in (100_000, 90_000, MAX_WHOLE_SIZE):
        assert pages.try_add((CLIENT, 1), size)
        assert pages.total == size
    assert not pages.try_add((CLIENT, 1), MAX_WHOLE_SIZE + 1)


def test_pages_over_a_unix_socket_go_in_parts(pages: WholePages) -> None:
    """All its connections have the same address, and no port."""
    assert not pages.try_add(("", 0), 100_000)


def test_many_that_are_not_taken(clock: SimpleNamespace) -> None:
    pages = WholePages()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            client, server = stack.enter_context(connected())
            server.setblocking(False)
            server.send(LARGER_THAN_BUFFERS)
            assert pages.try_add(client.getsockname(), MAX_WHOLE_SIZE)
        for _ in range(3):
            assert len(check_again(pages, clock)) == 20


def test_what_is_taken_counts_no_more(clock: SimpleNamespace) -> None:
    """Real connections: one that reads all, one that reads nothing, and one that is closed."""
    pages = WholePages()
    with connected() as (reads, server_of_reader), connected() as (waits, server), connected() as (closed, _):
        connections: list[ConnectionId] = [each.getsockname() for each in (reads, waits, closed)]
        for connection in connections:
            assert pages.try_add(connection, MAX_WHOLE_SIZE)
        server_of_reader.sendall(b"a" * 1000)
        assert reads.recv(1000)
        server.setblocking(False)
        server.send(LARGER_THAN_BUFFERS)
        closed.close()
        pages.check()
        assert len(pages.pages) == 3, "Granian may not have handed them to the kernel yet"
        clock.now += CHECK_INTERVAL
        wait_until(lambda: check_again(pages, clock) == {connections[1]}, "what is taken is forgotten")
        assert pages.total == MAX_WHOLE_SIZE


def check_again(pages: WholePages, clock: SimpleNamespace) -> set[ConnectionId]:
    clock.now += CHECK_INTERVAL
    pages.check()
    return {*pages.pages}
