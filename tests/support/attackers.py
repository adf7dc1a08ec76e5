"""Hostile clients for a site of the small project: each attacks again and again until its event is set."""

import contextlib
import random
import socket
import threading
from collections.abc import Callable

from h2.exceptions import ProtocolError

from tests.support.http1 import CHUNKED, HERE, HOST, connect, request
from tests.support.http2 import Http2
from tests.support.slow import Dripping, SlowBodies, SlowStreams
from tests.support.websocket import Reachable

Attack = Callable[[Reachable, threading.Event], None]
LENGTH = [(b"content-length", b"10")]
CONNECTIONS = 200  # connections of one attack
ROUND_SECONDS = 15.0  # seconds that one round of a waiting attack lasts
MALFORMED = (
    b"GARBAGE\r\n\r\n",
    request("GET", "/"),
    request("GET", "/", HOST, "Host: other"),
    request("GET", "/", HOST, f"X-A: {'a' * 200_000}"),
    request("POST", "/size/", HOST, "Content-Length: 4x"),
    request("POST", "/size/", HOST, "Content-Length: 1000000000000"),
    request("POST", "/size/", HOST, CHUNKED, body=b"zz\r\n\r\n"),
    request("POST", "/size/", HOST, "Content-Length: 4", CHUNKED, body=b"0\r\n\r\nGET /smuggled/ HTTP/1.1\r\n\r\n"),
    request("GET", "/%00%ff/../../etc/passwd", HOST),
    request("CONNECT", "localhost:80", HOST),
    b"GET /echo/ HTTP/1.1\r\nHost: localhost\r\nCookie: city=Z\xfcrich\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\1\0\0\0\0\0\0a",
)


def abort_uploads(site: Reachable, ended: threading.Event) -> None:
    """Abort uploads: reset HTTP/2 streams, and close connections in the middle of a body."""
    while not ended.is_set():
        with Http2(site) as client:
            streams = [client.send_request("/size/", "POST", LENGTH, ends=False) for _ in range(70)]
            for stream in streams[::2]:
                client.reset(stream)
        with connect(site) as connection:
            connection.sendall(request("POST", "/size/", HOST, "Content-Length: 10", body=b"a"))
        ended.wait(0.2)


def drip(site: Reachable, ended: threading.Event) -> None:
    """Send large bodies a byte at a time, by HTTP/1.1 and HTTP/2, from one address and from many."""
    while not ended.is_set():
        uploads = (
            SlowBodies(site, [HERE] * CONNECTIONS),
            SlowBodies(site, [f"127.0.3.{number}" for number in range(1, 101)]),
            SlowStreams(site, 50),
        )
        with Dripping(*uploads, pause=1):
            ended.wait(ROUND_SECONDS)


def shut_windows(site: Reachable, ended: threading.Event) -> None:
    """Ask for pages of 2 MB by HTTP/2, with a window of zero bytes."""
    while not ended.is_set():
        with Http2(site, window=0, reads=False) as client:
            for _ in range(100):
                client.send_request("/large/")
            for _ in range(int(ROUND_SECONDS)):
                if client.is_open and not ended.is_set():
                    client.receive(1)


def read_nothing(site: Reachable, ended: threading.Event) -> None:
    """Ask for large responses of all kinds, and never read them."""
    paths = ("/media/large.pdf", f"/stream/?size={20 << 20}", f"/large/?size={4 << 20}")
    while not ended.is_set():
        with contextlib.ExitStack() as stack:
            for number in range(300):
                reader = stack.enter_context(connect(site))
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.sendall(request("GET", paths[number % len(paths)], HOST))
            ended.wait(ROUND_SECONDS)


def begin_and_stay(site: Reachable, ended: threading.Event) -> None:
    """Open connections that send a request head without end, and others that send nothing."""
    while not ended.is_set():
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(connect(site)) for _ in range(CONNECTIONS)]
            for each in crowd[::2]:
                each.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
            for _ in range(int(ROUND_SECONDS)):
                for each in crowd[::2]:
                    with contextlib.suppress(OSError):
                        each.sendall(b"a")
                ended.wait(1)


def take_back(site: Reachable, ended: threading.Event) -> None:
    """Send HTTP/2 requests and reset them at once."""
    while not ended.is_set():
        with Http2(site) as client:
            for _ in range(200):
                client.reset(client.send_request("/"))
        ended.wait(0.5)


def break_rules(site: Reachable, ended: threading.Event) -> None:
    """Send malformed and ambiguous requests."""
    chance = random.Random(25)
    while not ended.wait(0.05):
        with connect(site) as connection:
            connection.sendall(chance.choice(MALFORMED))
            connection.settimeout(0.5)
            connection.recv(1 << 16)


ATTACKS: tuple[Attack, ...] = (
    *(abort_uploads, drip, shut_windows, read_nothing, begin_and_stay, take_back, break_rules),
)


def attack(site: Reachable, ended: threading.Event) -> None:
    """Run all attacks at once. Errors are expected: the server defends itself."""
    threads = [threading.Thread(target=repeat, args=[each, site, ended]) for each in ATTACKS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def repeat(each: Attack, site: Reachable, ended: threading.Event) -> None:
    while not ended.is_set():
        with contextlib.suppress(OSError, ProtocolError):
            each(site, ended)
        ended.wait(0.2)
