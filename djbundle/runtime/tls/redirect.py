"""Answers on the port for plain HTTP: the authority's challenges, and for all other requests a redirect to HTTPS."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from djbundle.runtime.tls.store import Store

CHALLENGE = "/.well-known/acme-challenge/"
HOST = re.compile(r"([a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?", re.IGNORECASE)
HTTPS_PORT = 443

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Redirect:
    """An ASGI application."""

    def __init__(self, store: Store, domains: tuple[str, ...], port: int) -> None:
        self.store = store
        self.domains = domains
        self.port = "" if port == HTTPS_PORT else f":{port}"

    async def __call__(self, scope: dict[str, Any], _receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path.startswith(CHALLENGE):
            content = self.store.challenge(path.removeprefix(CHALLENGE))
            await send_response(send, 404 if content is None else 200, content or b"", b"content-type", b"text/plain")
            return
        host = self.host(scope)
        if host is None:
            await send_response(send, 400, b"", b"content-type", b"text/plain")
            return
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        location = f"https://{host}{self.port}{quote(path)}{query}"
        await send_response(send, 308, b"", b"location", location.encode("latin-1"))

    def host(self, scope: dict[str, Any]) -> str | None:
        """Return the requested host, if it is valid. If the site's names are known, return only one of these."""
        value = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        match = HOST.fullmatch(value)
        host = match[1].lower() if match else None
        if self.domains:
            return host if host in self.domains else self.domains[0]
        return host


async def send_response(send: Send, status: int, body: bytes, name: bytes, value: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(name, value)]})
    await send({"type": "http.response.body", "body": body})
