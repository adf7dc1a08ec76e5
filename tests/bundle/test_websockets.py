"""WebSockets work, and are closed with a request to reconnect when their process stops."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.bundle.processes import all_gone, with_role
from tests.support.load import Load, reader, slow_head, web_socket
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until
from tests.support.websocket import CLOSE, GOING_AWAY, TEXT, WebSocket


@pytest.fixture
def site(streaming: Path, tmp_path: Path) -> Iterator[Site]:
    with Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="t"), "--workers", "1") as site:
        yield site


def assert_is_told_to_come_again(client: WebSocket, site: Site) -> None:
    assert client.receive() == (CLOSE, GOING_AWAY)
    wait_until(lambda: "websocket ended with 1001" in site.log.read_text(), "the site is told, too")


def test_echo(site: Site) -> None:
    with WebSocket(site) as client:
        for text in ("one", "two"):
            client.send(text)
            assert client.receive() == (TEXT, text.encode())
    wait_until(lambda: "websocket ended with" in site.log.read_text(), "the site hears that the client has gone")


def test_codes_of_a_close(site: Site) -> None:
    """The site hears the code with which it has closed a WebSocket, or with which the client has."""
    with WebSocket(site) as client:
        client.send("close 4001")
        assert client.receive() == (CLOSE, (4001).to_bytes(2))
    wait_until(lambda: "websocket ended with 4001" in site.log.read_text(), "the site hears its own code")
    with WebSocket(site) as client:
        client.close(4002)
        wait_until(lambda: "websocket ended with 4002" in site.log.read_text(), "the site hears the client's code")


def test_lifespan(site: Site) -> None:
    wait_until(lambda: "streaming hears lifespan.startup" in site.log.read_text(), "the site starts")
    with WebSocket(site) as client:
        client.send("state")
        assert client.receive() == (TEXT, b"prepared")
    site.process.terminate()
    assert site.process.wait(30) == 0
    assert "streaming hears lifespan.shutdown" in site.log.read_text()


def test_new_process_takes_over(site: Site) -> None:
    with WebSocket(site) as client:
        client.send("one")
        assert client.receive() == (TEXT, b"one")
        site.process.send_signal(signal.SIGHUP)
        assert_is_told_to_come_again(client, site)
        with WebSocket(site) as again:  # at once
            again.send("two")
            assert again.receive() == (TEXT, b"two")


def test_processes_change_under_load(site: Site) -> None:
    """Pages are answered, and each WebSocket is closed with a reason."""
    with Load(site, [reader(0.01, keep=True), slow_head, web_socket, web_socket]) as load:
        for _ in range(3):
            before, count = with_role(site, "app")[0], load.response_count()
            site.process.send_signal(signal.SIGHUP)
            wait_until(partial(all_gone, [before]), "the process before has left")
            wait_until(partial(load.has_more_than, count + 100), "clients are answered")
    assert load.failures == []
    assert load.statuses.keys() == {101, 404}


def test_stop(site: Site) -> None:
    with WebSocket(site) as client:
        client.send("one")
        assert client.receive() == (TEXT, b"one")
        site.process.terminate()
        assert_is_told_to_come_again(client, site)
    assert site.process.wait(30) == 0
