"""Clients that request much and read nothing: they cost little memory and time, and slow down no other client."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from h2.exceptions import InvalidBodyLengthError

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import HONEST, get, memory_of, upload, warm_up, web_of
from tests.support.http1 import HERE, HOST, connect, request, status_of
from tests.support.http2 import Http2
from tests.support.site import Site
from tests.support.waiting import wait_until
from tests.support.websocket import WebSocket

STALL = ("--send-timeout", "3")  # seconds
PAGES = 100  # of 2 MB each, requested over one connection
MAX_MEMORY = 64 << 20  # bytes; all pages together have 200 MB
SMALL = 60_000  # bytes of a page that is sent in one piece
SMALL_PAGES = 120  # requested over each of 60 connections
MEDIUM = 250_000  # bytes of a page that Granian queues whole, in four parts
MEDIUM_READERS = 800  # connections of one client; their pages have 200 MB
PIPELINED = 20  # requests that a client sends at once over one connection
MAX_MEMORY_OF_MANY = 160 << 20  # bytes; all of these have 430 MB, and an ASGI site that makes them needs as much again
MANY_READERS, ADDRESSES = 900, 9  # connections, from so many addresses
MAX_MEMORY_OF_ALL = 700 << 20  # bytes, for all clients of an ASGI site; without turns it needs 950 MB
TRICKLERS, TRICKLE_ADDRESSES = 400, 20  # connections, from so many addresses; their pages have 3.2 GB
TRICKLE = 16 << 10  # bytes that each reads at a time
MAX_MEMORY_OF_TRICKLERS = 640 << 20  # bytes: what clients may leave unread, pages that wait, and pages being made
READERS = 300  # once, 256 slow ones blocked all large answers
LARGE = 20 << 20  # bytes of a file
SMALL_BUFFER = 4096  # bytes that the kernel buffers of what has arrived


def ask_for_all(site: Site, path: str = "/large/", window: int | None = 0, count: int = PAGES) -> Http2:
    """Request many pages of 2 MB over one connection, and never open its window."""
    client = Http2(site, window=window, reads=False)
    for _ in range(count):
        client.send_request(path)
    return client


def receive_for(client: Http2, seconds: float) -> None:
    end = time.monotonic() + seconds
    while client.is_open and (rest := end - time.monotonic()) > 0:
        client.receive(rest)


def has_given_back(site: Site, before: int) -> bool:
    """Return whether the memory is free again while other clients are answered."""
    assert get(site) == 200
    return memory_of(web_of(site)) < before * 1.1 + (8 << 20)


def has_some_heads(client: Http2) -> bool:
    client.receive(0.05)
    return any(answer.status for answer in client.responses.values())


def is_closed(client: Http2) -> bool:
    if client.is_open:
        client.receive(0.05)
    return not client.is_open


@pytest.mark.parametrize("path", ["/large/", "/stream/"])
@pytest.mark.parametrize("window", [0, None], ids=["no window", "64 KB"])
def test_a_window_that_stays_shut_costs_little(target: NewTarget, path: str, window: int | None) -> None:
    """Memory is bounded while the window is shut; then the site closes the connection and frees all of it."""
    with target("wsgi", *STALL) as site:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        with ask_for_all(site, path, window) as client:
            most = 0
            for _ in range(20):
                receive_for(client, 0.1)
                most = max(most, memory_of(web) - before)
                assert get(site) == 200
            wait_until(lambda: is_closed(client), "the connection is closed")
        assert most < MAX_MEMORY, f"{most >> 20} MB"
        wait_until(lambda: has_given_back(site, before), "the memory is given back")


def test_a_window_that_stays_shut_costs_little_on_asgi(target: NewTarget) -> None:
    """An ASGI site makes all pages at the same time; the site then refuses and drops those that exceed the limit."""
    with target("asgi", "--send-timeout", "10") as site:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        with ask_for_all(site) as client:
            wait_until(lambda: has_some_heads(client), "some requests are answered")
            wait_until(lambda: memory_of(web) - before < MAX_MEMORY, "what is too much is dropped", 5)
            assert get(site) == 200
            wait_until(lambda: is_closed(client), "the connection is closed")
        wait_until(lambda: has_given_back(site, before), "the memory is given back")


@pytest.mark.parametrize("interface", INTERFACES)
def test_pings_are_no_progress(target: NewTarget, interface: str) -> None:
    """Bytes move in both directions all the time, but none of them belongs to the response."""
    with target(interface, *STALL) as site, Http2(site, window=0, reads=False) as client:
        warm_up(site)
        stream = client.send_request("/large/")

        def ping() -> bool:
            client.ping()
            return client.responses[stream].is_over

        wait_until(ping, "the answer is broken off")


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_byte_now_and_then_is_no_progress(target: NewTarget, interface: str) -> None:
    """At this rate the page would take days."""
    with target(interface, *STALL) as site, Http2(site, window=0, reads=False) as client:
        warm_up(site)
        stream = client.send_request("/large/")

        def take_a_byte() -> bool:
            if client.is_open:
                client.protocol.increment_flow_control_window(1, stream)
                client.flush()
                client.receive(0.2)
            return client.responses[stream].is_over

        wait_until(take_a_byte, "the answer is broken off")


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_slow_but_honest_reader_gets_everything(target: NewTarget, interface: str) -> None:
    """Read 64 KB at a time, for three times as long as a client may read nothing."""
    with target(interface, *STALL) as site, Http2(site, window=1 << 16) as client:
        answer = client.responses[client.send_request("/large/?size=1500000")]
        for _ in range(100):
            if not answer.is_over:
                client.receive(1)
                time.sleep(0.3)
        assert answer.is_complete, f"{len(answer.body)} bytes of 1500000"
        assert len(answer.body) == 1_500_000


def slow_reader(site: Site, path: str, source: str = HERE, count: int = 1) -> socket.socket:
    """Send `count` requests at once and read nothing; the kernel buffers as little as it can."""
    connection = connect_narrow(site, source)
    connection.sendall(count * request("GET", path, HOST))
    return connection


def connect_narrow(site: Site, source: str) -> socket.socket:
    connection = connect(site, source)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    return connection


def download(site: Site, path: str) -> tuple[int, int]:
    """Return the status and the number of bytes that arrived."""
    with connect(site, HONEST) as connection:
        connection.sendall(request("GET", path, HOST, "Connection: close"))
        with connection.makefile("rb") as answer:
            first, size = answer.readline(), 0
            while part := answer.read(1 << 20):
                size += len(part)
    return status_of(first), size


def is_served(site: Site, path: str) -> bool:
    """Return whether an honest client gets the whole file; if not, it must get a 503. It never hangs."""
    status, size = download(site, path)
    assert (status == 200 and size > LARGE) or status == 503, (status, size)
    return status == 200


@pytest.mark.parametrize("path", ["/media/large.pdf", f"/stream/?size={LARGE}"])
def test_slow_readers_stop_nobody_elses_large_answers(target: NewTarget, path: str) -> None:
    """They outnumber all threads that ever sent to them; if that costs other clients anything, the log says so."""
    with target("wsgi", "--send-timeout", "20") as site, contextlib.ExitStack() as stack:
        make_large_file(site)
        warm_up(site)
        for _ in range(READERS):
            stack.enter_context(slow_reader(site, path))
        for _ in range(3):
            if not is_served(site, path):
                wait_until(lambda: "level=warning" in site.log.read_text(), "the log says that there is no room")
            assert get(site) == 200
            assert upload(site) == 200


def test_slow_readers_from_everywhere(target: NewTarget) -> None:
    """None of them does more than an honest client may."""
    with target("wsgi", "--send-timeout", "3") as site, contextlib.ExitStack() as stack:
        make_large_file(site)
        warm_up(site)
        for number in range(READERS):
            stack.enter_context(slow_reader(site, "/media/large.pdf", f"127.0.1.{number % 250 + 1}"))
        is_served(site, "/media/large.pdf")
        assert get(site) == 200
        wait_until(lambda: is_served(site, "/media/large.pdf"), "large answers are served again")


@pytest.mark.parametrize("interface", INTERFACES)
def test_slow_readers_of_whole_pages_cost_little(target: NewTarget, interface: str) -> None:
    """Pages of 4 MB over HTTP/1.1: a finished page stays in memory until it is sent, so their number is limited."""
    with target(interface, *STALL) as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        for _ in range(150):
            stack.enter_context(slow_reader(site, f"/large/?size={4 << 20}"))
        assert get(site) == 200
        wait_until(lambda: memory_of(web) - before < 160 << 20, "what is too much is dropped", 10)
        stack.close()
        wait_until(lambda: has_given_back(site, before), "the memory is given back")


@pytest.mark.parametrize("interface", INTERFACES)
def test_pipelined_requests_wait_for_their_reader(target: NewTarget, interface: str) -> None:
    """A client requests a thousand pages of 2 MB over one connection, and reads nothing."""
    with target(interface, *STALL) as site, connect_narrow(site, HERE) as connection:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        with contextlib.suppress(OSError):
            connection.sendall(request("GET", "/large/", HOST) * 1000)
        time.sleep(1)
        assert (grown := memory_of(web) - before) < MAX_MEMORY, f"{grown >> 20} MB"
        assert get(site) == 200


def test_a_websocket_that_is_not_read_takes_little_memory(target: NewTarget) -> None:
    """The site echoes megabytes to a client that reads none."""
    with target("asgi", *STALL) as site, WebSocket(site) as client:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        client.socket.settimeout(3)
        with contextlib.suppress(OSError):
            for _ in range(200_000):
                client.send("a" * 120)
        assert (grown := memory_of(web) - before) < MAX_MEMORY, f"{grown >> 20} MB"
        assert get(site) == 200


def test_pages_for_many_addresses_are_bounded_too(target: NewTarget) -> None:
    """An event loop that makes all of these pages before it sends the first needs 950 MB."""
    with target("asgi", "--send-timeout", "30") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before, most = memory_of(web), 0
        for number in range(MANY_READERS):
            stack.enter_context(slow_reader(site, f"/large/?size={1 << 20}", f"127.0.3.{number % ADDRESSES}"))
            most = max(most, memory_of(web) - before)
        for _ in range(5):
            assert get(site, "/large/?size=200000") == 200
            most = max(most, memory_of(web) - before)
        assert most < MAX_MEMORY_OF_ALL, f"{most >> 20} MB"
        wait_until(lambda: memory_of(web) - before < MAX_MEMORY_OF_ALL // 2, "what is too much is dropped", 10)


@contextlib.contextmanager
def trickling(site: Site, path: str) -> Iterator[None]:
    """Request a page over each of many connections, and take a little of all of them again and again."""
    is_over = threading.Event()

    def take() -> None:
        while not is_over.wait(0.5):
            for reader in readers:
                with contextlib.suppress(OSError):
                    reader.recv(TRICKLE)

    with contextlib.ExitStack() as stack:
        addresses = [f"127.0.3.{number + 1}" for number in range(TRICKLE_ADDRESSES)]
        readers = [slow_reader(site, path, addresses[number % TRICKLE_ADDRESSES]) for number in range(TRICKLERS)]
        for reader in readers:
            stack.enter_context(reader).setblocking(False)
        thread = threading.Thread(target=take)
        thread.start()
        stack.callback(thread.join)
        stack.callback(is_over.set)
        yield


@pytest.mark.parametrize("interface", INTERFACES)
def test_clients_that_trickle_from_many_addresses_deny_nobody(target: NewTarget, interface: str) -> None:
    """Each takes a little all the time, so none of them is ever without progress. Then all of them leave at once."""
    with target(interface) as site:
        warm_up(site)
        web = web_of(site)
        before, most = memory_of(web), 0
        with trickling(site, f"/large/?size={8 << 20}"):
            for _ in range(20):
                assert get(site, "/large/?size=1000") == 200
                most = max(most, memory_of(web) - before)
                time.sleep(0.5)
        for _ in range(30):
            most = max(most, memory_of(web) - before)
            time.sleep(0.1)
        assert most < MAX_MEMORY_OF_TRICKLERS, f"{most >> 20} MB"
        wait_until(lambda: get(site) == 200, "it is ready again: it may have refused large pages")
        wait_until(lambda: has_given_back(site, before), "the memory is given back")


def make_large_file(site: Site) -> None:
    (site.data / "media").mkdir(exist_ok=True)
    (site.data / "media" / "large.pdf").write_bytes(os.urandom(LARGE))


@pytest.mark.parametrize("interface", INTERFACES)
def test_small_pages_that_nobody_takes_are_bounded_too(target: NewTarget, interface: str) -> None:
    """Granian keeps each page until the window opens: over 60 connections, 430 MB."""
    with target(interface, "--send-timeout", "30") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before, most = memory_of(web), 0
        for _ in range(60):
            client = stack.enter_context(ask_for_all(site, f"/large/?size={SMALL}", count=SMALL_PAGES))
            receive_for(client, 0.02)
            most = max(most, memory_of(web) - before)
        assert get(site) == 200
        most = max(most, memory_of(web) - before)
        assert most < MAX_MEMORY_OF_MANY, f"{most >> 20} MB"


@pytest.mark.parametrize("interface", INTERFACES)
def test_pages_that_fit_into_the_queue_are_bounded_too(target: NewTarget, interface: str) -> None:
    """Granian accepts all parts of each page at once: over 20 connections, 500 MB."""
    with target(interface, "--send-timeout", "30") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        for _ in range(20):
            client = stack.enter_context(ask_for_all(site, f"/large/?size={MEDIUM}"))
            receive_for(client, 0.02)
        assert (grown := memory_of(web) - before) < MAX_MEMORY_OF_MANY, f"{grown >> 20} MB"
        assert get(site) == 200
        wait_until(lambda: memory_of(web) - before < MAX_MEMORY_OF_MANY // 2, "what is too much is dropped", 10)


@pytest.mark.parametrize("count", [1, PIPELINED], ids=["one request", "pipelined"])
@pytest.mark.parametrize("interface", INTERFACES)
def test_pages_of_each_of_many_connections_are_bounded_too(target: NewTarget, interface: str, count: int) -> None:
    """Over HTTP/1.1, each connection has one response at a time, whatever it requests."""
    with target(interface, "--send-timeout", "30") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        for _ in range(MEDIUM_READERS):
            stack.enter_context(slow_reader(site, f"/large/?size={MEDIUM}", count=count))
        for _ in range(10):
            assert get(site, f"/large/?size={MEDIUM}") == 200
            time.sleep(0.1)
        assert (grown := memory_of(web) - before) < MAX_MEMORY_OF_MANY, f"{grown >> 20} MB"
        assert get(site) == 200
        wait_until(lambda: memory_of(web) - before < MAX_MEMORY_OF_MANY // 2, "what is too much is dropped", 10)


PING = b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"  # a frame (RFC 9113, 6.7)


def send_pings(client: Http2, size: int) -> None:
    """Send this many bytes of PING frames, and read as many: the kernel counts the answers as taken."""
    for _ in range(size // (len(PING) * 600)):
        client.socket.sendall(PING * 600)
        left = len(PING) * 600
        while left > 0 and (come := client.socket.recv(min(left, 1 << 16))):
            left -= len(come)


@pytest.mark.parametrize("interface", INTERFACES)
def test_pings_hide_no_small_pages(target: NewTarget, interface: str) -> None:
    """A client that reads answers to PINGs has not read its pages."""
    with target(interface, "--send-timeout", "10") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        for _ in range(30):
            client = stack.enter_context(ask_for_all(site, f"/large/?size={SMALL}", count=SMALL_PAGES))
            with contextlib.suppress(OSError):  # the server closes it when other clients need the room
                send_pings(client, SMALL * SMALL_PAGES)
        assert memory_of(web) - before < MAX_MEMORY_OF_MANY
        assert get(site) == 200


@pytest.mark.parametrize("interface", INTERFACES)
def test_cancelled_films_are_in_nobodys_way(target: NewTarget, interface: str) -> None:
    """A player that seeks cancels many responses. Their unread bytes must count against no client."""
    with target(interface) as site, Http2(site) as client:
        media = site.data / "media"
        media.mkdir(exist_ok=True)
        (media / "film.mp4").write_bytes(b"a" * (100 << 20))
        warm_up(site)
        for _ in range(8):
            stream = client.send_request("/media/film.mp4")
            wait_until(lambda stream=stream: begins(client, stream), "it begins")  # type: ignore[misc]
            client.reset(stream)
            assert get(site) == 200
        last = client.send_request("/up")
        wait_until(lambda: begins(client, last), "the same client is answered")
        assert client.responses[last].status == 200


def begins(client: Http2, stream: int) -> bool:
    client.receive(0.1)
    return bool(client.responses[stream].status)


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_stalled_client_behind_a_proxy_ends_nobody_elses_answers(target: NewTarget, interface: str) -> None:
    """The proxy uses one HTTP/2 connection for all of its clients."""
    proxy = ("--trusted-proxies", HERE)
    with target(interface, *STALL, *proxy) as site, Http2(site, window=1 << 16, reads=False) as client:
        warm_up(site)
        stalled = client.send_request("/large/?size=3000000", headers=[(b"x-forwarded-for", b"203.0.113.66")])
        client.protocol.increment_flow_control_window(1 << 26)
        client.flush()
        end = time.monotonic() + 2 * float(STALL[1])
        while time.monotonic() < end:
            assert client.get("/heard/", headers=[(b"x-forwarded-for", b"198.51.100.1")]).status == 200
        client.protocol.increment_flow_control_window(1 << 26, stalled)
        client.flush()
        wait_until(lambda: has_ended_early(client, stalled), "the proxy sees that a part is missing")


def has_ended_early(client: Http2, stream: int) -> bool:
    """Return whether the stream was reset or ended before the declared number of bytes, an error in HTTP/2."""
    try:
        client.receive(0.1)
    except InvalidBodyLengthError:
        return True
    return client.responses[stream].reset is not None
