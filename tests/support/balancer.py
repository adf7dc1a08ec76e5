"""A load balancer that asks ``/up``, and sends each request to the next host that is healthy. It retries nothing."""

import http.client
import itertools
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

CHECK_INTERVAL = 0.2  # seconds


class Balancer:
    """``with Balancer(addresses) as balancer:`` answers at `balancer.url`."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.healthy: frozenset[str] = frozenset()
        self.errors: list[str] = []
        self._turns = itertools.count()
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Forwarder,), {"balancer": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._threads = [threading.Thread(target=each) for each in (self._server.serve_forever, self._check)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()

    def choose(self) -> str | None:
        """Return the next healthy host."""
        healthy = sorted(self.healthy)
        return healthy[next(self._turns) % len(healthy)] if healthy else None

    def _check(self) -> None:
        while not self._ended.wait(CHECK_INTERVAL):
            self.healthy = frozenset(address for address in self.addresses if is_up(address))


def is_up(address: str) -> bool:
    try:
        return get(address, "/up", 2.0)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def get(address: str, path: str, timeout: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Forwarder(BaseHTTPRequestHandler):
    balancer: Balancer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = self.balancer.choose()
        try:
            status, body = get(address, self.path, 30.0) if address else (503, b"")
        except (OSError, http.client.HTTPException) as error:
            self.balancer.errors.append(f"{address}{self.path}: {error!r}")
            status, body = 502, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
