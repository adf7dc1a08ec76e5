"""Requests arrive as sent, byte by byte (PEP 3333); meaningless ones are refused before the site sees them."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from django.utils.encoding import repercent_broken_unicode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.conftest import INTERFACES
from tests.attacks.watching import HONEST, ask, echo, is_ready
from tests.support.http1 import HOST, connect, exchange, read_all, request, status_of
from tests.support.http2 import Header, Http2
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

Sites = dict[str, Site]
FIELD_BYTES = st.binary(max_size=60).map(lambda sent: bytes(each for each in sent if each >= 0x20 and each != 0x7F))
TRIES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CLOSE = "Connection: close"
CITY = b"city=Z\xfcrich; sessionid=abc"


@pytest.fixture(scope="module")
def sites(small: Path, streaming: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Start one site of each interface; both trust no proxy."""
    folder = tmp_path_factory.mktemp("as_sent")
    options = ("--workers", "1", "--no-worker", "--access-log", "--trusted-proxies", "none")
    environment = bare_environment(STREAMING_TOKEN="token")
    with (
        Site(small, folder / "wsgi", environment, *options) as wsgi,
        Site(streaming, folder / "asgi", environment, *options) as asgi,
    ):
        (wsgi.data / "media").mkdir()
        (wsgi.data / "media" / "large.pdf").write_bytes(b"a" * 3_000_000)
        yield {"wsgi": wsgi, "asgi": asgi}


PAGES = {
    "wsgi": ("/up", "/up/live", "/", "/large/", "/stream/", "/static/notes/notes.css", "/media/large.pdf", "/absent/"),
    "asgi": ("/up", "/large/", "/echo/", "/absent/"),
}


@pytest.mark.parametrize("interface", INTERFACES)
def test_head_by_http2_has_no_body(sites: Sites, interface: str) -> None:
    """The answer has the length that GET has; h2 rejects an answer that breaks the rules."""
    with Http2(sites[interface]) as client:
        for path in PAGES[interface]:
            whole, head = client.get(path), client.get(path, method="HEAD")
            assert head.is_complete, (path, head)
            assert (head.status, bytes(head.body)) == (whole.status, b""), path
            assert head.header(b"content-type") == whole.header(b"content-type"), path
            if path != "/echo/":  # its length differs for HEAD
                assert head.header(b"content-length") == whole.header(b"content-length"), path


@pytest.mark.parametrize("interface", INTERFACES)
def test_head_by_http1_has_no_body(sites: Sites, interface: str) -> None:
    for path in PAGES[interface]:
        answer = ask(sites[interface], "HEAD", path)
        assert answer.endswith(b"\r\n\r\n"), path
        assert answer.count(b"\r\n\r\n") == 1, path


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
def test_monitors_may_ask_by_head(small: Path, streaming: Path, tmp_path: Path, interface: str, version: str) -> None:
    bundle = {"wsgi": small, "asgi": streaming}[interface]
    options = ("--workers", "1", "--no-worker", "--tls", "internal")
    with Site(bundle, tmp_path / "data", bare_environment(STREAMING_TOKEN="t"), *options) as site:
        wait_until(lambda: is_ready(site), "it has a certificate")
        command = ["curl", "-kI", "--silent", "--show-error", version, f"{site.url}/up"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        assert result.stdout.split()[1] == "200"


@pytest.mark.parametrize("interface", INTERFACES)
def test_head_of_a_page_that_never_ends(sites: Sites, interface: str) -> None:
    """It is answered at once, and the connection stays usable."""
    path = "/count/?to=6000&left=/dev/null"
    with connect(sites[interface]) as connection:
        connection.sendall(request("HEAD", path, HOST) + request("GET", "/up", HOST, CLOSE))
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b"HTTP/1.1 200 ") == 2
    with Http2(sites[interface]) as client:
        assert client.get(path, method="HEAD").is_complete
        assert client.get("/up").is_complete


def test_not_modified_by_http2_has_no_body(sites: Sites) -> None:
    with Http2(sites["wsgi"]) as client:
        tag = client.get("/static/notes/notes.css")
        changed = client.get("/static/notes/notes.css", [(b"if-modified-since", tag.header(b"last-modified"))])
        assert (changed.status, changed.is_complete, bytes(changed.body)) == (304, True, b"")


