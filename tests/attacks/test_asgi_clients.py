"""Clients of an ASGI site that disconnect, send HEAD requests, send unannounced bodies, or make odd handshakes."""

import contextlib
import os

import pytest

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import get, memory_of, warm_up, web_of
from tests.support.http1 import HOST, connect, read_all, request, status_of
from tests.support.http2 import Http2
from tests.support.site import Site
from tests.support.waiting import wait_until

BODIES = 100  # of one client at once; the site receives 32
BODY = b"a" * 2_600_000  # just below what Django keeps of one body in memory
EVENTS = 120  # streams of each connection
CONNECTIONS = 10
FILES = 60  # requests for one file on each connection
FILES_HELD = 128  # descriptors: the files that the budget of one client allows, and what the process needs
MAX_MEMORY = 160 << 20  # bytes; all streams could send 300 MB


def ask_and_leave(site: Site, method: str) -> None:
    """Take the beginning of an endless response, then disconnect."""
    with connect(site) as connection:
        connection.sendall(request(method, "/endless/", HOST))
        assert connection.recv(1000)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_response_without_end_stops_nobody(target: NewTarget, method: str) -> None:
    """The parts of the response are ready, so that the page waits only for its client."""
    with target("asgi", "--send-timeout", "3") as site:
        warm_up(site)
        web = web_of(site)
        with connect(site) as stays:
            stays.sendall(request(method, "/endless/", HOST))
            for _ in range(3):
                ask_and_leave(site, method)
                assert get(site) == 200
        assert web_of(site) == web


def test_bodies_that_nobody_announced_are_counted(target: NewTarget) -> None:
    """A GET over HTTP/2 without a length may have a body; such bodies count towards the limit."""
    with target("asgi") as site, Http2(site) as client:
        warm_up(site)
        streams = [client.send_request("/size/", ends=False) for _ in range(BODIES)]
        for stream in streams:
            client.send(stream, b"a", ends=False)
        wait_until(lambda: refused(client) >= BODIES // 2, "most are refused")
        assert get(site) == 200


def test_bodies_that_django_keeps_are_bounded(target: NewTarget) -> None:
    """Up to 2.5 MB of each body stays in memory until the response is sent: 500 MB for 200 whole bodies."""
    with target("asgi") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        for _ in range(200):
            connection = stack.enter_context(connect(site))
            with contextlib.suppress(OSError):  # most are refused before they are sent completely
                connection.sendall(request("POST", "/slow/", HOST, f"Content-Length: {len(BODY)}", body=BODY))
        assert get(site) == 200
        assert (grown := memory_of(web) - before) < MAX_MEMORY, f"{grown >> 20} MB"


def refused(client: Http2) -> int:
    client.receive(0.1)
    return sum(answer.status == 429 for answer in client.responses.values())


@pytest.mark.parametrize("hosts", [(), (HOST, HOST)])
def test_websockets_name_one_host(target: NewTarget, hosts: tuple[str, ...]) -> None:
    key = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {'a' * 22}==")
    with target("asgi") as site:
        with connect(site) as connection:
            connection.sendall(request("GET", "/echo/", *hosts, *key))
            assert status_of(read_all(connection)) in (400, 403)
        wait_until(lambda: 'msg="GET /echo/" status=403' in site.log.read_text(), "the log tells of it")


def test_events_that_nobody_takes_cost_little(target: NewTarget) -> None:
    """Without limits, all responses would begin, and each would wait with what its client does not read."""
    with target("asgi", "--send-timeout", "30") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        clients = [stack.enter_context(Http2(site, window=0, reads=False)) for _ in range(CONNECTIONS)]
        for client in clients:
            for _ in range(EVENTS):
                client.send_request("/endless/")
        wait_until(
            lambda: any(refused(each) or not is_open(each) for each in clients), "some are refused or broken off"
        )
        assert memory_of(web) - before < 2 * MAX_MEMORY
        wait_until(lambda: get(site) == 200 and memory_of(web) - before < MAX_MEMORY, "the memory is given back", 20)


def is_open(client: Http2) -> bool:
    if client.is_open:
        client.receive(0.05)
    return client.is_open


def test_heads_that_are_refused_let_go_of_the_response(target: NewTarget) -> None:
    """If the process is killed later, the log must not name a request that was answered long ago."""
    with target("wsgi") as site:
        warm_up(site)
        web = web_of(site)
        with connect(site) as connection:
            connection.sendall(request("GET", "/reflected/%01/", HOST, "Connection: close"))
            assert status_of(read_all(connection)) == 500
        os.kill(web.pid, 9)
        wait_until(lambda: "was killed by SIGKILL" in site.log.read_text(), "the log tells of the death")
        assert "while answering" not in site.log.read_text()


@pytest.mark.parametrize("interface", INTERFACES)
def test_files_that_nobody_takes_hold_few_descriptors(target: NewTarget, interface: str) -> None:
    """Over HTTP/2 a client requests many files and reads none; the next client must find descriptors left."""
    with target(interface, "--send-timeout", "10") as site, contextlib.ExitStack() as stack:
        media = site.data / "media"
        media.mkdir(exist_ok=True)
        (media / "large.pdf").write_bytes(b"a" * (4 << 20))
        warm_up(site)
        web = web_of(site)
        most = web.num_fds() + CONNECTIONS + FILES_HELD
        clients = [stack.enter_context(Http2(site, window=0, reads=False)) for _ in range(CONNECTIONS)]
        for client in clients:
            for _ in range(FILES):
                client.send_request("/media/large.pdf")
        assert get(site) == 200
        assert web.num_fds() < most
        assert get(site, "/media/large.pdf") == 200
