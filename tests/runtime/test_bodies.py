"""A body is received without a thread, whole or not at all, and counted by received bytes, not by declared ones."""

import threading
from collections import Counter
from collections.abc import Hashable
from typing import Any

import pytest

from djbundle.runtime.http.limits import bodies, quota
from djbundle.runtime.http.limits.bodies import Bodies
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol import rate
from djbundle.runtime.http.protocol.rate import MAX_SMALL_PARTS, MIN_PART, MIN_RATE
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.net.trusted_proxies import parse_proxies
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import Protocol, make_request

WINDOW = 10


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Upload:
    """An upload, as its client and the site see it."""

    def __init__(self, bodies: Bodies, **environ: Any) -> None:
        self.protocol = Protocol()
        self.entered: list[Request] = []
        request = make_request(self.protocol, REQUEST_METHOD="POST", **environ)
        self.is_waited_for = bodies.receive(request, self.entered.append)

    def body(self) -> bytes:
        (request,) = self.entered
        with request.environ["wsgi.input"] as body:
            return bytes(body.read())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (bodies, rate):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def site() -> Bodies:
    options = HttpOptions(max_body=100_000, body_timeout=WINDOW, trusted_proxies=parse_proxies("10.0.0.0/8"))
    return Bodies(Limits(options), None)


def is_idle(site: Bodies) -> bool:
    return not site.receiving and not site.limits.quota.total and not site.limits.quota.clients


@pytest.mark.parametrize(
    ("environ", "has_body"),
    [
        ({}, False),
        ({"CONTENT_LENGTH": "0"}, False),
        ({"CONTENT_LENGTH": "5"}, True),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, True),
        ({"SERVER_PROTOCOL": "HTTP/2"}, True),
        ({"SERVER_PROTOCOL": "HTTP/2", "CONTENT_LENGTH": "00"}, False),
    ],
)
def test_it_is_known_where_a_body_may_come(site: Bodies, environ: dict[str, str], has_body: bool) -> None:
    upload = Upload(site, **environ)
    assert upload.is_waited_for is has_body
    if has_body:
        upload.protocol.disconnect()


@pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": "10"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_it_arrives_whole(site: Bodies, environ: dict[str, str]) -> None:
    upload = Upload(site, **environ)
    upload.protocol.deliver(b"abcde", more=True)
    upload.protocol.deliver(b"fghij", more=True)
    assert not upload.entered
    upload.protocol.deliver(b"", more=False)
    assert upload.entered[0].environ["CONTENT_LENGTH"] == "10"
    assert "HTTP_TRANSFER_ENCODING" not in upload.entered[0].environ
    assert upload.body() == b"abcdefghij"
    assert is_idle(site)


def test_of_a_client_that_leaves_nothing_stays(site: Bodies) -> None:
    upload = Upload(site, CONTENT_LENGTH="10")
    upload.protocol.deliver(b"abc", more=True)
    upload.protocol.disconnect()
    assert not upload.entered
    assert is_idle(site)
    assert not site.limits.refusals.counts, "nobody was refused"


def test_chunks_that_are_none_are_refused(site: Bodies) -> None:
    upload = Upload(site, HTTP_TRANSFER_ENCODING="chunked")
    upload.protocol.disconnect()
    assert upload.protocol.status == 400
    assert is_idle(site)
    assert site.limits.refusals.counts


def test_more_than_may_come_is_refused(site: Bodies) -> None:
    upload = Upload(site, HTTP_TRANSFER_ENCODING="chunked")
    upload.protocol.deliver(b"a" * 100_001, more=True)
    assert upload.protocol.status == 413
    assert is_idle(site)


@pytest.mark.parametrize(("size", "status"), [(MIN_PART - 1, 400), (MIN_PART, 0)])
def test_too_many_small_parts_are_refused(size: int, status: int) -> None:
    """Each part costs as much as a small request."""
    site = Bodies(Limits(HttpOptions()), None)
    upload = Upload(site, HTTP_TRANSFER_ENCODING="chunked")
    for _ in range(MAX_SMALL_PARTS + 1):
        assert upload.protocol.status == 0
        upload.protocol.deliver(b"a" * size, more=True)
    assert upload.protocol.status == status
    upload.protocol.disconnect()
    assert is_idle(site)


@pytest.mark.parametrize("announced", ["10", "99999"])
@pytest.mark.parametrize("first", [b"", b"a" * 64_000])
def test_one_that_trickles_is_refused_however_it_began(
    site: Bodies, clock: Clock, announced: str, first: bytes
) -> None:
    upload = Upload(site, CONTENT_LENGTH=announced)
    upload.protocol.deliver(first, more=True)
    for _ in range(2 * WINDOW):
        site.sweep()
        clock.now += 1
        if not upload.protocol.status:
            upload.protocol.deliver(b"a", more=True)
    site.sweep()
    assert upload.protocol.status == 408
    assert is_idle(site)
    upload.protocol.deliver(b"late", more=False)
    assert not upload.entered


def test_one_that_is_slow_enough_is_received(site: Bodies, clock: Clock) -> None:
    upload = Upload(site, CONTENT_LENGTH="99999")
    for _ in range(5):
        upload.protocol.deliver(b"a" * MIN_RATE * WINDOW, more=True)
        clock.now += WINDOW
        site.sweep()
    upload.protocol.deliver(b"", more=False)
    assert len(upload.body()) == 5 * MIN_RATE * WINDOW


def test_a_client_has_its_share(site: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MAX_BODIES", 8)
    monkeypatch.setattr(quota, "MAX_BODIES_PER_CLIENT", 3)
    uploads = [Upload(site, CONTENT_LENGTH="1", REMOTE_ADDR=f"2001:db8::{number}") for number in range(4)]
    assert [upload.protocol.status for upload in uploads] == [0, 0, 0, 429], "a network of IPv6 is one client"
    uploads += [Upload(site, CONTENT_LENGTH="1", REMOTE_ADDR="10.1.2.3") for _ in range(6)]
    assert [upload.protocol.status for upload in uploads[4:]] == [0, 0, 0, 0, 0, 503], "a proxy is many"
    uploads[0].protocol.disconnect()
    assert Upload(site, CONTENT_LENGTH="1", REMOTE_ADDR="192.0.2.1").is_waited_for
    for body in [*site.receiving.values()]:
        body.discard()
    assert is_idle(site)


class Interrupted(Counter[Hashable]):
    """Counts in which another thread releases a body while the first reads a count, unless it has to wait."""

    other: threading.Thread | None = None

    def get(self, key: Hashable, default: Any = None) -> Any:
        count = super().get(key, default)
        if (thread := self.other) and not thread.ident:
            thread.start()
            thread.join(0.5)
        return count


def test_bodies_that_begin_and_end_at_once_leave_nothing_counted(site: Bodies) -> None:
    quota, client = site.limits.quota, "192.0.2.1"
    quota.acquire(client)
    counts = quota.clients = Interrupted(quota.clients)
    counts.other = threading.Thread(target=quota.release, args=(client,))
    quota.acquire(client)
    counts.other.join()
    quota.release(client)
    assert is_idle(site)


def test_a_full_disk_is_said(site: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_part: bytes) -> None:
        raise OSError(28, "No space left on device")

    upload = Upload(site, CONTENT_LENGTH="10")
    (body,) = site.receiving.values()
    monkeypatch.setattr(body.spool, "write", fail)
    upload.protocol.deliver(b"abc", more=True)
    assert upload.protocol.status == 507
    assert is_idle(site)