def meta_by_http1(site: Site, *headers: bytes, path: str = "/echo/") -> dict[str, str]:
    head = b"\r\n".join([f"GET {path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close", *headers, b"", b""])
    with connect(site, HONEST) as connection:
        connection.sendall(head)
        answer = read_all(connection)
    assert status_of(answer) == 200, answer[:300]
    return dict(echo(answer)["meta"])


def meta_by_http2(site: Site, *headers: Header, path: str = "/echo/") -> dict[str, str]:
    with Http2(site, source=HONEST) as client:
        answer = client.get(path, headers)
    assert answer.status == 200, answer
    return dict(echo(answer.body)["meta"])


@pytest.mark.parametrize("interface", INTERFACES)
def test_one_odd_byte_takes_nothing_else_away(sites: Sites, interface: str) -> None:
    """A user from Zürich stays logged in."""
    expected = {
        "HTTP_COOKIE": CITY.decode("latin-1"),
        "HTTP_REFERER": "http://a/\xc3\xbc",
        "HTTP_X_NAME": "J\xfcrg",
    }
    by_http1 = meta_by_http1(sites[interface], b"Cookie: " + CITY, b"Referer: http://a/\xc3\xbc", b"X-Name: J\xfcrg")
    by_http2 = meta_by_http2(
        sites[interface], (b"cookie", CITY), (b"referer", b"http://a/\xc3\xbc"), (b"x-name", b"J\xfcrg")
    )
    assert {name: by_http1.get(name) for name in expected} == expected
    assert {name: by_http2.get(name) for name in expected} == expected


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_cookie_beside_an_odd_one_is_read(sites: Sites, interface: str) -> None:
    with connect(sites[interface]) as connection:
        connection.sendall(
            b"GET /echo/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: " + CITY + b"\r\n\r\n"
        )
        assert echo(read_all(connection))["cookies"]["sessionid"] == "abc"
    with Http2(sites[interface]) as client:  # an HTTP/2 client may split the cookies
        headers = [(b"cookie", each) for each in CITY.split(b"; ")]
        assert echo(client.get("/echo/", headers).body)["cookies"]["sessionid"] == "abc"


@TRIES
@given(value=FIELD_BYTES)
@pytest.mark.parametrize("interface", INTERFACES)
def test_any_bytes_of_a_header_arrive(sites: Sites, interface: str, value: bytes) -> None:
    """Only white space around them is dropped, which means nothing (RFC 9110, 5.5)."""
    expected = value.strip(b" \t").decode("latin-1")
    assert meta_by_http1(sites[interface], b"X-Odd: " + value)["HTTP_X_ODD"].strip(" \t") == expected
    assert meta_by_http2(sites[interface], (b"x-odd", value.strip()))["HTTP_X_ODD"].strip(" \t") == expected


@TRIES
@given(rest=st.binary(min_size=1, max_size=30).filter(lambda path: not {*b"/\n"} & {*path}))
def test_any_bytes_of_a_path_arrive(sites: Sites, rest: bytes) -> None:
    """Django shows bytes that are not UTF-8 as they were quoted; its <path:> matches no newline."""
    path = f"/echo/{quote_from_bytes(b'a' + rest)}?q={quote_from_bytes(rest)}"
    for meta in (meta_by_http1(sites["wsgi"], path=path), meta_by_http2(sites["wsgi"], path=path)):
        assert meta["PATH_INFO"] == repercent_broken_unicode(b"/echo/a" + rest).decode()
        assert meta["QUERY_STRING"] == f"q={quote_from_bytes(rest)}"


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_header_that_is_repeated_is_one(sites: Sites, interface: str) -> None:
    """Its values are joined as Gunicorn joins them; cookies are joined by their own separator."""
    by_http1 = meta_by_http1(sites[interface], b"X-Two: 1", b"X-Two: 2", b"Cookie: a=1", b"Cookie: b=2")
    by_http2 = meta_by_http2(
        sites[interface], (b"x-two", b"1"), (b"x-two", b"2"), (b"cookie", b"a=1"), (b"cookie", b"b=2")
    )
    for meta in (by_http1, by_http2):
        assert meta["HTTP_X_TWO"].replace(" ", "") == "1,2"
        assert meta["HTTP_COOKIE"].replace(" ", "") == "a=1;b=2"


