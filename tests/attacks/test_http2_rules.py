"""HTTP/2 that breaks the rules, as in h2spec and the known floods: it is refused at low cost, and reaches no page."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from h2.errors import ErrorCodes
from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.watching import assert_recovered, get, memory_of, warm_up, web_of
from tests.support.http1 import connect, is_closed, read_all
from tests.support.http2 import Header, Http2
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_MEMORY = 32 << 20  # bytes that a flood may take
INDEXED = 1 << 12  # bytes of HPACK's table


@pytest.fixture(scope="module")
def site(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    options = ("--workers", "1", "--no-worker", "--access-log", "--trusted-proxies", "none", "--body-timeout", "2")
    with Site(small, tmp_path_factory.mktemp("rules") / "data", bare_environment(), *options) as site:
        warm_up(site)
        yield site


def head(*headers: Header, path: bytes = b"/seen/") -> bytes:
    """Return a header block: that of a good request, plus these headers."""
    good = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", path), (b":authority", b"localhost")]
    return Encoder().encode([*good, *headers], huffman=False)


def block(*headers: Header) -> bytes:
    """Return a header block of exactly these headers."""
    return Encoder().encode(list(headers), huffman=False)


def request_frame(data: bytes, stream: int = 1, flags: tuple[str, ...] = ("END_HEADERS", "END_STREAM")) -> Frame:
    return HeadersFrame(stream, data, flags=flags)


def raw(kind: int, stream: int, body: bytes, flags: int = 0) -> bytes:
    """Return a frame that hyperframe would not make."""
    return len(body).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + body


METHOD, SCHEME, PATH, AUTHORITY = (
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":path", b"/seen/"),
    (b":authority", b"localhost"),
)
BREACHES: dict[str, list[Frame | bytes]] = {
    "data on stream 0": [raw(0, 0, b"a")],
    "headers on stream 0": [raw(1, 0, head(), 5)],
    "headers on an even stream": [request_frame(head(), 2)],
    "data on an idle stream": [DataFrame(1, b"a")],
    "reset of an idle stream": [RstStreamFrame(1, 8)],
    "window of an idle stream": [WindowUpdateFrame(1, 1)],
    "window by 0": [WindowUpdateFrame(0, 1).serialize()[:-1] + b"\0"],
    "window beyond 2^31": [WindowUpdateFrame(0, 2**31 - 1)],
    "a frame that is too large": [raw(1, 1, head() + b"\0" * (1 << 15), 5)],
    "a ping of seven bytes": [raw(6, 0, b"1234567")],
    "a ping on a stream": [raw(6, 1, b"12345678")],
    "settings on a stream": [raw(4, 1, b"")],
    "settings of five bytes": [raw(4, 0, b"12345")],
    "push that is neither on nor off": [SettingsFrame(0, {2: 2})],
    "a window of 2^31": [SettingsFrame(0, {4: 2**31})],
    "frames of one byte": [SettingsFrame(0, {5: 1})],
    "a stream that depends on itself": [request_frame(head(path=b"/allowed/")), PriorityFrame(3, depends_on=3)],
    "goodbye on a stream": [raw(7, 1, b"\0" * 8)],
    "a promise of the client": [raw(5, 1, b"\0\0\0\2" + head(), 4)],
    "continuation of nothing": [ContinuationFrame(1, head(), flags=("END_HEADERS",))],
    "something between continuations": [request_frame(head(), flags=()), PingFrame(0, b"12345678")],
    "headers that are no HPACK": [request_frame(b"\x80\xff\xff\xff\xff\xff")],
    "a name in capitals": [request_frame(head((b"X-A", b"b")))],
    "a name with a space": [request_frame(head((b"x a", b"b")))],
    "a value with a newline": [request_frame(head((b"x-a", b"b\r\nc: d")))],
    "a value with NUL": [request_frame(head((b"x-a", b"b\0c")))],
    "connection": [request_frame(head((b"connection", b"close")))],
    "transfer-encoding": [request_frame(head((b"transfer-encoding", b"chunked")))],
    "te": [request_frame(head((b"te", b"gzip")))],
    "an unknown pseudo-header": [request_frame(head((b":odd", b"a")))],
    "a pseudo-header of answers": [request_frame(head((b":status", b"200")))],
    "pseudo-headers at the end": [request_frame(block((b"x-a", b"b"), METHOD, SCHEME, PATH, AUTHORITY))],
    "no method": [request_frame(block(SCHEME, PATH, AUTHORITY))],
    "no path": [request_frame(block(METHOD, SCHEME, AUTHORITY))],
    "no scheme": [request_frame(block(METHOD, PATH, AUTHORITY))],
    "an empty path": [request_frame(block(METHOD, SCHEME, (b":path", b""), AUTHORITY))],
    "two methods": [request_frame(head((b":method", b"POST")))],
    "two paths": [request_frame(head((b":path", b"/seen/")))],
    "a length that is none": [request_frame(head((b"content-length", b"4x")))],
    "two lengths": [request_frame(head((b"content-length", b"1"), (b"content-length", b"2")), flags=("END_HEADERS",))],
    "a length and no body": [request_frame(head((b"content-length", b"4")))],
    "more than the length": [
        request_frame(head((b"content-length", b"1")), flags=("END_HEADERS",)),
        DataFrame(1, b"four", flags=("END_STREAM",)),
    ],
    "less than the length": [
        request_frame(head((b"content-length", b"4")), flags=("END_HEADERS",)),
        DataFrame(1, b"a", flags=("END_STREAM",)),
    ],
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_of_the_rules_is_refused(site: Site, name: str) -> None:
    """The stream or the connection ends, no page sees the request, and the next client is answered."""
    frames = b"".join(each if isinstance(each, bytes) else each.serialize() for each in BREACHES[name])
    log_size = site.log.stat().st_size
    with connect(site) as connection:
        connection.sendall(PREFACE + SettingsFrame(0).serialize() + frames)
        assert ends(connection), "neither the stream nor the connection ended"
    assert get(site) == 200
    log = site.log.read_bytes()[log_size:]
    assert b"/seen/" not in log, log
    assert b"level=error" not in log


def ends(connection: socket.socket) -> bool:
    """Return whether RST_STREAM, GOAWAY, the end, or a status of 400 or above comes."""
    decoder = Decoder()
    with contextlib.suppress(ConnectionError), connection.makefile("rb") as frames:
        while header := frames.read(9):
            kind, body = header[3], frames.read(int.from_bytes(header[:3]))
            if kind in (RstStreamFrame.type, GoAwayFrame.type):
                return True
            if kind == HeadersFrame.type:
                return int(dict(decoder.decode(body, raw=True))[b":status"]) >= 400
    return True


@pytest.mark.parametrize("beginning", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", PREFACE + b"GET / HTTP/1.1\r\n\r\n"])
def test_a_preface_that_is_none(site: Site, beginning: bytes) -> None:
    with connect(site) as connection:
        connection.sendall(beginning)
        wait_until(lambda: is_closed(connection), "it is closed")
    assert get(site) == 200


FRAMES = st.builds(
    raw,
    st.integers(0, 12),
    st.sampled_from([0, 1, 1, 2, 3, 5, 2**31 - 1]),
    st.one_of(st.binary(max_size=40), st.just(head()), st.just(b"\0\0\0\1"), st.just(b"\0" * 8)),
    st.integers(0, 255),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(FRAMES, min_size=1, max_size=12))
def test_no_frames_are_an_error_of_ours(site: Site, frames: list[bytes]) -> None:
    log_size = site.log.stat().st_size
    with connect(site) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(PREFACE + SettingsFrame(0).serialize() + b"".join(frames))
    assert get(site, "/up/live") == 200
    assert b"level=error" not in site.log.read_bytes()[log_size:]


def flood(site: Site, data: bytes, seconds: float = 3.0) -> int:
    """Send it again and again without reading; return the bytes by which the web process has grown at most."""
    web = web_of(site)
    before, most = memory_of(web), 0
    with connect(site) as connection, contextlib.suppress(OSError):
        connection.sendall(PREFACE + SettingsFrame(0).serialize())
        connection.settimeout(1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                connection.sendall(data)
            most = max(most, memory_of(web) - before)
    return max(most, memory_of(web) - before)


@pytest.mark.parametrize(
    "data",
    [
        PingFrame(0, b"12345678").serialize() * 500,
        SettingsFrame(0, {3: 100}).serialize() * 500,
        PriorityFrame(1, depends_on=3).serialize() * 500,
        raw(0xB0, 0, b"a" * 100) * 100,
    ],
    ids=["pings", "settings", "priorities", "unknown frames"],
)
def test_floods_take_little_memory(site: Site, data: bytes) -> None:
    assert (grown := flood(site, data)) < MAX_MEMORY, f"{grown >> 20} MB"
    assert get(site) == 200


def test_headers_without_end_take_little_memory(site: Site) -> None:
    """Send CONTINUATION after CONTINUATION (CVE-2024-27316)."""
    begun = request_frame(head(), flags=("END_STREAM",)).serialize()
    more = ContinuationFrame(1, block((b"x-a", b"a" * 4000))).serialize() * 4
    web = web_of(site)
    before = memory_of(web)
    with connect(site) as connection:
        connection.sendall(PREFACE + SettingsFrame(0).serialize() + begun)
        with contextlib.suppress(OSError):
            for _ in range(2000):  # 32 MB
                connection.sendall(more)
        assert memory_of(web) - before < MAX_MEMORY
        assert connection.recv(1 << 16) is not None
    assert get(site) == 200


def test_small_heads_that_unpack_to_large_ones_are_refused(site: Site) -> None:
    """Put one header of 4 KB into HPACK's table, then send its index thousands of times: a byte each."""
    encoder = Encoder()
    first = encoder.encode([METHOD, SCHEME, (b":path", b"/unpacked/"), AUTHORITY, (b"x-a", b"a" * (INDEXED - 200))])
    again = encoder.encode([(b"x-a", b"a" * (INDEXED - 200))])
    web = web_of(site)
    before = memory_of(web)
    with connect(site) as connection:
        connection.sendall(PREFACE + SettingsFrame(0).serialize() + request_frame(first + again * 10_000).serialize())
        connection.settimeout(3)
        with contextlib.suppress(TimeoutError):
            read_all(connection)
    assert memory_of(web) - before < MAX_MEMORY
    assert "/unpacked/" not in site.log.read_text()
    assert get(site) == 200


def test_requests_that_are_taken_back_at_once(site: Site) -> None:
    """Cancel thousands of requests faster than they can be answered (CVE-2023-44487): nothing of them stays."""
    threads = web_of(site).num_threads()
    before = memory_of(web_of(site))
    for _ in range(4):
        with Http2(site) as client:
            for _ in range(1000):
                if client.is_open:
                    client.reset(client.send_request("/"), ErrorCodes.CANCEL)
            assert get(site) == 200
    assert_recovered(site, threads)
    wait_until(lambda: memory_of(web_of(site)) - before < MAX_MEMORY, "nothing of it stays")
