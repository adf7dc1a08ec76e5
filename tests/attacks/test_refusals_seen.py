"""Refusals of the server are visible like the site's answers: in the access log, in the metrics, in /up.

Granian answers some requests before it hands anything over: it rejects a malformed first line or header (400) and a
head that is too large (431), and closes a connection whose head takes too long. Those leave no trace, as with other
servers.
"""

import contextlib
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import get, is_ready, upload, warm_up
from tests.support.http1 import CHUNKED, HERE, HOST, connect, exchange, read_all, request, status_of
from tests.support.http2 import Http2
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment
from tests.support.slow import Dripping, SlowBodies
from tests.support.waiting import wait_until

LIMITS = ("--max-body", "10K", "--body-timeout", "1")


class Observed:
    """A site, with what its log and metrics show about its answers."""

    def __init__(self, site: Site, metrics: int) -> None:
        self.site, self.metrics = site, metrics

    def counted(self, group: str) -> float:
        """Return the number of answers of a class, such as "4xx"."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        match = re.search(rf'^djbundle_requests_total{{code="{group}"}} (\S+)$', text, re.MULTILINE)
        return float(match[1]) if match else 0.0

    def logged(self, method: str, path: str, status: int) -> int:
        """Return how many such answers are in the access log, with a client and an id."""
        line = rf'source=access msg="{method} {re.escape(path)}" status={status} ms=[\d.]+ client=127\.\S+ id=\w+'
        return len(re.findall(line, self.site.log.read_text()))


@pytest.fixture(scope="module")
def observed(small: Path, streaming: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Observed]]:
    folder = tmp_path_factory.mktemp("refusals")
    options = ("--workers", "1", "--no-worker", "--access-log", "--trusted-proxies", "none", *LIMITS)
    environment = bare_environment(STREAMING_TOKEN="token")
    with contextlib.ExitStack() as stack:
        sites = {}
        for interface, bundle in (("wsgi", small), ("asgi", streaming)):
            port = free_port()
            site = Site(bundle, folder / interface, environment, *options, "--metrics-bind", f"127.0.0.1:{port}")
            sites[interface] = Observed(stack.enter_context(site), port)
        yield sites


@contextlib.contextmanager
def assert_counted(observed: Observed, method: str, path: str, status: int) -> Iterator[None]:
    """Check that the request in the block is logged once and counted once."""
    group = f"{status // 100}xx"
    logged, counted = observed.logged(method, path, status), observed.counted(group)
    yield
    wait_until(lambda: observed.logged(method, path, status) == logged + 1, f"{status} is in the log", 10)
    wait_until(lambda: observed.counted(group) == counted + 1, f"{status} is in the metrics", 10)


REFUSED = {
    "no host": (request("GET", "/whoami/"), "GET /whoami/", 400),
    "two hosts": (request("GET", "/whoami/", HOST, "Host: other"), "GET /whoami/", 400),
    "too large": (request("POST", "/size/", HOST, "Content-Length: 100000"), "POST /size/", 413),
    "stalled": (request("POST", "/size/", HOST, "Content-Length: 10", body=b"a"), "POST /size/", 408),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("interface", INTERFACES)
def test_a_refusal_assert_counted(observed: dict[str, Observed], interface: str, name: str) -> None:
    sent, line, status = REFUSED[name]
    method, path = line.split()
    with (
        assert_counted(observed[interface], method, path, status),
        connect(observed[interface].site) as connection,
    ):
        connection.sendall(sent)
        assert status_of(read_all(connection)) == status


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(("size", "status"), [(100_000, 413), (10, 408)])
def test_a_refusal_by_http2_assert_counted(
    observed: dict[str, Observed], interface: str, size: int, status: int
) -> None:
    with (
        assert_counted(observed[interface], "POST", "/size/", status),
        Http2(observed[interface].site) as client,
    ):
        stream = client.send_request("/size/", "POST", [(b"content-length", str(size).encode())], ends=False)
        assert client.wait_for_response(stream).status == status


def test_a_body_without_a_length_is_seen(observed: dict[str, Observed]) -> None:
    """Either the server refuses it, or the site answers it; there is no third outcome."""
    site = observed["wsgi"]
    with connect(site.site) as connection:
        connection.sendall(request("POST", "/size/", HOST, CHUNKED, "Connection: close", body=b"1\r\na\r\n0\r\n\r\n"))
        status = status_of(read_all(connection))
    assert status in (200, 411)
    wait_until(lambda: site.logged("POST", "/size/", status), "it is in the log", 10)


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_body_that_is_none_is_seen(observed: dict[str, Observed], interface: str) -> None:
    """A chunk size that is not a number is the client's mistake: no error is logged, and the body is not a request."""
    site, log_size = observed[interface], observed[interface].site.log.stat().st_size
    status = status_of(exchange(site.site, request("POST", "/size/", HOST, CHUNKED, body=b"zz\r\n\r\n")))
    assert status in (0, 400, 411)  # 0: the connection is closed without an answer
    if status:
        wait_until(lambda: site.logged("POST", "/size/", status), "it is in the log", 10)
    assert b"ERROR" not in site.site.log.read_bytes()[log_size:].upper()


