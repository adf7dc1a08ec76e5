"""Clients of many kinds, which send requests to a site all the time, and their failures."""

import http.client
import os
import select
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self
from urllib.parse import quote, urlsplit

from tests.support.websocket import CLOSE, GOING_AWAY, Reachable, WebSocket

MAX_REQUESTS = 1_000_000
CURL_FORMAT = "%{stderr}%{http_code} %{exitcode} %{errormsg}\n"  # printed for each transfer; stderr is not buffered


class Load:
    """``with Load(site):`` runs `clients`; by default those for a WSGI site."""

    def __init__(self, site: Reachable, clients: "Sequence[Client] | None" = None) -> None:
        self.url = site.url
        self.address = urlsplit(site.url).netloc
        self.ended = threading.Event()
        self.statuses = Counter[int]()  # by status
        self.failures = list[str]()
        self.written = list[str]()  # ids of tasks whose enqueuing was confirmed by a response
        self._threads = [threading.Thread(target=each, args=[self]) for each in clients or (*PLAIN, *SLOW)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join()

    def response_count(self) -> int:
        return sum(self.statuses.values())

    def has_more_than(self, count: int) -> bool:
        return self.response_count() > count

    def record_status(self, status: int) -> None:
        self.statuses[status] += 1
        if status >= 500:
            self.failures.append(f"status {status}")


Client = Callable[[Load], None]  # sends requests until the load has ended


def reader(pause: float, *, keep: bool) -> Client:
    """Return a client that pauses `pause` seconds between requests, over one kept connection or over new ones."""

    def read(load: Load) -> None:
        _send_requests(load, lambda _number: "/", pause, keep=keep)

    return read


def writer(load: Load) -> None:
    _send_requests(
        load, lambda number: f"/write/?text={quote(f'{time.monotonic()} {number}')}", 0.01, written=load.written
    )


def curl(*options: str, path: str = "/") -> Client:
    """Return a client that runs curl, which can speak HTTP/2 and limit its rate, in a process of its own."""

    def run_curl(load: Load) -> None:
        command = ["curl", "--silent", "--no-progress-meter", "--output", os.devnull]
        command += ["--write-out", CURL_FORMAT, *options]
        url = f"{load.url}{path}?n=[1-{MAX_REQUESTS}]"
        with subprocess.Popen([*command, url], stderr=subprocess.PIPE, text=True) as process:
            watch = threading.Thread(target=lambda: (load.ended.wait(), process.terminate()))
            watch.start()
            for line in process.stderr or ():
                if not line.endswith("\n"):  # curl was terminated in the middle of this line
                    break
                status, code, error = line.rstrip("\n").split(" ", 2)
                if code == "0":
                    load.record_status(int(status))
                else:
                    load.failures.append(f"curl {' '.join(options)}: {error}")
        if not load.ended.is_set():
            load.failures.append(f"curl ended with {process.returncode}")
        watch.join()

    return run_curl


def slow_head(load: Load) -> None:
    """Send the head of each request word by word."""
    words = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\nConnection: close\r\n\r\n".split(b" ")
    host, _, port = load.address.rpartition(":")
    while not load.ended.is_set():
        try:
            with socket.create_connection((host, int(port)), timeout=60) as connection:
                connection.sendall(b" ".join(words[:3]))
                for word in words[3:]:
                    time.sleep(0.5)
                    connection.sendall(b" " + word)
                with connection.makefile("rb") as response:
                    load.record_status(int(response.readline().split()[1]))
                    response.read()
        except (OSError, IndexError) as error:
            load.failures.append(f"a request that came slowly: {error!r}")


def slow_body(load: Load) -> None:
    """Send bodies that take four seconds each."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"a" * 400_000)
        body.flush()
        curl("--limit-rate", "100K", "--header", "Expect:", "--data-binary", f"@{body.name}", path="/size/")(load)


def web_socket(load: Load) -> None:
    """Send and receive messages. Reconnect at once when the server closes the connection."""
    while not load.ended.is_set():
        try:
            with WebSocket(load) as client:
                while not load.ended.wait(0.02):
                    client.send("echo")
                    kind, content = client.receive()
                    if kind == CLOSE:
                        assert content == GOING_AWAY, f"it was closed with {content!r}"
                        break
                    load.record_status(101)
        except (OSError, AssertionError) as error:
            load.failures.append(f"a WebSocket: {error!r}")


PLAIN: Sequence[Client] = (
    *(reader(pause, keep=keep) for pause in (0.0, 0.0, 0.05, 3.1) for keep in (True, False)),
    writer,
)
SECURE: Sequence[Client] = (  # by HTTPS, without checks of the certificate
    *(curl("--insecure", version) for version in ("--http2", "--http2", "--http1.1")),
    curl("--insecure", "--header", "Connection: close"),
    curl("--insecure", "--rate", "20/m"),
)
SLOW: Sequence[Client] = (slow_head, slow_head, slow_body, slow_body)


def _send_requests(
    load: Load, path: Callable[[int], str], pause: float, *, keep: bool = True, written: list[str] | None = None
) -> None:
    connection = http.client.HTTPConnection(load.address, timeout=60)
    number = 0
    while not load.ended.is_set():
        try:
            if was_closed(connection):
                connection.close()
            connection.request("GET", path(number))
            response = connection.getresponse()
            body = response.read().decode()
            load.record_status(response.status)
            if written is not None and response.status == 200:
                written.append(body)
            if response.will_close or not keep:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            load.failures.append(f"request {number} of one with a pause of {pause} s: {error!r}")
            connection.close()
        number += 1
        load.ended.wait(pause)
    connection.close()


def was_closed(connection: http.client.HTTPConnection) -> bool:
    """Return whether an idle connection was closed. Browsers, proxies and urllib3 check it before reuse too."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])
