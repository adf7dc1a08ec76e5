"""A request as ASGI has it."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from djbundle.runtime.http.limits.flow_control import Turn
from djbundle.runtime.http.protocol.transport import TURN, ConnectionId
from djbundle.runtime.http.protocol.validity import may_have_body

READ_HEADERS = frozenset((b"host", b"content-length", b"transfer-encoding", b"x-request-id"))  # that are read here

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RequestHead:
    def __init__(self, scope: Message) -> None:
        self.scope = scope
        self.connection: ConnectionId = scope["djbundle.peer"]
        self.turn: Turn = scope[TURN]
        self.client = client_address(scope)  # read now: the site may change the scope
        self.headers = read_headers(scope["headers"])
        self.started_at = time.perf_counter()

    def header(self, name: bytes) -> str:
        """Return the value of a header in READ_HEADERS, or "" without it. Repeated headers are joined by commas."""
        return self.headers.get(name, "")

    @property
    def by_http_2(self) -> bool:
        return bool(self.scope["http_version"] == "2")

    @property
    def is_chunked(self) -> bool:
        """Return whether the request is chunked.

        Such a request may name a length too, which a proxy may have believed. So nothing else is read from its
        connection.
        """
        return bool(self.header(b"transfer-encoding"))

    @property
    def length(self) -> str | None:
        """The length that the request names."""
        return self.header(b"content-length") or None

    @property
    def may_have_body(self) -> bool:
        return may_have_body(self.length, self.scope["method"], is_chunked=self.is_chunked, by_http_2=self.by_http_2)


def client_address(scope: Message) -> str:
    """Return the address of the client; "" on a Unix socket."""
    return str((scope["client"] or ("",))[0])


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the headers in READ_HEADERS. The values of a repeated header are joined by commas."""
    values: dict[bytes, str] = {}
    for name, value in headers:
        if name in READ_HEADERS:
            text = value.decode("latin-1")
            values[name] = f"{values[name]},{text}" if name in values else text
    return values
