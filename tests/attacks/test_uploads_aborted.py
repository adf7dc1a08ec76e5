"""Uploads whose client disconnects before the body has arrived: they leave nothing behind."""

import contextlib
import socket
import struct
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from h2.exceptions import StreamClosedError

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import HONEST, assert_recovered, get, upload, warm_up, web_of
from tests.support.http1 import HERE, HOST, connect, request
from tests.support.http2 import Http2
from tests.support.site import Site

ABORTED = 70  # uploads; once, 62 threads read bodies
LENGTH = [(b"content-length", b"10")]
IMMEDIATE = struct.pack("ii", 1, 0)  # SO_LINGER: the kernel sends RST, and no more data


def begin(client: Http2, body: bytes = b"", count: int = ABORTED) -> list[int]:
    """Begin streams that declare ten bytes and send `body`."""
    streams = [client.send_request("/size/", "POST", LENGTH, ends=False) for _ in range(count)]
    for stream in streams:
        if body:
            client.send(stream, body, ends=False)
    client.get("/up")  # so that the server has seen all streams
    return streams


def reset_without_a_byte(site: Site) -> None:
    with Http2(site) as client:
        for stream in begin(client):
            client.reset(stream)
        assert client.get("/up").is_complete


def reset_in_the_middle(site: Site) -> None:
    with Http2(site) as client:
        for stream in begin(client, b"12345"):
            client.reset(stream, ErrorCodes.INTERNAL_ERROR)
        assert client.get("/up").is_complete


def closed_without_a_byte(site: Site) -> None:
    with Http2(site) as client:
        begin(client)


def closed_one_by_one(site: Site) -> None:
    for _ in range(ABORTED):
        with Http2(site) as client:
            begin(client, b"12345", count=1)


def said_goodbye(site: Site) -> None:
    with Http2(site) as client:
        begin(client)
        client.protocol.close_connection()
        client.flush()


def ended_too_early(site: Site) -> None:
    """End a stream before all the bytes that it declared have come, which breaks the rules of HTTP/2."""
    with Http2(site) as client:
        for stream in begin(client, b"12345"):
            with contextlib.suppress(StreamClosedError):  # the server has refused it already
                client.protocol.end_stream(stream)
                client.flush()


def closed_by_http1(site: Site) -> None:
    for kind in (b"", b"12345"):
        for _ in range(ABORTED // 2):
            with connect(site) as connection:
                connection.sendall(request("POST", "/size/", HOST, "Content-Length: 10", body=kind))


def reset_by_http1(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(ABORTED):
            connection = stack.enter_context(connect(site))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, IMMEDIATE)
            connection.sendall(request("POST", "/size/", HOST, "Content-Length: 10", body=b"12345"))


WAYS: tuple[Callable[[Site], None], ...] = (
    *(reset_without_a_byte, reset_in_the_middle, closed_without_a_byte, closed_one_by_one, said_goodbye),
    *(ended_too_early, closed_by_http1, reset_by_http1),
)


@pytest.mark.parametrize("abort", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("interface", INTERFACES)
def test_aborted_uploads_cost_nothing(target: NewTarget, interface: str, abort: Callable[[Site], None]) -> None:
    """They outnumber all threads that ever read bodies; later requests are answered at once, and no thread stays."""
    with target(interface) as site:
        warm_up(site)
        threads = web_of(site).num_threads()
        abort(site)
        assert_recovered(site, threads)


@pytest.mark.parametrize("interface", INTERFACES)
def test_aborted_uploads_by_tls_cost_nothing(target: NewTarget, interface: str) -> None:
    with target(interface, "--tls", "internal") as site:
        warm_up(site)
        threads = web_of(site).num_threads()
        reset_without_a_byte(site)
        closed_without_a_byte(site)
        assert_recovered(site, threads)


@pytest.mark.parametrize("interface", INTERFACES)
def test_as_many_uploads_as_one_likes_are_aborted_at_once(target: NewTarget, interface: str) -> None:
    """While they hang, pages are answered; uploads are answered too, or refused at once with a request to retry."""
    with target(interface) as site, contextlib.ExitStack() as stack:
        warm_up(site)
        threads = web_of(site).num_threads()
        for _ in range(6):
            begin(stack.enter_context(Http2(site)), b"12345")
        for _ in range(20):
            assert get(site, "/size/") == 200
            assert upload(site) in (200, 503)
        stack.close()
        assert_recovered(site, threads)


@pytest.mark.parametrize("interface", INTERFACES)
def test_stalled_uploads_by_http2_end(target: NewTarget, interface: str) -> None:
    """The client stays and sends nothing: each upload is answered or reset, and its other requests go on."""
    with target(interface, "--body-timeout", "1") as site:
        warm_up(site)
        threads = web_of(site).num_threads()
        with Http2(site) as client:
            for stream in begin(client, b"12345"):
                answer = client.wait_for_response(stream)
                assert answer.status in (0, 408, 429, 503), answer
        assert_recovered(site, threads)


@pytest.mark.parametrize("source", [HERE, HONEST])
def test_one_upload_after_the_other_is_aborted(target: NewTarget, source: str) -> None:
    """A browser does this if its user clicks another link again and again."""
    with target("wsgi") as site:
        warm_up(site)
        threads = web_of(site).num_threads()
        for _ in range(ABORTED * 2):
            with Http2(site, source=source) as client:
                client.reset(client.send_request("/size/", "POST", LENGTH, ends=False))
        assert_recovered(site, threads)
