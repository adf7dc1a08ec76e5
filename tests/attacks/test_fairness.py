"""A client that requests thousands of pages at once, over many connections, waits for them; other clients do not."""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import HONEST, get, warm_up
from tests.support.http1 import HERE, connect
from tests.support.site import Site
from tests.support.waiting import wait_until

CONNECTIONS, STREAMS = 40, 128
FLOOD = CONNECTIONS * STREAMS  # requests
BEGUN = 200  # of them that are answered before other clients send requests
ANSWERED = re.compile(r'"GET /" status=(\d+) .*client=([\d.]+)')
PAGES = {"wsgi": 200, "asgi": 404}  # of the page "/"


@contextmanager
def flooded(site: Site) -> Iterator[None]:
    """Flood the site from one client that reads nothing; all answers fit into the sockets' buffers."""
    protocol = H2Connection(H2Configuration(header_encoding=None))
    protocol.initiate_connection()
    head = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"localhost")]
    for number in range(STREAMS):
        protocol.send_headers(1 + 2 * number, head, end_stream=True)
    sent = protocol.data_to_send()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            flooding: socket.socket = stack.enter_context(connect(site))
            flooding.sendall(sent)
        yield


def answered(site: Site, client: str) -> Counter[int]:
    """Return how many of a client's requests for the page were answered with each status."""
    lines = ANSWERED.findall(site.log.read_text())
    return Counter(int(status) for status, sender in lines if sender == client)


@pytest.mark.parametrize("interface", INTERFACES)
def test_others_are_answered_before_a_flood_is_over(target: NewTarget, interface: str) -> None:
    page = PAGES[interface]
    with target(interface) as site:
        warm_up(site)
        with flooded(site):
            wait_until(lambda: answered(site, HERE).total() >= BEGUN, "the flood has begun")
            assert [get(site, "/") for _ in range(3)] == [page] * 3
            before = answered(site, HERE)[page]
            assert before < FLOOD / 2, f"{before} of {FLOOD} were answered first"
        assert answered(site, HERE).keys() <= {page, 429, 400}, "400 is for those whose connection was closed"
        assert answered(site, HONEST) == {page: 3}
        wait_until(lambda: get(site, source=HERE) == 200, "the client is no longer shut out", 60)


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_flood_again_and_again_is_shut_out(target: NewTarget, interface: str) -> None:
    """The client opens new connections as fast as it can. Refusing each request would take the time of others."""
    with target(interface) as site:
        warm_up(site)
        for _ in range(3):
            with flooded(site):
                assert get(site, "/") == PAGES[interface]
        assert "client shut out" in site.log.read_text()
        wait_until(lambda: get(site, source=HERE) == 200, "the client is no longer shut out", 60)
