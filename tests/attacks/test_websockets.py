"""WebSockets whose clients send messages without an end."""

import contextlib

import pytest

from ci.site import Site
from ci.websocket import WebSocket
from tests.attacks.conftest import NewTarget
from tests.attacks.watching import get, memory_of, warm_up, web_of
from tests.waiting import wait_until

MEGABYTE = 1 << 20
MOST_MEMORY = 128 << 20  # bytes; what is sent is more than twice that
SOCKETS = 20


@pytest.fixture
def site(target: NewTarget) -> Site:
    return target("asgi")


def send_frame(client: WebSocket, size: int, *, first: bool) -> None:
    """Send a frame that is not the last of its message (RFC 6455, 5.4)."""
    kind = bytes((0x01 if first else 0x00,))
    client.socket.sendall(kind + bytes((0x80 | 127,)) + size.to_bytes(8) + bytes(4) + b"a" * size)


def test_messages_that_do_not_end(site: Site) -> None:
    """Most are closed, and the site answers others all the time."""
    with site, contextlib.ExitStack() as stack:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        for _ in range(SOCKETS):
            client = stack.enter_context(WebSocket(site))
            with contextlib.suppress(OSError):  # it is cut off
                for number in range(15):
                    send_frame(client, MEGABYTE, first=number == 0)
            assert get(site) == 200
        wait_until(lambda: get(site) == 200 and memory_of(web) - before < MOST_MEMORY, "the memory is given back", 40)
        assert "a message that is not whole is too large" in site.log.read_text()


def test_who_talks_stays(site: Site) -> None:
    with site, WebSocket(site) as client:
        warm_up(site)
        for number in range(5):
            client.send(f"{number}")
            assert client.receive()[1] == f"{number}".encode()
