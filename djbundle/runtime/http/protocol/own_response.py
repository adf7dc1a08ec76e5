"""A small, complete response of the server itself, by either interface: of health checks, maintenance and redirects."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from djbundle.runtime.http.protocol.transport import RESPONSE_BODY, RESPONSE_START, Headers, with_content_length


class OwnResponse(NamedTuple):
    """The header names are written as in HTTP/1.1; its length is added to the headers."""

    status: HTTPStatus
    headers: Headers
    body: bytes = b""

    def by_wsgi(self, start_response: Callable[[str, Headers], Any]) -> list[bytes]:
        headers = with_content_length(self.headers, len(self.body))
        start_response(f"{self.status.value} {self.status.phrase}", headers)
        return [self.body]

    async def by_asgi(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        headers = with_content_length(self.headers, len(self.body))
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": RESPONSE_START, "status": self.status.value, "headers": raw})
        await send({"type": RESPONSE_BODY, "body": self.body})
