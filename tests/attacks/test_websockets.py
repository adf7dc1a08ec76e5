"""WebSockets whose clients send too much, or read nothing."""

import contextlib
import threading

import pytest

from tests.attacks.conftest import NewTarget
from tests.attacks.watching import get, memory_of, warm_up, web_of
from tests.support.site import Site
from tests.support.waiting import wait_until
from tests.support.websocket import WebSocket

MEGABYTE = 1 << 20
MAX_MEMORY = 128 << 20  # bytes; the clients send more than twice that
SOCKETS = 20
SIZE = 15 * MEGABYTE  # of a message: the site allows this size
ALLOWED = 7 * MEGABYTE  # of a message that two WebSockets of one client may have echoed at once
BEGINS, GOES_ON, LAST = 0x01, 0x00, 0x80  # the first bytes of frames (RFC 6455, 5.2)
OF_HEAD = 10  # bytes in the head of a large unmasked frame


@pytest.fixture
def site(target: NewTarget) -> Site:
    return target("asgi")


def frame(kind: int, size: int) -> bytes:
    """Return a frame with text; its mask changes nothing."""
    length = bytes((0x80 | 127,)) + size.to_bytes(8) if size > 125 else bytes((0x80 | size,))
    return bytes((kind,)) + length + bytes(4) + b"a" * size


def frames(size: int, *, whole: bool) -> bytes:
    """Return a message in frames of 1 MB."""
    count = size // MEGABYTE
    parts = [frame(GOES_ON if number else BEGINS, MEGABYTE) for number in range(count - 1)]
    return b"".join(parts) + frame(GOES_ON | (LAST if whole else 0), MEGABYTE)


def take(client: WebSocket, size: int) -> bytes:
    taken = bytearray()
    while len(taken) < size and (part := client.socket.recv(size - len(taken))):
        taken += part
    return bytes(taken)


def exchange(client: WebSocket, message: bytes, size: int) -> bytes:
    """Send a message, and read what is echoed meanwhile."""

    def send() -> None:
        with contextlib.suppress(OSError):  # the site closes the connection
            client.socket.sendall(message)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return take(client, OF_HEAD + size)
    finally:
        sender.join()


def send_each(site: Site, stack: contextlib.ExitStack, content: bytes) -> None:
    """Send it over many WebSockets until they are closed; the site answers other clients all the time."""
    for _ in range(SOCKETS):
        client = stack.enter_context(WebSocket(site))
        with contextlib.suppress(OSError):
            client.socket.sendall(content)
        assert get(site) == 200


def assert_takes_little(site: Site, before: int) -> None:
    web = web_of(site)
    wait_until(lambda: "WebSocket: cut off" in site.log.read_text(), "some are cut off", 20)
    wait_until(lambda: get(site) == 200 and memory_of(web) - before < MAX_MEMORY, "the memory is given back", 40)


@pytest.mark.parametrize(
    "content",
    [
        frames(SIZE, whole=False),
        frame(BEGINS | LAST, 1) + frames(SIZE, whole=False),
        frame(BEGINS | LAST, 1) + frames(3 * SIZE, whole=False),
        frames(SIZE, whole=True),
        frames(2 * SIZE, whole=True),
    ],
    ids=["without an end", "behind a small one", "large, behind a small one", "echoed", "too large, whole"],
)
def test_messages_take_bounded_memory(site: Site, content: bytes) -> None:
    """Each client sends one message, and reads nothing."""
    with site, contextlib.ExitStack() as stack:
        warm_up(site)
        before = memory_of(web_of(site))
        send_each(site, stack, content)
        assert_takes_little(site, before)


def test_silence_after_large_messages_takes_bounded_memory(site: Site) -> None:
    """Granian keeps buffers of the largest frame and the largest echo for as long as the WebSocket is open."""
    with site, contextlib.ExitStack() as stack:
        warm_up(site)
        before = memory_of(web_of(site))
        for _ in range(SOCKETS):
            client = stack.enter_context(WebSocket(site))
            with contextlib.suppress(OSError):
                exchange(client, frame(BEGINS | LAST, SIZE), SIZE)
            assert get(site) == 200
        assert_takes_little(site, before)


def test_who_takes_nothing_is_cut_off(target: NewTarget) -> None:
    """A client that reads what was sent before stays connected."""
    with target("asgi", "--send-timeout", "3") as site, WebSocket(site) as reader, WebSocket(site) as stalled:
        warm_up(site)
        for client in (reader, stalled):
            client.socket.sendall(frame(BEGINS | LAST, ALLOWED))
        assert len(take(reader, OF_HEAD + ALLOWED)) == OF_HEAD + ALLOWED
        wait_until(lambda: "its client took nothing more" in site.log.read_text(), "the other is cut off", 20)
        with contextlib.suppress(ConnectionError):
            assert len(take(stalled, OF_HEAD + ALLOWED)) < OF_HEAD + ALLOWED
        reader.send("one")
        assert reader.receive()[1] == b"one"
        assert "Traceback" not in site.log.read_text()


def test_large_messages_are_answered(site: Site) -> None:
    """Several messages, one after the other, over two WebSockets of one client."""
    with site, WebSocket(site) as one, WebSocket(site) as other:
        warm_up(site)
        for message in (frame(BEGINS | LAST, ALLOWED), frames(ALLOWED, whole=True)) * 3:
            for client in (one, other):
                assert len(exchange(client, message, ALLOWED)) == OF_HEAD + ALLOWED
        assert "cut off" not in site.log.read_text()


def test_who_talks_stays(site: Site) -> None:
    with site, WebSocket(site) as client:
        warm_up(site)
        for number in range(5):
            client.send(f"{number}")
            assert client.receive()[1] == f"{number}".encode()
