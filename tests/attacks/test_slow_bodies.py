"""Uploads that hardly advance: each client is judged by itself, by bytes that arrive, not by the declared length."""

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import ask, assert_recovered, get, memory_of, upload, warm_up, web_of
from tests.support.http1 import CHUNKED, HERE, HOST, connect, request, status_of
from tests.support.http2 import Http2
from tests.support.site import Site
from tests.support.slow import DECLARED_SIZE, Dripping, SlowBodies, SlowStreams, SlowUpload
from tests.support.waiting import wait_until

WINDOW = ("--body-timeout", "2")  # seconds; 1 KB has to arrive in each such period
SLOW = 200  # uploads; once, 62 were enough to block all others
FORWARDED = "X-Forwarded-For: {}"
LENGTH = f"Content-Length: {DECLARED_SIZE}"
MAX_MEMORY = 96 << 20  # bytes, for all unfinished bodies of one client


def by_http1(site: Site) -> list[SlowUpload]:
    return [SlowBodies(site, [HERE] * SLOW)]


def by_http2(site: Site) -> list[SlowUpload]:
    return [SlowStreams(site, 70) for _ in range(3)]


def from_everywhere(site: Site) -> list[SlowUpload]:
    """Send one from each of 150 addresses, none of which does more than an honest client may."""
    return [SlowBodies(site, [f"127.0.1.{number}" for number in range(1, 151)])]


def quick_at_first(site: Site) -> list[SlowUpload]:
    """Send the first 64 KB at once: on average, that is more than 1 KB per second for a minute."""
    return [SlowBodies(site, [HERE] * SLOW, beginning=b"a" * (64 << 10))]


@pytest.mark.parametrize("begin", [by_http1, by_http2, from_everywhere, quick_at_first], ids=lambda way: way.__name__)
@pytest.mark.parametrize("interface", INTERFACES)
def test_slow_bodies_hold_up_nobody(
    target: NewTarget, interface: str, begin: Callable[[Site], list[SlowUpload]]
) -> None:
    """They declare 100 MB and send a byte now and then: others still upload; in the end the slow ones are closed."""
    with target(interface, *WINDOW) as site:
        warm_up(site)
        threads = web_of(site).num_threads()
        with Dripping(*begin(site)) as slow:
            for _ in range(20):
                assert upload(site) == 200
                assert get(site) == 200
            wait_until(lambda: not slow.open_count, "the slow ones are answered or closed")
        assert_recovered(site, threads)


def test_slow_bodies_without_a_length_are_closed(target: NewTarget) -> None:
    with target("asgi", *WINDOW) as site:
        warm_up(site)
        with Dripping(SlowBodies(site, [HERE] * SLOW, CHUNKED, beginning=b"")) as slow:
            assert upload(site) == 200
            wait_until(lambda: not slow.open_count, "the slow ones are answered or closed")


@pytest.mark.parametrize("interface", INTERFACES)
def test_behind_a_proxy_each_client_is_judged_by_itself(target: NewTarget, interface: str) -> None:
    """All come from the trusted proxy's address: that must not let one of them stay for ever."""
    with target(interface, *WINDOW, "--trusted-proxies", "127.0.0.0/8") as site:
        warm_up(site)
        bodies = SlowBodies(site, [HERE] * SLOW, FORWARDED.format("6.6.6.6"), LENGTH)
        with Dripping(bodies) as slow:
            for number in range(20):
                honest = ask(site, "POST", "/size/", FORWARDED.format(f"9.9.9.{number}"), body=b"a" * 1000, source=HERE)
                assert status_of(honest) == 200
            wait_until(lambda: not slow.open_count, "the slow ones are answered or closed")
        assert all(status_of(answer) in (408, 429, 503) for answer in bodies.responses), bodies.responses[:3]


@pytest.mark.parametrize("interface", INTERFACES)
def test_one_who_only_pings_is_closed(target: NewTarget, interface: str) -> None:
    """Bytes move on the connection all the time, but none of them belongs to a body."""
    with target(interface, *WINDOW) as site:
        warm_up(site)
        with Http2(site) as client:
            stream = client.send_request("/size/", "POST", [(b"content-length", b"1000")], ends=False)

            def ping() -> bool:
                client.ping()
                return client.responses[stream].is_over

            wait_until(ping, "the upload is answered or reset")


@pytest.mark.parametrize("interface", INTERFACES)
def test_an_honest_upload_may_be_slow(target: NewTarget, interface: str) -> None:
    """Send 4 KB per second in portions, for three times the period."""
    with target(interface, *WINDOW) as site, connect(site) as connection:
        connection.sendall(request("POST", "/size/", HOST, "Content-Length: 24000", "Connection: close"))
        for _ in range(12):
            connection.sendall(b"a" * 2000)
            time.sleep(0.5)
        assert status_of(connection.recv(1000)) == 200


@pytest.mark.parametrize("interface", INTERFACES)
def test_chunks_of_one_byte_are_refused(target: NewTarget, interface: str) -> None:
    with target(interface) as site, connect(site) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request("POST", "/size/", HOST, CHUNKED) + b"1\r\na\r\n" * 100_000)
        assert status_of(connection.recv(1000)) == 400
        assert get(site) == 200


@pytest.mark.parametrize("interface", INTERFACES)
def test_neighbours_of_slow_uploads_stay(target: NewTarget, interface: str) -> None:
    """At the same address and on the same connection, normal requests and normal uploads go on."""
    with target(interface, *WINDOW) as site, contextlib.ExitStack() as stack:
        warm_up(site)
        reader = stack.enter_context(connect(site))
        reader.sendall(request("GET", "/count/?to=80&left=/dev/null", HOST, "Connection: close"))
        streams = SlowStreams(site, 5)
        client = streams.client
        good = client.send_request("/size/", "POST", [(b"content-length", b"48000")], ends=False)
        stack.enter_context(contextlib.closing(streams))
        for number in range(12):
            streams.send_a_byte()
            client.send(good, b"a" * 4000, ends=number == 11)
            time.sleep(0.5)
        assert client.wait_for_response(good).status == 200
        wait_until(lambda: streams.send_a_byte() or not streams.open_count, "the slow ones are answered or reset")
        assert client.get("/up").status == 200
        with reader.makefile("rb") as answer:
            assert b"79\n" in answer.read()


@pytest.mark.parametrize("interface", INTERFACES)
def test_bodies_that_have_begun_take_little_memory(target: NewTarget, interface: str) -> None:
    """Each has sent a megabyte, which stays in memory as long as no file is needed."""
    with target(interface, "--body-timeout", "20") as site:
        warm_up(site)
        web = web_of(site)
        before = memory_of(web)
        with Dripping(SlowBodies(site, [HERE] * SLOW, beginning=b"a" * 1_000_000), pause=0.05) as slow:
            most = 0
            for _ in range(40):
                most = max(most, memory_of(web) - before)
                time.sleep(0.1)
            assert most < MAX_MEMORY, f"{most >> 20} MB for {slow.open_count} bodies"
            assert upload(site) == 200


@pytest.mark.parametrize("interface", INTERFACES)
def test_one_client_does_not_take_all_connections(target: NewTarget, interface: str) -> None:
    """It requests slow pages over as many connections as the site allows; another client is served all the same."""
    with target(interface, "--backpressure", "64") as site, contextlib.ExitStack() as stack:
        warm_up(site)
        for _ in range(80):
            greedy = stack.enter_context(connect(site))
            greedy.sendall(request("GET", "/count/?to=600&left=/dev/null", HOST))
        for _ in range(5):
            assert get(site) == 200
            assert upload(site) == 200
