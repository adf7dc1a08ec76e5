"""No response of a site, however odd, aborts the process that serves it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest

from djbundle.runtime.http.protocol.response_validity import each_name_once
from tests.support.http2 import Http2
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest.fixture(params=["asgi", "wsgi"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    yield from serve(request.param)


@pytest.fixture
def asgi_port() -> Iterator[int]:
    yield from serve("asgi")


def serve(interface: str, *files: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.runtime.odd_site", interface, *map(str, files)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def status_of(port: int, path: str, headers: dict[str, str] | None = None) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    connection.close()
    return response.status


@pytest.mark.parametrize("status", ["0", "99"])
def test_a_status_that_http_does_not_have_is_a_failure_of_its_request_only(port: int, status: str) -> None:
    assert status_of(port, f"/status/{status}") == 500
    assert status_of(port, "/status/299") == 299


def test_a_status_of_four_digits_is_a_failure_of_its_request_only(asgi_port: int) -> None:
    assert status_of(asgi_port, "/status/1000") == 500
    assert status_of(asgi_port, "/status/999") == 999


@pytest.mark.parametrize(("path", "status"), [("/subprotocol", 500), ("/headers", 401), ("/cookies", 500)])
def test_an_odd_answer_to_a_websocket_ends_no_other_request(asgi_port: int, path: str, status: int) -> None:
    assert status_of(asgi_port, path, UPGRADE) == status
    assert status_of(asgi_port, "/status/200") == 200


def test_a_failed_websocket_writes_no_line_of_its_own_to_the_log(tmp_path: Path) -> None:
    command, log = [sys.executable, "-m", "tests.runtime.odd_site", "asgi"], tmp_path / "log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE, stderr=stream) as process,
    ):
        try:
            assert process.stdout
            assert status_of(int(process.stdout.readline()), "/failure", UPGRADE) == 500
            wait_until(lambda: "what the client said" in log.read_text(), "the failure is in the log")
        finally:
            process.kill()
    assert not any(line.startswith("forged") for line in log.read_text().splitlines())


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_response_that_breaks_never_looks_whole_and_never_hangs(interface: str, tmp_path: Path) -> None:
    """Over a Unix socket, connections have no address by which they could be told apart."""
    file = tmp_path / "socket"
    for port in serve(interface, file):
        for family, address in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_UNIX, str(file))):
            for _ in range(4):
                assert not received_of_broken(family, address).endswith(b"0\r\n\r\n"), family


def received_of_broken(family: socket.AddressFamily, address: tuple[str, int] | str) -> bytes:
    """Return what arrives of `/breaks` until the connection is closed."""
    with socket.socket(family) as client:
        client.settimeout(30)
        client.connect(address)
        client.sendall(b"GET /breaks HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with client.makefile("rb") as file:
            return file.read()


@pytest.mark.parametrize("status", [204, 304])
def test_over_http_2_a_status_without_a_body_gets_none(port: int, status: int) -> None:
    """HTTP/1 drops such a body; clients of HTTP/2 take it for a violation of the protocol."""
    with Http2(SimpleNamespace(url=f"http://127.0.0.1:{port}")) as client:
        response = client.get(f"/status/{status}")
    assert (response.status, response.is_complete, bytes(response.body)) == (status, True, b"")


def test_repeated_headers_are_joined() -> None:
    assert each_name_once([(b"Vary", b"a"), (b"x", b"1"), (b"vary", b"b")]) == [(b"vary", b"a, b"), (b"x", b"1")]
