"""Around the site and its files: refuses what is too large, and adds to each answer what `serve` was told to.

The request's id, Strict-Transport-Security, Server-Timing; and ``Connection: close`` while a worker is leaving, so
that no client sends its next request into a connection that is about to end.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.connections import break_off
from djbundle.runtime.http.observing import Observer
from djbundle.runtime.http.websockets import run_websocket
from djbundle.runtime.logs import lines

Headers = list[tuple[str, str]]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What is the same for every answer."""

    max_body: int = 0  # bytes; 0: no limit
    body_timeout: int = 30  # seconds
    hsts: int | None = None  # seconds
    server_timing: bool = False

    def refuses(self, content_length: str) -> HTTPStatus | None:
        """Whether a body of this size is not read at all."""
        if not content_length.isdecimal():
            return HTTPStatus.BAD_REQUEST if content_length else None
        if self.max_body and int(content_length) > self.max_body:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return None

    def headers(self, request_id: str, seconds: float, *, secure: bool, leaving: bool) -> Headers:
        added = [("X-Request-ID", request_id)]
        if self.hsts is not None and secure:
            added.append(("Strict-Transport-Security", f"max-age={self.hsts}"))
        if self.server_timing:
            added.append(("Server-Timing", f"total;dur={seconds * 1000:.1f}"))
        if leaving:
            added.append(("Connection", "close"))
        return added

    def wsgi_headers(self, environ: Message, seconds: float) -> Headers:
        return self.headers(
            environ["HTTP_X_REQUEST_ID"],
            seconds,
            secure=environ["wsgi.url_scheme"] == "https",
            leaving=environ["djbundle.leaving"] and environ["SERVER_PROTOCOL"] != "HTTP/2",
        )


def wrap(application: Any, interface: str, additions: Additions, observer: Observer) -> Any:
    """The application of `interface` with all of this around it."""
    return (Wsgi if interface == "wsgi" else Asgi)(application, additions, observer)


class Wsgi:
    def __init__(self, application: Any, additions: Additions, observer: Observer) -> None:
        self.application = application
        self.additions = additions
        self.observer = observer

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        additions = self.additions

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            seconds = time.perf_counter() - environ["djbundle.begun"]
            self.observer.answered(
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"],
                int(status[:3]),
                seconds,
                environ["REMOTE_ADDR"],
                environ["HTTP_X_REQUEST_ID"],
            )
            return start_response(status, merged(headers, additions.wsgi_headers(environ, seconds)), exc_info)

        refused = additions.refuses(environ.get("CONTENT_LENGTH", ""))
        if "HTTP_TRANSFER_ENCODING" in environ:  # whose end Granian cannot tell from a connection that broke
            refused = HTTPStatus.LENGTH_REQUIRED
        if refused:
            start(f"{refused.value} {refused.phrase}", [("Connection", "close"), ("Content-Length", "0")])
            return [b""]
        in_flight = self.observer.in_flight
        place = in_flight.begin(environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1", "backslashreplace"))
        environ["djbundle.ended"] = partial(in_flight.end, place)  # for who closes the answer: see wsgi.py
        return self.application(environ, start)  # type: ignore[no-any-return]


class Asgi:
    def __init__(self, application: Any, additions: Additions, observer: Observer) -> None:
        self.application = application
        self.additions = additions
        self.observer = observer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await run_websocket(self.application, scope, receive, send)
            return
        exchange = Exchange(self.additions, self.observer, scope, receive, send)
        if refused := self.additions.refuses(exchange.header(b"content-length")):
            await exchange.refuse(refused)
            return
        in_flight = self.observer.in_flight
        place = in_flight.begin(scope["method"], scope["path"].encode(errors="backslashreplace"))
        try:
            await self.application(scope, exchange.receive, exchange.send)
        except Exception:  # of a stream, or of what stands around Django, which answers its own errors
            told = {"id": exchange.header(b"x-request-id")}
            lines.write("error", "serve", "the answer to a request failed", told, traceback.format_exc())
            if exchange.is_partly_answered and scope["http_version"] != "2":  # whose connection has other answers too
                break_off(*scope["djbundle.peer"])
            raise
        finally:
            in_flight.end(place)


class Exchange:
    """One request and its answer."""

    def __init__(self, additions: Additions, observer: Observer, scope: Message, receive: Receive, send: Send) -> None:
        self.additions, self.observer, self.scope, self._receive, self._send = additions, observer, scope, receive, send
        self.begun = time.perf_counter()
        self.size = 0
        self.complete = False  # the body has been read
        self.answered = self.refused = self.ended = False

    def header(self, wanted: bytes) -> str:
        return next((value.decode("latin-1") for name, value in self.scope["headers"] if name == wanted), "")

    @property
    def is_partly_answered(self) -> bool:
        """Granian ends such an answer as if it were whole."""
        return self.answered and not self.ended

    async def receive(self) -> Message:
        """The next part of the body; an application to which we have said no sees its client leave."""
        if self.complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self.additions.body_timeout)
        except (TimeoutError, AttributeError):  # which Granian's awaitables raise when they are cancelled too late
            return await self.refuse(HTTPStatus.REQUEST_TIMEOUT)
        self.size += len(message.get("body", b""))
        if self.additions.max_body and self.size > self.additions.max_body:
            return await self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self.refused:
            return
        if message["type"] == "http.response.start":
            self.answered = True
            seconds, request_id = time.perf_counter() - self.begun, self.header(b"x-request-id")
            client = (self.scope["client"] or ("",))[0]
            self.observer.answered(
                self.scope["method"], self.scope["path"], message["status"], seconds, client, request_id
            )
            added = self.additions.headers(
                request_id,
                seconds,
                secure=self.scope["scheme"] == "https",
                leaving=self.scope["djbundle.leaving"] and self.scope["http_version"] != "2",
            )
            given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in merged(given, added)]
            message = {**message, "headers": headers}
        else:  # a part of the body, or the path of a file that is all of it
            self.ended = not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, status: HTTPStatus) -> Message:
        if not self.answered:
            headers = [(b"connection", b"close"), (b"content-length", b"0")]
            await self.send({"type": "http.response.start", "status": status.value, "headers": headers})
            await self.send({"type": "http.response.body", "body": b""})
        self.refused = self.complete = True
        return {"type": "http.disconnect"}


def merged(headers: Headers, added: Headers) -> Headers:
    """The site's own headers go first: what it has set is not set again."""
    present = {name.lower() for name, _ in headers}
    return [*headers, *(item for item in added if item[0].lower() not in present)]
