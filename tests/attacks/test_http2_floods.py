"""Floods of HTTP/2 frames, sustained over several connections: each honest request beside them is answered.

`test_http2_rules.py` has single floods and what breaks the rules; here the client keeps to them, or nearly.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.attacks.conftest import INTERFACES
from tests.attacks.watching import get, memory_of, upload, warm_up, web_of
from tests.support.http1 import HERE, connect
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize()
ATTACKERS = 3  # connections
SECONDS = 4.0
MAX_MEMORY = 64 << 20  # bytes that are left of a flood
HONEST = ("127.0.0.2", "127.0.0.3")
UPLOAD_SIZE = 1000  # bytes

Flood = Callable[[], Iterator[bytes]]


def head(method: str = "GET", path: str = "/up", *headers: tuple[str, str]) -> bytes:
    pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")]
    return Encoder().encode([*pseudo, *headers])


def begin(stream: int, data: bytes, *, ends: bool = False) -> bytes:
    flags = ["END_HEADERS", *(["END_STREAM"] if ends else [])]
    return HeadersFrame(stream, data, flags=flags).serialize()


def streams() -> Iterator[int]:
    return itertools.count(1, 2)


def cancelled_requests() -> Iterator[bytes]:
    for stream in streams():
        yield begin(stream, head(), ends=True) + RstStreamFrame(stream, 8).serialize()


def cancelled_uploads() -> Iterator[bytes]:
    data = head("POST", "/size/", ("content-length", "1000000"))
    for stream in streams():
        yield begin(stream, data) + RstStreamFrame(stream, 8).serialize()


def made_to_reset() -> Iterator[bytes]:
    """Break a rule on each stream, so that the server cancels it (CVE-2025-8671)."""
    for stream in streams():
        yield begin(stream, head(), ends=True) + WindowUpdateFrame(stream, window_increment=0).serialize()


def empty_continuations() -> Iterator[bytes]:
    yield HeadersFrame(1, head(), flags=["END_STREAM"]).serialize()
    while True:
        yield ContinuationFrame(1, b"").serialize() * 1000


def empty_data() -> Iterator[bytes]:
    yield begin(1, head("POST", "/size/"))
    while True:
        yield DataFrame(1, b"").serialize() * 1000


def tiny_data() -> Iterator[bytes]:
    yield begin(1, head("POST", "/size/"))
    while True:
        yield DataFrame(1, b"a").serialize() * 1000


def padding() -> Iterator[bytes]:
    yield begin(1, head("POST", "/size/"))
    while True:
        yield DataFrame(1, b"", pad_length=200, flags=["PADDED"]).serialize() * 100


def trailers() -> Iterator[bytes]:
    more = Encoder().encode([("x-trailer", "a" * 100)] * 50)
    for stream in streams():
        yield begin(stream, head("POST", "/size/")) + begin(stream, more, ends=True)


def closed_windows() -> Iterator[bytes]:
    yield SettingsFrame(0, {4: 0}).serialize()
    for stream in streams():
        yield begin(stream, head(path="/large/"), ends=True)


def repeated(data: bytes) -> Flood:
    return lambda: itertools.repeat(data * 500)


FLOODS: dict[str, Flood] = {
    "cancelled requests": cancelled_requests,
    "cancelled uploads": cancelled_uploads,
    "made to reset": made_to_reset,
    "empty continuations": empty_continuations,
    "empty data": empty_data,
    "tiny data": tiny_data,
    "padding": padding,
    "trailers": trailers,
    "closed windows": closed_windows,
    "pings": repeated(PingFrame(0, b"12345678").serialize()),
    "settings": repeated(SettingsFrame(0, {1: 4096}).serialize()),
    "priorities": repeated(PriorityFrame(1, depends_on=3).serialize()),
    "windows": repeated(WindowUpdateFrame(0, window_increment=1).serialize()),
}


@pytest.fixture(scope="module", params=INTERFACES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    bundle: Path = request.getfixturevalue({"wsgi": "small", "asgi": "streaming"}[request.param])
    options = ("--workers", "1", "--no-worker", "--trusted-proxies", "none")
    environment = bare_environment(STREAMING_TOKEN="token")
    with Site(bundle, tmp_path_factory.mktemp("floods") / "data", environment, *options) as site:
        warm_up(site)
        yield site


def attack(site: Site, flood: Flood, ended: threading.Event) -> None:
    """Flood over one connection after the other, and read what comes."""
    while not ended.is_set():
        with contextlib.suppress(OSError), connect(site, HERE) as connection:
            connection.sendall(PREFACE)
            for data in flood():
                connection.sendall(data)
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while connection.recv(1 << 16):
                        pass
                connection.settimeout(5)
                if ended.is_set():
                    return


@pytest.mark.parametrize("name", FLOODS)
def test_honest_clients_beside_a_flood(site: Site, name: str) -> None:
    web, ended = web_of(site), threading.Event()
    before = memory_of(web)
    attackers = [threading.Thread(target=attack, args=[site, FLOODS[name], ended]) for _ in range(ATTACKERS)]
    for each in attackers:
        each.start()
    statuses, end = [], time.monotonic() + SECONDS
    while time.monotonic() < end:
        for source in HONEST:
            statuses += [get(site, "/up", source), upload(site, source, UPLOAD_SIZE)]
    ended.set()
    for each in attackers:
        each.join()
    assert {*statuses} == {200}
    assert web_of(site) == web, "no process has died"
    wait_until(lambda: memory_of(web) - before < MAX_MEMORY, "the memory is free again", 60)
