"""Clients that send request bodies a byte at a time, many at once."""

import contextlib
import select
import socket
import threading
from collections.abc import Sequence
from typing import Protocol, Self

from h2.exceptions import ProtocolError

from tests.support.http1 import HERE, HOST, connect, request
from tests.support.http2 import Http2
from tests.support.websocket import Reachable

DECLARED_SIZE = 100 << 20  # bytes
PAUSE = 0.4  # seconds between two bytes


class SlowUpload(Protocol):
    def send_a_byte(self) -> None: ...

    @property
    def open_count(self) -> int:
        """The number of uploads that the server still receives."""
        ...

    def close(self) -> None: ...


class SlowBodies:
    """HTTP/1.1 uploads, one from each address in `sources`. Addresses may repeat."""

    def __init__(
        self, site: Reachable, sources: Sequence[str], *headers: str, beginning: bytes = b"a", path: str = "/size/"
    ) -> None:
        head = request("POST", path, HOST, *(headers or (f"Content-Length: {DECLARED_SIZE}",)))
        self.byte = b"1\r\na\r\n" if b"chunked" in head else b"a"
        self.responses: list[bytes] = []
        self.open: list[socket.socket] = []
        for source in sources:
            connection = connect(site, source)
            with contextlib.suppress(OSError):  # the server may refuse it at once
                connection.sendall(head + beginning)
            self.open.append(connection)

    @property
    def open_count(self) -> int:
        return len(self.open)

    def send_a_byte(self) -> None:
        for connection in [*self.open]:
            if is_over(connection, self.responses):
                self.open.remove(connection)
                connection.close()
            else:
                with contextlib.suppress(OSError):
                    connection.sendall(self.byte)

    def close(self) -> None:
        for connection in self.open:
            connection.close()


def is_over(connection: socket.socket, responses: list[bytes]) -> bool:
    """Return whether the server has answered or closed. A response is added to `responses`."""
    if not select.select([connection], [], [], 0)[0]:
        return False
    with contextlib.suppress(OSError):
        if response := connection.recv(1 << 16):
            responses.append(response)
    return True


class SlowStreams:
    """HTTP/2 uploads over one connection."""

    def __init__(self, site: Reachable, count: int, source: str = HERE, path: str = "/size/") -> None:
        self.client = Http2(site, source=source)
        length = [(b"content-length", str(DECLARED_SIZE).encode())]
        self.streams = [self.client.send_request(path, "POST", length, ends=False) for _ in range(count)]

    @property
    def open_count(self) -> int:
        return sum(not self.client.responses[each].is_over for each in self.streams) if self.client.is_open else 0

    def send_a_byte(self) -> None:
        for stream in self.streams:
            if self.client.is_open and not self.client.responses[stream].is_over:
                with contextlib.suppress(ProtocolError):
                    self.client.send(stream, b"a", ends=False)
        if self.client.is_open:
            self.client.receive(0.01)

    def close(self) -> None:
        self.client.close()


class Dripping:
    """``with Dripping(uploads):`` a thread sends a byte of each upload every `pause` seconds."""

    def __init__(self, *uploads: SlowUpload, pause: float = PAUSE) -> None:
        self.uploads, self.pause = uploads, pause
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.drip)

    @property
    def open_count(self) -> int:
        return sum(each.open_count for each in self.uploads)

    def drip(self) -> None:
        while not self.ended.wait(self.pause):
            for each in self.uploads:
                each.send_a_byte()

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        for each in self.uploads:
            each.close()
