"""Sends the response of one request over Granian's ASGI protocol, without an event loop.

Granian's `send` needs no loop. Either it is done when it returns, or it returns a future. The future completes when the
client has taken a part of what waits for it.
"""

from collections.abc import Callable, Iterable, Sized
from typing import Any, BinaryIO, Protocol

from djbundle.runtime.http.protocol.response_validity import check_status
from djbundle.runtime.process.in_flight import NO_PLACE

Headers = list[tuple[str, str]]
RawHeaders = list[tuple[bytes, bytes]]  # as ASGI has them
ConnectionId = tuple[str, int]  # address and port of the other end

HTTP_2 = "HTTP/2"
BODILESS_STATUSES = frozenset((204, 304))
TURN = "djbundle.turn"  # key in the ASGI scope: the turn of the request
OPEN_FILE = "djbundle.open_file"  # key in the ASGI scope: the check before a file is opened
RESPONSE_START, RESPONSE_BODY = "http.response.start", "http.response.body"
HEAD_OVERHEAD = 4 << 10  # bytes of memory, about, for the objects of a head


class ByteCounter(Protocol):
    """Counts the bytes of one response that its client has not taken."""

    @property
    def is_suspicious(self) -> bool:
        """True if the client may have left much of its responses unread."""
        ...

    def add(self, size: int) -> None:
        """Count `size` bytes more."""
        ...

    def forget(self) -> None:
        """Stop counting this response: its client has cancelled it."""
        ...


class Transport:
    """Sends one response. `byte_counter` counts its bytes; it is None for HTTP/1, which has one response at a time.

    `give_up` tells Granian that nothing more is sent.
    """

    __slots__ = ("byte_counter", "connection", "give_up", "is_bodiless", "is_over", "is_started", "protocol")

    def __init__(
        self,
        protocol: Any,
        connection: ConnectionId,
        method: str,
        byte_counter: ByteCounter | None = None,
        give_up: Callable[[], object] = bool,
    ) -> None:
        self.protocol, self.connection, self.byte_counter = protocol, connection, byte_counter
        self.give_up = give_up
        self.is_bodiless = method == "HEAD"
        self.is_started = self.is_over = False

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole response. For HEAD, send the length but no body, since HTTP/2 allows none."""
        if self.is_bodiless or status in BODILESS_STATUSES:
            if self.is_bodiless:
                headers = with_content_length(headers, len(body))
            body = b""
        self.begin(status, headers)
        self.end(body)

    def begin(self, status: int, headers: Headers) -> None:
        """Send the head. Raise if it is invalid; another one may be sent then."""
        check_status(status)
        self.begin_raw(status, encode_headers(headers))

    def begin_raw(self, status: int, headers: RawHeaders) -> None:
        self.protocol.send({"type": RESPONSE_START, "status": status, "headers": headers})
        self.is_started = True

    def send(self, part: bytes) -> Any:
        """Send a part of the body. Return a future if the client has taken too little of earlier parts, else None."""
        self.count(part)
        sent = self.protocol.send({"type": RESPONSE_BODY, "body": part, "more_body": True})
        return sent if hasattr(sent, "add_done_callback") else None

    def end(self, body: bytes = b"") -> None:
        self.count(body)
        self.is_over = True
        self.protocol.send({"type": RESPONSE_BODY, "body": body})

    def break_off(self) -> None:
        """End a response before its end.

        If Granian is not told, it ends the response as if it were complete, as soon as nothing refers to it.
        """
        self.is_over = True
        self.give_up()

    @property
    def is_suspicious(self) -> bool:
        """True if the client may have left much of its responses unread."""
        return self.byte_counter is not None and self.byte_counter.is_suspicious

    def forget_bytes(self) -> None:
        """Stop counting this response: its client has cancelled it."""
        if self.byte_counter:
            self.byte_counter.forget()

    def count(self, body: bytes) -> None:
        if self.byte_counter:
            self.byte_counter.add(len(body))


class Request:
    """A request to a WSGI site, and how its response is sent.

    The environ is for the site, which gets a copy; what the server knows of a request are attributes.
    """

    __slots__ = (
        "client",
        "environ",
        "held_until",
        "in_flight_place",
        "is_draining",
        "spool",
        "started_at",
        "transport",
    )

    def __init__(self, transport: Transport, environ: dict[str, Any]) -> None:
        self.transport, self.environ = transport, environ
        self.client: str = environ["REMOTE_ADDR"]  # its address, as far as trusted proxies tell it
        self.is_draining = False  # the connection is to be closed after the response
        self.started_at = 0.0  # when a thread of the site began to answer, by time.perf_counter()
        self.held_until = 0.0  # until when it may wait for its client, monotonic seconds; 0: it has not waited yet
        self.in_flight_place = NO_PLACE  # of its note, see process/in_flight.py
        self.spool: BinaryIO | None = None  # its complete body

    @property
    def size(self) -> int:
        """The memory that the request takes without its body, in bytes, approximately."""
        return HEAD_OVERHEAD + sum(len(value) for value in self.environ.values() if isinstance(value, str))


def encode_headers(headers: Headers) -> RawHeaders:
    """Return headers in the form of ASGI."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def headers_size(headers: Iterable[tuple[Sized, Sized]]) -> int:
    """Return how many bytes of memory, about, a head takes."""
    return HEAD_OVERHEAD + sum(len(name) + len(value) for name, value in headers)


def has_content_length(headers: Headers) -> bool:
    """Return whether the headers of a response name the length of its body."""
    return any(name.lower() == "content-length" for name, _ in headers)


def with_content_length(headers: Headers, length: int) -> Headers:
    """Return the headers with the length of the body, unless they name one already."""
    if has_content_length(headers):
        return headers
    return [*headers, ("Content-Length", str(length))]