def test_an_endless_body_is_seen(observed: dict[str, Observed]) -> None:
    """The body exceeds the limit only while it arrives."""
    endless = request("POST", "/size/", HOST, CHUNKED, body=(b"800\r\n" + b"a" * 0x800 + b"\r\n") * 10)
    with assert_counted(observed["asgi"], "POST", "/size/", 413):
        assert status_of(exchange(observed["asgi"].site, endless)) == 413


def test_a_page_that_ends_its_process_is_seen(observed: dict[str, Observed]) -> None:
    """The page calls sys.exit(), which Django does not turn into an answer: the server itself answers 500."""
    with assert_counted(observed["wsgi"], "GET", "/exit/", 500):
        assert status_of(exchange(observed["wsgi"].site, request("GET", "/exit/?why=x", HOST))) == 500


def test_a_full_disk_is_seen(small: Path, small_disk: Path) -> None:
    """The answer is 507, and the log says why."""
    port = free_port()
    options = ("--workers", "1", "--no-worker", "--access-log", "--metrics-bind", f"127.0.0.1:{port}")
    with Site(small, small_disk / "data", bare_environment(), *options) as site:
        observed = Observed(site, port)
        with assert_counted(observed, "POST", "/size/", 507), connect(site) as connection:
            connection.sendall(request("POST", "/size/", HOST, f"Content-Length: {20 << 20}"))
            with contextlib.suppress(OSError):
                connection.sendall(b"a" * (20 << 20))
            assert status_of(read_all(connection)) == 507
        assert "No space left on device" in site.log.read_text()


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_site_that_takes_no_uploads_is_not_ready(target: NewTarget, interface: str) -> None:
    """While slow uploads make the site refuse honest ones, /up and the log say so; later the site recovers."""
    with target(interface, "--body-timeout", "15") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        everywhere = [f"127.0.1.{number}" for number in range(1, 251)] * 2
        stack.enter_context(Dripping(SlowBodies(site, everywhere)))
        refused = upload(site) == 503
        if refused:
            wait_until(lambda: not is_ready(site), "it is not ready", 10)
            wait_until(lambda: "status=503" in site.log.read_text(), "the log tells of it", 10)
        else:
            assert get(site) == 200
        stack.close()
        wait_until(lambda: upload(site) == 200, "uploads are answered again")
        wait_until(lambda: is_ready(site), "it is ready again")


@pytest.mark.parametrize("interface", INTERFACES)
def test_uploads_that_one_client_has_too_many_of_are_seen(target: NewTarget, interface: str) -> None:
    """Each answered upload is in the log; one client's own limit does not make the site unready."""
    with target(interface, "--body-timeout", "15") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        bodies = SlowBodies(site, [HERE] * 300)
        slow = stack.enter_context(Dripping(bodies, pause=0.1))
        wait_until(lambda: slow.open_count < 300 or upload(site) == 200, "they have come")
        for _ in range(3):
            assert upload(site) == 200
        assert get(site) == 200
        stack.close()
        answered = [status_of(answer) for answer in bodies.responses]
        logged = re.findall(r'msg="POST /size/" status=(4\d\d|503) ', site.log.read_text())
        assert len(logged) >= len(answered), (len(logged), len(answered))