def test_what_the_site_says_goes_out_as_it_is(sites: Sites) -> None:
    """A response header is sent as latin-1, as in Django."""
    assert b"x-city: z\xfcrich\r\n" in ask(sites["wsgi"], "GET", "/odd/").lower()
    with Http2(sites["wsgi"]) as client:
        assert client.get("/odd/").header(b"x-city") == b"Z\xfcrich"


def test_protocols_are_called_by_their_names(sites: Sites) -> None:
    site = sites["wsgi"]
    for version in ("1.0", "1.1"):
        answer = exchange(site, request("GET", "/echo/", HOST, CLOSE, version=version))
        assert echo(answer)["meta"]["SERVER_PROTOCOL"] == f"HTTP/{version}"
    assert meta_by_http2(site)["SERVER_PROTOCOL"] == "HTTP/2"


def test_http10_needs_no_host(sites: Sites) -> None:
    """Old load balancers' health checks send none: the site sees the address they connect to, as with Gunicorn."""
    answer = exchange(sites["wsgi"], request("GET", "/echo/", version="1.0"))
    assert status_of(answer) == 200, answer[:300]
    meta = echo(answer)["meta"]
    assert "HTTP_HOST" not in meta
    assert sites["wsgi"].url == f"http://{meta['SERVER_NAME']}:{meta['SERVER_PORT']}"


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    "headers",
    [(), (HOST, "Host: other"), (HOST, HOST), ("Host: a", "X-A: b", "host: a")],
    ids=["none", "two", "the same twice", "apart"],
)
def test_a_request_without_one_host_never_reaches_the_site(
    sites: Sites, interface: str, headers: tuple[str, ...], tmp_path: Path
) -> None:
    with unreached(sites[interface], tmp_path):
        answer = exchange(sites[interface], request("GET", reaching(tmp_path), CLOSE, *headers))
        assert status_of(answer) == 400


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("authority", "headers"),
    [(None, []), (None, [(b"host", b"a"), (b"host", b"b")])],
    ids=["none", "two of the old name"],
)
def test_nor_by_http2(
    sites: Sites, interface: str, authority: bytes | None, headers: list[Header], tmp_path: Path
) -> None:
    with unreached(sites[interface], tmp_path), Http2(sites[interface]) as client:
        answer = client.wait_for_response(client.send_request(reaching(tmp_path), headers=headers, authority=authority))
        assert answer.status == 400 or answer.reset


@pytest.mark.parametrize("interface", INTERFACES)
def test_one_host_by_http2_is_enough(sites: Sites, interface: str) -> None:
    """The host may be in either :authority or Host."""
    with Http2(sites[interface]) as client:
        for authority, headers in ((b"localhost", []), (None, [(b"host", b"localhost")])):
            answer = client.wait_for_response(client.send_request("/echo/", headers=headers, authority=authority))
            assert echo(answer.body)["meta"]["HTTP_HOST"] == "localhost"


@pytest.mark.parametrize("interface", INTERFACES)
def test_we_are_no_proxy(sites: Sites, interface: str) -> None:
    """CONNECT asks for a tunnel: it gets no page, and the site does not see it."""
    log_size = sites[interface].log.stat().st_size
    answer = exchange(sites[interface], request("CONNECT", "localhost:80", "Host: localhost:80"))
    assert 400 <= status_of(answer) < 600, answer[:100]
    assert b"source=django" not in sites[interface].log.read_bytes()[log_size:]


@pytest.mark.parametrize("interface", INTERFACES)
def test_who_asks_first_may_send_the_body(sites: Sites, interface: str) -> None:
    """The client sends Expect: 100-continue, as curl does before large uploads."""
    with connect(sites[interface]) as connection:
        head = ("Content-Length: 5", "Expect: 100-continue", CLOSE)
        connection.sendall(request("POST", "/echo/", HOST, *head))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"12345")
        assert echo(read_all(connection))["size"] == 5


def reaching(folder: Path) -> str:
    """Return the path of a page that makes a file when it is requested."""
    return f"/slow/?seconds=0&begun={folder / 'reached'}"


@contextlib.contextmanager
def unreached(site: Site, folder: Path) -> Iterator[None]:
    """Check that the requests in the block make no file, and that it is not Django that refuses them."""
    log_size = site.log.stat().st_size
    yield
    assert not (folder / "reached").exists()
    assert b"DisallowedHost" not in site.log.read_bytes()[log_size:]
