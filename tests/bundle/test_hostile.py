"""Strangers send requests that two servers read differently, too much, too slowly, and with forged headers."""

import contextlib
import http.client
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.bundle.processes import with_role
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.http1 import CHUNKED, HOST, connect, connect_tls, exchange, is_closed, read_all, request
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

SLOW_CLIENTS = 2000
ROOM = 8  # connections of a crowded site
SMUGGLED = b"GET /smuggled/ HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def site(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a site that trusts no proxy and closes a client after a second of silence in a body."""
    data = tmp_path_factory.mktemp("hostile") / "data"
    options = ("--workers", "2", "--trusted-proxies", "none", "--max-body", "10K", "--body-timeout", "1")
    with Site(small, data, bare_environment(), *options, "--access-log", "--server-timing") as site:
        yield site


@pytest.fixture(scope="module")
def behind_proxy(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a site that trusts this machine and 10.0.0.0/8 as proxies."""
    data = tmp_path_factory.mktemp("proxy") / "data"
    options = ("--workers", "1", "--trusted-proxies", "127.0.0.1,10.0.0.0/8", "--access-log")
    with Site(small, data, bare_environment(), *options) as site:
        yield site


@pytest.fixture(scope="module")
def mute(small: Path, streaming: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    with impatient(tmp_path_factory, small, streaming) as sites:
        yield sites


@pytest.fixture(scope="module")
def crowded(small: Path, streaming: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    with impatient(tmp_path_factory, small, streaming, "--tls", "internal", "--backpressure", str(ROOM)) as sites:
        yield sites


@contextlib.contextmanager
def impatient(folders: pytest.TempPathFactory, wsgi: Path, asgi: Path, *options: str) -> Iterator[dict[str, Site]]:
    """Start a site of each interface that waits 1 s for a request, and 2 s for a client to take an answer."""
    serve_options = ("--workers", "1", "--http1-header-read-timeout", "1000", "--send-timeout", "2", *options)
    environment = bare_environment(STREAMING_TOKEN="token")
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(Site(bundle, folders.mktemp(name) / "data", environment, *serve_options))
            for name, bundle in (("wsgi", wsgi), ("asgi", asgi))
        }


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((HOST, "Content-Length: 4", CHUNKED), b"0\r\n\r\n" + SMUGGLED),
        ((HOST, CHUNKED, "Content-Length: 4"), b"0\r\n\r\n" + SMUGGLED),
        ((HOST, "Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"), SMUGGLED),
        ((HOST, f"Content-Length: 0, {len(SMUGGLED)}"), SMUGGLED),
        ((HOST, "Content-Length: +4"), b"abcd" + SMUGGLED),
        ((HOST, "Content-Length: 0x4"), b"abcd" + SMUGGLED),
        ((HOST, "Content-Length: -1"), SMUGGLED),
        ((HOST, "Content-Length : 4"), b"abcd" + SMUGGLED),
        ((HOST, "Transfer-Encoding: xchunked"), b"0\r\n\r\n" + SMUGGLED),
        ((HOST, "Transfer-Encoding : chunked"), b"0\r\n\r\n" + SMUGGLED),
        ((HOST, "Transfer-Encoding: chunked, identity"), b"0\r\n\r\n" + SMUGGLED),
        ((HOST, CHUNKED), b"zz\r\n\r\n" + SMUGGLED),
        ((HOST, CHUNKED), b"ffffffffffffffffff\r\n\r\n" + SMUGGLED),
        ((HOST, CHUNKED), b"1;ext\r\nab\r\n0\r\n\r\n" + SMUGGLED),
        ((HOST, "X-A: b\r\n folded: c", "Content-Length: 0, 4"), b"abcd" + SMUGGLED),
        ((HOST, "X-A: b\0c"), SMUGGLED),
    ],
    ids=lambda value: str(value[:60]) if isinstance(value, bytes) else " | ".join(value[1:]),
)
def test_requests_that_two_servers_read_differently_are_refused(
    site: Site, headers: tuple[str, ...], body: bytes
) -> None:
    """Each gets an error, or is the last of its connection; what hides in its body is never a request."""
    answer = exchange(site, request("POST", "/", *headers, body=body))
    assert not answer or answer.startswith(b"HTTP/1.1 4") or b"\r\nconnection: close\r\n" in answer, answer[:100]
    assert answer.count(b"HTTP/1.1 ") <= 1, answer
    assert "/smuggled/" not in site.log.read_text()


def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    """Two whole requests in one packet must still work."""
    first, second = request("GET", "/", HOST), request("GET", "/nothing/", HOST, "Connection: close")
    answer = exchange(site, first + second)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 404 ") == 1


@pytest.mark.parametrize(
    "head",
    [
        request("GET", "/", HOST, f"X-A: {'a' * (1 << 20)}"),
        request("GET", "/", HOST, *(f"X-{number}: a" for number in range(5000))),
        request("GET", f"/?{'a' * (1 << 20)}", HOST),
    ],
    ids=["one header", "many headers", "path"],
)
def test_huge_heads_are_refused(site: Site, head: bytes) -> None:
    answer = exchange(site, head)
    assert not answer or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 414 ", b"HTTP/1.1 400 ")), answer[:100]


@pytest.mark.parametrize("length", [10 * 1024 + 1, 10**12, 10**30])
def test_large_bodies_are_refused_unread(site: Site, length: int) -> None:
    answer = exchange(site, request("POST", "/admin/login/", HOST, f"Content-Length: {length}"))
    assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 ")), answer[:100]


def test_bodies_without_a_length_are_read(site: Site) -> None:
    """They are read to their end. If the connection breaks before, the site sees no request."""
    answer = exchange(site, request("POST", "/size/", HOST, CHUNKED, body=b"3\r\nabc\r\n0\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\n3 in " in answer
    assert not exchange(site, request("POST", "/size/", HOST, CHUNKED, body=b"3\r\nabc\r\n"))[:12].endswith(b"200")


PATHS = [
    f"{prefix}{way}{target}"
    for prefix in ("/static/", "/media/", "/static/notes/")
    for way in ("../", "../../", "%2e%2e/", "%2e%2e%2f", "..%2f", "..%5c", "..\\", "/", "%00/../", "./../", "....//")
    for target in ("djbundle.json", "secret_key", "db.sqlite3", "serve.lock", "etc/passwd", "_project_facts.pyc")
]


def test_no_path_leads_out(site: Site) -> None:
    """A response reveals nothing of the data directory, the archive or the machine; no path causes a server error."""
    secrets = [(site.data / "secret_key").read_bytes(), b"SQLite format", b"root:", b'"settings_module"']
    for path in (
        *PATHS,
        "/static/%00",
        "/media/a%00.png",
        "/static/%ff%fe",
        "/media/" + "a/" * 3000,
        "/djb/djbundle.json",
    ):
        answer = exchange_once(site, path)
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 30")), (path, answer[:100])
        assert not any(secret in answer for secret in secrets), path
    assert "Traceback" not in site.log.read_text()


def exchange_once(site: Site, path: str) -> bytes:
    with connect(site) as connection:
        connection.sendall(request("GET", path, HOST, "Connection: close"))
        return read_all(connection)


@pytest.mark.parametrize("beginning", ["head", "body", "nothing"])
def test_slow_clients_hold_up_nobody(site: Site, beginning: str) -> None:
    """Two thousand requests never finish; other clients are answered, and in the end the slow ones are closed."""
    starts = {
        "head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        "body": request("POST", "/admin/login/", HOST, "Content-Length: 1000", body=b"username="),
        "nothing": b"",
    }
    slow = [connect(site) for _ in range(SLOW_CLIENTS)]
    try:
        for connection in slow:
            connection.sendall(starts[beginning])
        for _ in range(20):
            customer = Customer(site.url)
            assert customer.get("/").status == 200
            assert customer.get("/static/notes/notes.css").status == 200
        if beginning == "body":
            wait_until(lambda: is_closed(slow[0]), "a client whose body has stalled is closed")
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("beginning", [b"", b"G", b"PRI * HTTP/2.0\r\n\r\nSM\r\n"[:-1], b"GET / HTTP/1.1\r\nHost: "])
def test_clients_that_say_nothing_are_closed(mute: dict[str, Site], interface: str, beginning: bytes) -> None:
    """A client that sends requests is not closed."""
    site = mute[interface]
    with connect(site) as silent, connect(site) as customer:
        silent.sendall(beginning)
        for _ in range(8):
            customer.sendall(request("GET", "/up", HOST))
            assert customer.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.25)
        wait_until(lambda: is_closed(silent), "it is closed")


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_who_says_nothing_after_the_handshake_makes_room(
    crowded: dict[str, Site], interface: str, tmp_path: Path
) -> None:
    """A client that waits for an answer stays connected."""
    site = crowded[interface]
    with contextlib.ExitStack() as stack:
        waiting = stack.enter_context(connect_tls(site))
        waiting.sendall(request("GET", f"/slow/?seconds=6&begun={tmp_path / 'begun'}", HOST))
        silent = [stack.enter_context(connect_tls(site)) for _ in range(ROOM - 1)]
        for each in silent:  # wait for tickets: until then the server may accept one more, whose handshake would hang
            assert select.select([each], [], [], 20)[0]
        with connect_tls(site) as customer:
            customer.sendall(request("GET", "/up", HOST))
            assert customer.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        for each in silent:
            wait_until(lambda each=each: is_closed(each), "it is closed")  # type: ignore[misc]
        assert waiting.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_leaves_in_its_body_is_forgotten(site: Site) -> None:
    """The request never reaches the site."""
    with connect(site) as connection:
        connection.sendall(request("POST", "/left/", HOST, "Content-Length: 1000", body=b"a"))
    assert Customer(site.url).get("/").status == 200
    assert "/left/" not in site.log.read_text()


@pytest.mark.parametrize(
    ("interface", "path"),
    [("asgi", "/slow/?seconds=60&begun={0}.begun"), ("asgi", "/count/?to=600"), ("wsgi", "/count/?to=600")],
)
def test_a_client_that_leaves_while_it_is_answered_is_seen(
    mute: dict[str, Site], interface: str, path: str, tmp_path: Path
) -> None:
    left = tmp_path / "left"
    with connect(mute[interface]) as connection:
        connection.sendall(request("GET", f"{path.format(left)}&left={left}", HOST))
        if "count" in path:
            answer = b""
            while b"0\n" not in answer:
                answer += connection.recv(1 << 16)
        else:
            wait_until(tmp_path.joinpath("left.begun").exists, "it has begun")
        assert not left.exists()
    wait_until(left.exists, "nobody works for it any more")


@pytest.mark.parametrize(("number", "whole"), [(1, False), (9, True)])
def test_an_answer_that_fails_does_not_look_whole(mute: dict[str, Site], number: int, *, whole: bool) -> None:
    """This holds for ASGI and HTTP/1.1: HTTP/2 shares its connection, and WSGI does not know its connection."""
    with connect(mute["asgi"]) as connection:
        connection.sendall(request("GET", f"/count/?to=3&fails={number}", HOST, "Connection: close"))
        with connection.makefile("rb") as answer:
            received = answer.read()
    assert received.startswith(b"HTTP/1.1 200")
    assert b"\r\n0\n\r\n" in received
    assert received.endswith(b"\r\n0\r\n\r\n") == whole


def get(site: Site, path: str, **headers: str) -> Any:
    address = urlsplit(site.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body.decode()


FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "Forwarded": "for=6.6.6.6;proto=https",
    "X-Real-IP": "6.6.6.6",
    "X_Forwarded_Proto": "https",
    "X-Scheme": "https",
    "X-Request-ID": "forged",
}


def test_strangers_are_not_believed(site: Site) -> None:
    answer, body = get(site, "/whoami/", **FORGED)
    assert body.splitlines() == ["127.0.0.1", "http", "", answer.headers["X-Request-ID"]]
    assert len(answer.headers["X-Request-ID"]) == 32
    assert answer.headers["Server-Timing"].startswith("total;dur=")
    wait_until(lambda: answer.headers["X-Request-ID"] in site.log.read_text(), "the access log has the id")


@pytest.mark.parametrize(
    ("headers", "client", "scheme"),
    [
        ({}, "127.0.0.1", "http"),
        ({"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}, "9.9.9.9", "https"),
        ({"X-Forwarded-For": "6.6.6.6, 9.9.9.9, 10.1.2.3"}, "9.9.9.9", "http"),
        ({"X-Forwarded-For": "6.6.6.6, nonsense"}, "127.0.0.1", "http"),
        ({"X-Forwarded-For": "[2001:db8::1]:1234"}, "2001:db8::1", "http"),
        ({"Forwarded": 'for="[2001:db8::2]:99";proto=https'}, "2001:db8::2", "https"),
        ({"X-Forwarded-Proto": "javascript"}, "127.0.0.1", "http"),
    ],
    ids=str,
)
def test_trusted_proxies_are_believed(behind_proxy: Site, headers: dict[str, str], client: str, scheme: str) -> None:
    """The client is the last address that is not a trusted proxy."""
    _, body = get(behind_proxy, "/whoami/", **headers)
    assert body.splitlines()[:2] == [client, scheme]


def test_request_id_goes_through(behind_proxy: Site) -> None:
    answer, body = get(behind_proxy, "/whoami/", X_Request_ID="abc-123")
    assert answer.headers["X-Request-ID"] == body.splitlines()[3] == "abc-123"
    answer, _ = get(behind_proxy, "/whoami/", X_Request_ID="a b<script>")
    assert len(answer.headers["X-Request-ID"]) == 32


def test_slow_readers_hold_up_nobody(new_small: NewSite) -> None:
    """There are more clients that request much and read nothing than threads; each takes less than 1 MB of memory."""
    with new_small("--workers", "1", "--blocking-threads", "2") as site, contextlib.ExitStack() as stack:
        (site.data / "media").mkdir()
        (site.data / "media" / "large.pdf").write_bytes(os.urandom(20 << 20))
        (web,) = with_role(site, "web")
        before, count = web.memory_full_info().uss, 200
        for _ in range(count):
            reader = stack.enter_context(connect(site))
            reader.sendall(request("GET", "/media/large.pdf", HOST))
            assert reader.recv(15) == b"HTTP/1.1 200 OK"
        assert (grown := web.memory_full_info().uss - before) < count << 20, f"{grown >> 20} MB"
        for _ in range(10):
            assert exchange(site, request("GET", "/", HOST, "Connection: close")).startswith(b"HTTP/1.1 200 ")
        with urlopen(f"{site.url}/media/large.pdf", timeout=60) as answer:
            assert len(answer.read()) == 20 << 20


def test_who_takes_nothing_of_an_answer_is_closed(mute: dict[str, Site]) -> None:
    """A client that reads slowly stays connected."""
    site = mute["wsgi"]
    (site.data / "media").mkdir(exist_ok=True)
    (site.data / "media" / "large.pdf").write_bytes(os.urandom(20 << 20))
    with connect(site) as stalled, connect(site) as slow:
        for reader in (stalled, slow):
            reader.sendall(request("GET", "/media/large.pdf", HOST, "Connection: close"))
        size = 0
        for _ in range(20):
            size += len(slow.recv(1 << 20))
            time.sleep(0.25)
        assert size + len(read_all(slow)) > 20 << 20
        assert len(read_all(stalled)) < 20 << 20


def test_bodies_arrive_whole(new_small: NewSite) -> None:
    """Many come at once, from empty to too large for memory; a large one uses a file only while it arrives."""
    with new_small("--workers", "1", "--max-body", "10M") as site:
        sizes = [0, 1, 1000, 65536, 65537, 1 << 20, (1 << 20) + 1, 5 << 20]
        echoed: dict[int, str] = {}

        def send(size: int) -> None:
            data = Request(f"{site.url}/size/", b"a" * size, {"Content-Type": "application/octet-stream"})
            with urlopen(data, timeout=60) as answer:
                echoed[size] = answer.read().decode()

        senders = [threading.Thread(target=send, args=[size]) for size in sizes]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert echoed == {size: f"{size} in {site.data / 'incoming'}" for size in sizes}
        wait_until(lambda: not [*(site.data / "incoming").iterdir()], "nothing is left behind")


def test_asgi_has_the_same_limits(streaming: Path, tmp_path: Path) -> None:
    options = ("--workers", "1", "--max-body", "10K", "--body-timeout", "1", "--trusted-proxies", "none")
    with Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="t"), *options) as site:
        whole = request("POST", "/size/", HOST, "Content-Length: 10", "Connection: close", body=b"a" * 10)
        assert exchange(site, whole).endswith(b"\r\n\r\n10")
        chunked = request("POST", "/size/", HOST, CHUNKED, "Connection: close", body=b"a\r\naaaaaaaaaa\r\n0\r\n\r\n")
        assert exchange(site, chunked).endswith(b"\r\n\r\n10")
        large = request("POST", "/size/", HOST, "Content-Length: 20000", body=b"a" * 20000)
        assert exchange(site, large).startswith(b"HTTP/1.1 413 ")
        endless = request("POST", "/size/", HOST, CHUNKED, body=(b"800\r\n" + b"a" * 0x800 + b"\r\n") * 10)
        assert exchange(site, endless).startswith(b"HTTP/1.1 413 ")
        with connect(site) as stalled:
            stalled.sendall(request("POST", "/size/", HOST, "Content-Length: 10", body=b"a"))
            assert stalled.recv(100).startswith(b"HTTP/1.1 408 ")
        answer, _ = get(site, "/count/?to=1", **FORGED)
        assert len(answer.headers["X-Request-ID"]) == 32
        assert "Traceback" not in site.log.read_text()
