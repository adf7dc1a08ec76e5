"""WebSockets: they work, and are told to come again when the process that has them goes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.site import Site, bare_environment
from tests.waiting import wait_until
from tests.websocket import CLOSE, TEXT, WebSocket


@pytest.fixture
def site(streaming: Path, tmp_path: Path) -> Iterator[Site]:
    with Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="t"), "--workers", "1") as site:
        yield site


def assert_is_told_to_come_again(client: WebSocket, site: Site) -> None:
    assert client.receive() == (CLOSE, (1001).to_bytes(2))
    wait_until(lambda: "websocket ended with 1001" in site.log.read_text(), "the site is told, too")


def test_echo(site: Site) -> None:
    with WebSocket(site) as client:
        for text in ("one", "two"):
            client.send(text)
            assert client.receive() == (TEXT, text.encode())
    wait_until(lambda: "websocket ended with" in site.log.read_text(), "the site hears that the client has gone")


def test_new_process_takes_over(site: Site) -> None:
    with WebSocket(site) as client:
        client.send("one")
        assert client.receive() == (TEXT, b"one")
        site.process.send_signal(signal.SIGHUP)
        assert_is_told_to_come_again(client, site)
        with WebSocket(site) as again:  # at once
            again.send("two")
            assert again.receive() == (TEXT, b"two")


def test_stop(site: Site) -> None:
    with WebSocket(site) as client:
        client.send("one")
        assert client.receive() == (TEXT, b"one")
        site.process.terminate()
        assert_is_told_to_come_again(client, site)
    assert site.process.wait(30) == 0
