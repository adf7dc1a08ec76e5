"""What the server refuses itself is seen as the site's answers are: in the access log, in the metrics, in /up.

Granian answers some of it before it hands anything over: a first line or a header that is none (400), a head that is
too large (431), one that takes too long (closed). Those leave no trace, as with other servers.
"""

import contextlib
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.http1 import CHUNKED, HERE, HOST, all_of, connect, exchange, request, status_of
from ci.http2 import Http2
from ci.mailbox import free_port
from ci.site import Site, bare_environment
from ci.slow import Dripping, SlowBodies
from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import get, is_ready, upload, warm_up
from tests.waiting import wait_until

LIMITS = ("--max-body", "10K", "--body-timeout", "1")


class Observed:
    """A site, and what it tells of its answers."""

    def __init__(self, site: Site, metrics: int) -> None:
        self.site, self.metrics = site, metrics

    def counted(self, group: str) -> float:
        """Answers of a class as "4xx"."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        found = re.search(rf'^djbundle_requests_total{{code="{group}"}} (\S+)$', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def logged(self, method: str, path: str, status: int) -> int:
        """How many such answers are in the access log, with a client and an id."""
        line = rf'source=access msg="{method} {re.escape(path)}" status={status} ms=[\d.]+ client=127\.\S+ id=\w+'
        return len(re.findall(line, self.site.log.read_text()))


@pytest.fixture(scope="module")
def observed(small: Path, streaming: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Observed]]:
    folder = tmp_path_factory.mktemp("refusals")
    options = ("--workers", "1", "--no-worker", "--access-log", "--trusted-proxies", "none", *LIMITS)
    environment = bare_environment(STREAMING_TOKEN="token")
    with contextlib.ExitStack() as stack:
        found = {}
        for interface, bundle in (("wsgi", small), ("asgi", streaming)):
            port = free_port()
            site = Site(bundle, folder / interface, environment, *options, "--metrics-bind", f"127.0.0.1:{port}")
            found[interface] = Observed(stack.enter_context(site), port)
        yield found


@contextlib.contextmanager
def seen(observed: Observed, method: str, path: str, status: int) -> Iterator[None]:
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
def test_a_refusal_is_logged_and_counted(observed: dict[str, Observed], interface: str, name: str) -> None:
    sent, line, status = REFUSED[name]
    method, path = line.split()
    with seen(observed[interface], method, path, status), connect(observed[interface].site) as connection:
        connection.sendall(sent)
        assert status_of(all_of(connection)) == status


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(("size", "status"), [(100_000, 413), (10, 408)])
def test_a_refusal_by_http2_is_logged_and_counted(
    observed: dict[str, Observed], interface: str, size: int, status: int
) -> None:
    with seen(observed[interface], "POST", "/size/", status), Http2(observed[interface].site) as client:
        stream = client.ask("/size/", "POST", [(b"content-length", str(size).encode())], ends=False)
        assert client.answer(stream).status == status


def test_a_body_without_a_length_is_seen(observed: dict[str, Observed]) -> None:
    """Either WSGI refuses it, or the site has answered it; nothing between."""
    site = observed["wsgi"]
    with connect(site.site) as connection:
        connection.sendall(request("POST", "/size/", HOST, CHUNKED, "Connection: close", body=b"1\r\na\r\n0\r\n\r\n"))
        status = status_of(all_of(connection))
    assert status in (200, 411)
    wait_until(lambda: site.logged("POST", "/size/", status), "it is in the log", 10)


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_body_that_is_none_is_seen(observed: dict[str, Observed], interface: str) -> None:
    """Chunks whose size is no number: the client's mistake, no error of the site, and nothing of it is a request."""
    site, seen = observed[interface], observed[interface].site.log.stat().st_size
    status = status_of(exchange(site.site, request("POST", "/size/", HOST, CHUNKED, body=b"zz\r\n\r\n")))
    assert status in (0, 400, 411)  # 0: it is closed without a word
    if status:
        wait_until(lambda: site.logged("POST", "/size/", status), "it is in the log", 10)
    assert b"ERROR" not in site.site.log.read_bytes()[seen:].upper()


def test_an_endless_body_is_seen(observed: dict[str, Observed]) -> None:
    """It grows too large while it comes."""
    endless = request("POST", "/size/", HOST, CHUNKED, body=(b"800\r\n" + b"a" * 0x800 + b"\r\n") * 10)
    with seen(observed["asgi"], "POST", "/size/", 413):
        assert status_of(exchange(observed["asgi"].site, endless)) == 413


def test_a_page_that_ends_its_process_is_seen(observed: dict[str, Observed]) -> None:
    """By sys.exit(), which Django does not turn into an answer: 500 is the server's."""
    with seen(observed["wsgi"], "GET", "/exit/", 500):
        assert status_of(exchange(observed["wsgi"].site, request("GET", "/exit/?why=x", HOST))) == 500


def test_a_full_disk_is_seen(small: Path, small_disk: Path) -> None:
    """507, and the log says why."""
    port = free_port()
    options = ("--workers", "1", "--no-worker", "--access-log", "--metrics-bind", f"127.0.0.1:{port}")
    with Site(small, small_disk / "data", bare_environment(), *options) as site:
        observed = Observed(site, port)
        with seen(observed, "POST", "/size/", 507), connect(site) as connection:
            connection.sendall(request("POST", "/size/", HOST, f"Content-Length: {20 << 20}"))
            with contextlib.suppress(OSError):
                connection.sendall(b"a" * (20 << 20))
            assert status_of(all_of(connection)) == 507
        assert "No space left on device" in site.log.read_text()


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_site_that_takes_no_uploads_is_not_ready(target: NewTarget, interface: str) -> None:
    """However many come: while honest ones are refused, /up says so and the log tells of each; and not for ever."""
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
    """Each that is answered is in the log; a client's own limit is no reason to call the site unready."""
    with target(interface, "--body-timeout", "15") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        bodies = SlowBodies(site, [HERE] * 300)
        slow = stack.enter_context(Dripping(bodies, pause=0.1))
        wait_until(lambda: slow.waiting < 300 or upload(site) == 200, "they have come")
        for _ in range(3):
            assert upload(site) == 200
        assert get(site) == 200
        stack.close()
        answered = [status_of(answer) for answer in bodies.answers]
        logged = re.findall(r'msg="POST /size/" status=(4\d\d|503) ', site.log.read_text())
        assert len(logged) >= len(answered), (len(logged), len(answered))
