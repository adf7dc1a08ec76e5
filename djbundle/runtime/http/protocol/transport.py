"""The response of one request, sent over Granian's ASGI protocol without an event loop.

Granian's `send` needs no loop. It is done when it returns, or it returns a future that completes when the client has
taken a part of what waits for it.
"""

from typing import Any, NamedTuple, Protocol

Headers = list[tuple[str, str]]
RawHeaders = list[tuple[bytes, bytes]]  # as ASGI has them
Connection = tuple[str, int]  # address and port of the other end

HTTP_2 = "HTTP/2"
BODILESS = frozenset((204, 304))
OPEN_FILE = "djbundle.open_file"  # in the scope of ASGI: what is asked before a file is opened
START, BODY = "http.response.start", "http.response.body"
OVERHEAD = 4 << 10  # bytes of memory that the objects of a head take, about


class Count(Protocol):
    """Counts the bytes of one response that its client has not taken."""

    @property
    def is_suspicious(self) -> bool:
        """Whether the client may have left much of what it was given."""
        ...

    def add(self, size: int) -> None:
        """Count so many bytes more."""
        ...

    def forget(self) -> None:
        """Count this response no more: its client has cancelled it."""
        ...


class Transport:
    """Sends one response. `handed` counts its bytes; None for HTTP/1, which has one response at a time."""

    __slots__ = ("connection", "handed", "is_begun", "is_bodiless", "is_over", "protocol")

    def __init__(self, protocol: Any, connection: Connection, method: str, handed: Count | None = None) -> None:
        self.protocol, self.connection, self.handed = protocol, connection, handed
        self.is_bodiless = method == "HEAD"
        self.is_begun = self.is_over = False

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole response. Without a body for HEAD, of which HTTP/2 allows none, but with its length."""
        if self.is_bodiless or status in BODILESS:
            if self.is_bodiless:
                headers = with_length(headers, len(body))
            body = b""
        self.begin(status, headers)
        self.end(body)

    def begin(self, status: int, headers: Headers) -> None:
        """Send the head. Raises what is wrong with it; another one may be sent then."""
        self.begin_raw(status, raw(headers))

    def begin_raw(self, status: int, headers: RawHeaders) -> None:
        self.protocol.send({"type": START, "status": status, "headers": headers})
        self.is_begun = True

    def send(self, part: bytes) -> Any:
        """Send a part of the body. Return a future while the client has taken too little of those before, or None."""
        self.count(part)
        sent = self.protocol.send({"type": BODY, "body": part, "more_body": True})
        return sent if hasattr(sent, "add_done_callback") else None

    def end(self, body: bytes = b"") -> None:
        self.count(body)
        self.is_over = True
        self.protocol.send({"type": BODY, "body": body})

    @property
    def is_suspicious(self) -> bool:
        """Whether the client may have left much of what it was given."""
        return self.handed is not None and self.handed.is_suspicious

    def forget_handed(self) -> None:
        """The client has cancelled this response."""
        if self.handed:
            self.handed.forget()

    def count(self, body: bytes) -> None:
        if self.handed:
            self.handed.add(len(body))


class Request(NamedTuple):
    """A request to a WSGI site, and how its response is sent."""

    transport: Transport
    environ: dict[str, Any]

    @property
    def client(self) -> str:
        """The address of who asks, as far as trusted proxies say."""
        return str(self.environ["REMOTE_ADDR"])

    @property
    def size(self) -> int:
        """Bytes, about, that it takes in memory, without its body."""
        return OVERHEAD + sum(len(value) for value in self.environ.values() if isinstance(value, str))


def raw(headers: Headers) -> RawHeaders:
    """Return headers as ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def size_of(headers: Headers) -> int:
    """Return how many bytes, about, the head of a response takes in memory."""
    return OVERHEAD + sum(len(name) + len(value) for name, value in headers)


def says_length(headers: Headers) -> bool:
    """Return whether the head of a response tells how long its body is."""
    return any(name.lower() == "content-length" for name, _ in headers)


def with_length(headers: Headers, length: int) -> Headers:
    """Say how long the body is, unless that is said."""
    if says_length(headers):
        return headers
    return [*headers, ("Content-Length", str(length))]
