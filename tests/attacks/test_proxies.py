"""Strangers who pretend to be a proxy, to the site itself and through a proxy that it trusts."""

import json
import socket
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.runtime.test_forwarded import FORGED
from tests.support.site import Site, bare_environment

Line = tuple[str, str]
KINDS = ("asgi", "wsgi")


def serve(kind: str, small: Path, streaming: Path, data: Path, proxies: str) -> Site:
    bundle = streaming if kind == "asgi" else small
    options = ("--workers", "1", "--no-worker", "--trusted-proxies", proxies)
    return Site(bundle, data, bare_environment(STREAMING_TOKEN="t"), *options)


@pytest.fixture(scope="module", params=KINDS)
def open_site(
    request: pytest.FixtureRequest, small: Path, streaming: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Start a site that trusts no proxy."""
    with serve(request.param, small, streaming, tmp_path_factory.mktemp("open") / "data", "none") as site:
        yield site


@pytest.fixture(scope="module", params=KINDS)
def behind_proxy(
    request: pytest.FixtureRequest, small: Path, streaming: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Start a site that trusts this machine and 10.0.0.0/8 as proxies."""
    data = tmp_path_factory.mktemp("behind") / "data"
    with serve(request.param, small, streaming, data, "127.0.0.1,10.0.0.0/8") as site:
        yield site


def request_as_received(site: Site, *lines: Line) -> tuple[str, str, dict[str, str]]:
    """Return the address, scheme and headers that the site sees; each line is sent exactly as written here."""
    address = urlsplit(site.url)
    head = [("Host", "localhost"), ("Connection", "close"), *lines]
    text = "GET /heard/ HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head) + "\r\n"
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as connection:
        connection.sendall(text.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200"), answer
    report: list[Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return report[0], report[1], report[2]


def test_strangers_say_nothing_of_themselves(open_site: Site) -> None:
    names = [*FORGED, *(name.replace("-", "_") for name in FORGED)]
    for some in batched(names, 50):  # a request has at most 100 headers
        address, scheme, headers = request_as_received(open_site, *[(name, "6.6.6.6") for name in some])
        assert (address, scheme) == ("127.0.0.1", "http")
        assert {name for name, value in headers.items() if value == "6.6.6.6"} == set()


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for"])
def test_underscores_reach_nobody(behind_proxy: Site, name: str) -> None:
    """A proxy that sets X-Forwarded-For passes on its client's X_Forwarded_For."""
    address, _, headers = request_as_received(
        behind_proxy, (name, "6.6.6.6"), ("X-Forwarded-For", "9.9.9.9"), (name, "7.7.7.7")
    )
    assert (address, headers["X-Forwarded-For"]) == ("9.9.9.9", "9.9.9.9")
    address, _, headers = request_as_received(behind_proxy, (name, "6.6.6.6"))
    assert address == "127.0.0.1"
    assert "X-Forwarded-For" not in headers


@pytest.mark.parametrize(
    ("lines", "client", "scheme"),
    [
        ([("Forwarded", "xfor=6.6.6.6")], "127.0.0.1", "http"),
        ([("Forwarded", 'secret=";for=6.6.6.6;proto=https"')], "127.0.0.1", "http"),
        ([("Forwarded", 'for="6.6.6.6, for=9.9.9.9;proto=http')], "9.9.9.9", "http"),
        ([("Forwarded", "for=6.6.6.6;proto=https"), ("Forwarded", "for=9.9.9.9;proto=http")], "9.9.9.9", "http"),
        ([("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "9.9.9.9")], "9.9.9.9", "http"),
        ([("X-Forwarded-For", "9.9.9.9"), ("Forwarded", "for=6.6.6.6;proto=https")], "9.9.9.9", "http"),
        ([("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-Proto", "https, http")], "9.9.9.9", "http"),
        ([("X-Forwarded-For", "9.9.9.9, 10.0.0.1"), ("X-Forwarded-Proto", "https, http")], "9.9.9.9", "https"),
        ([("X-Forwarded-For", "fe80::1%<script>")], "127.0.0.1", "http"),
    ],
    ids=str,
)
def test_nobody_speaks_through_a_proxy(behind_proxy: Site, lines: list[Line], client: str, scheme: str) -> None:
    address, received_scheme, headers = request_as_received(behind_proxy, *lines)
    assert (address, received_scheme) == (client, scheme)
    assert headers.get("X-Forwarded-Proto", scheme) == scheme, "what Django would believe by SECURE_PROXY_SSL_HEADER"
