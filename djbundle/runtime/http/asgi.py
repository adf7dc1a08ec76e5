"""Stands around an ASGI site and its files: refuses requests, adds response headers, and drops stalled clients."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.limits.bodies import MAX_BODY_IN_MEMORY
from djbundle.runtime.http.limits.budget import RESPONSE_COST
from djbundle.runtime.http.limits.flow_control import Turn
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.refusals import refusal_headers
from djbundle.runtime.http.limits.response_account import ClientDisconnectedError, StalledClientError
from djbundle.runtime.http.limits.unacknowledged import FENCE_COUNT, ResponseByteCounter
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.rate import Rate
from djbundle.runtime.http.protocol.response_middleware import AddedHeaders, merge_headers
from djbundle.runtime.http.protocol.response_validity import check_status
from djbundle.runtime.http.protocol.transport import (
    BODILESS_STATUSES,
    OPEN_FILE,
    RESPONSE_BODY,
    RESPONSE_START,
    TURN,
    ConnectionId,
    Headers,
    encode_headers,
    has_content_length,
    headers_size,
    with_content_length,
)
from djbundle.runtime.http.protocol.validity import is_bad_host, length_refusal, may_have_body
from djbundle.runtime.http.websocket_gate import WebSocketGate
from djbundle.runtime.logs import lines

MAX_UNSPLIT_SIZE = 64 << 10  # bytes of a body that are sent in one go
READ_HEADERS = frozenset((b"host", b"content-length", b"transfer-encoding", b"x-request-id"))  # that this file reads

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiMiddleware:
    def __init__(self, application: Any, additions: AddedHeaders, observer: Observer, limits: Limits) -> None:
        self.application, self.additions, self.observer, self.limits = application, additions, observer, limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            request_headers = read_headers(scope["headers"])
            gate = WebSocketGate(
                self.observer, self.limits, scope, client_address(scope), request_headers.get(b"x-request-id", "")
            )
            await gate.run(self.application, receive, send, request_headers.get(b"host", ""))
            return
        exchange = Exchange(self, scope, receive, send)
        place = self.observer.in_flight.begin(scope["method"], scope["path"].encode())
        try:
            if await exchange.admit():
                scope[OPEN_FILE] = exchange.open_file
                await self.application(scope, exchange.receive, exchange.send)
                await exchange.ensure_response()
        except ClientDisconnectedError:
            pass
        except StalledClientError:
            exchange.abort_connection()
        except Exception:  # Django answers its own errors: this one is from a stream or from code around Django
            fields = {"id": exchange.header(b"x-request-id")}
            lines.write("error", "serve", "the answer to a request failed", fields, traceback.format_exc())
            if exchange.is_partly_answered and scope["http_version"] != "2":  # HTTP/2 carries other responses too
                exchange.abort_connection()
            await exchange.send_server_error()
        finally:
            scope.pop(OPEN_FILE, None)  # the scope and the exchange would keep each other
            exchange.close()
            self.observer.in_flight.end(place)


class Exchange:
    """One request and its response."""

    def __init__(self, site: AsgiMiddleware, scope: Message, receive: Receive, send: Send) -> None:
        self.additions, self.observer, self.limits = site.additions, site.observer, site.limits
        self.scope, self._receive, self._send = scope, receive, send
        self.connection: ConnectionId = scope["djbundle.peer"]
        self.turn: Turn = scope[TURN]
        self.client = client_address(scope)  # read now: the site may change the scope
        self.request_headers = read_headers(scope["headers"])
        self.started_at = time.perf_counter()
        self.rate = Rate()
        self.head: Message | None = None  # of the response, while it is held back
        self.has_quota = self.has_length = False
        self.account = self.limits.flow_control.account(self.connection, self.client)
        self.largest = 0  # bytes of the largest part of the body
        self.is_admitted = self.is_counted = False
        self.is_page_dropped = False  # there is no room for the page; it is freed when this exchange ends
        self.disconnect_watcher: asyncio.Future[None] | None = None
        self.is_disconnected = False  # the client has disconnected, as watch_client() has seen
        self.byte_counter = ResponseByteCounter(self.limits.unacknowledged, self.connection) if self.by_http_2 else None
        self.is_body_complete = False  # the body of the request has been read
        self.is_answered = self.is_refused = self.is_ended = False

    def header(self, name: bytes) -> str:
        """Return the value of a header in READ, or "" without it. Repeated headers are joined by commas."""
        return self.request_headers.get(name, "")

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
    def is_partly_answered(self) -> bool:
        """Return whether the response has begun but not ended. Granian ends such a response as if it were complete."""
        return self.is_answered and not self.is_ended

    # --- the request ---

    async def admit(self) -> bool:
        """Return whether the site shall get the request. If not, it is answered here."""
        length = self.header(b"content-length") or None
        if self.scope["method"] == "CONNECT":
            await self.refuse(HTTPStatus.METHOD_NOT_ALLOWED, "that is for proxies")
        elif is_bad_host(self.header(b"host"), is_optional=self.scope["http_version"] == "1"):
            await self.refuse(HTTPStatus.BAD_REQUEST, "bad request")
        elif refusal := length_refusal(length, self.limits.options.max_body):
            await self.refuse(refusal, refusal.phrase.lower())
        elif not await self.limits.flow_control.admit(self.connection, self.client, self.turn):
            await self.refuse(*self.limits.flow_control.refusal(self.client))
        else:
            self.is_admitted = True
            if self.may_have_body(length):
                await self.acquire_quota()
        return not self.is_refused

    def may_have_body(self, length: str | None) -> bool:
        return may_have_body(length, self.scope["method"], is_chunked=self.is_chunked, by_http_2=self.by_http_2)

    async def receive(self) -> Message:
        """Return the next part of the body. After a refusal the application sees its client disconnect."""
        if self.is_body_complete:
            return await self.receive_end()
        try:
            message = await asyncio.wait_for(self._receive(), self.limits.options.body_timeout)
        except (TimeoutError, AttributeError):  # Granian's awaitables raise the latter when they are cancelled too late
            return await self.refuse(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly")
        self.rate.size += len(message.get("body", b""))
        max_body = self.limits.options.max_body
        if max_body and self.rate.size > max_body:
            return await self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
        self.is_body_complete = not message.get("more_body", False)
        if self.is_body_complete:
            if self.rate.size <= MAX_BODY_IN_MEMORY:  # Django keeps a larger body until the response is sent
                self.release_quota()
        elif not await self.may_receive_body():
            return {"type": "http.disconnect"}
        elif self.rate.is_too_slow(time.monotonic(), self.limits.options.body_timeout):
            return await self.refuse(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly")
        return message

    async def may_receive_body(self) -> bool:
        """Return whether a body may be received.

        That includes the body of a request that seemed to have none, such as a GET over HTTP/2.
        """
        if not self.has_quota:
            await self.acquire_quota()
        return not self.is_refused

    async def receive_end(self) -> Message:
        """Return Granian's message that the client has disconnected or cancelled this request."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.forget_bytes()
        return message

    def forget_bytes(self) -> None:
        if self.byte_counter:
            self.byte_counter.forget()

    async def watch_client(self) -> None:
        """Learn when the client disconnects.

        Granian accepts parts for a disconnected client without an error, and the file server does not check.
        """
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_disconnected = True
        self.forget_bytes()

    async def acquire_quota(self) -> None:
        """Check the quota and take from it in one step, so that requests that check at once cannot all pass."""
        if refusal := self.limits.quota.refusal(self.client):
            await self.refuse(*refusal)
        else:
            self.has_quota = True
            self.limits.quota.acquire(self.client)

    def release_quota(self) -> None:
        if self.has_quota:
            self.has_quota = False
            self.limits.quota.release(self.client)

    # --- the response ---

    async def send(self, message: Message) -> None:
        """Send a message of the site. If that fails, free the body: the exception may live for long in a cycle."""
        try:
            await self.send_message(message)
        except BaseException as error:
            del message
            traceback.clear_frames(error.__traceback__)
            raise

    async def send_message(self, message: Message) -> None:
        if self.is_refused or self.is_ended:  # the client takes no more; the site learns so when the loop runs
            await asyncio.sleep(0)
            return
        if message["type"] == RESPONSE_START:
            await self.hold_head(message)
        elif message["type"] == RESPONSE_BODY:
            await self.send_part(bytes(message.get("body", b"")), more=message.get("more_body", False))
        else:  # the path of a file that is the whole body
            self.is_ended = True
            await self.send_head()
            await self._send(message)

    async def hold_head(self, message: Message) -> None:
        """Hold the head back until the length of the body is known, as Granian does.

        The head of an event stream is sent at once.
        """
        check_status(message["status"])
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
        self.head = {**message, "headers": headers}
        if any(name.lower() == "content-type" and value.startswith("text/event-stream") for name, value in headers):
            await self.send_head()

    def added_headers(self, status: int) -> Headers:
        seconds, request_id = time.perf_counter() - self.started_at, self.header(b"x-request-id")
        self.observer.record_response(
            self.scope["method"], self.scope["path"], status, seconds, self.client, request_id
        )
        return self.additions.headers(
            request_id,
            seconds,
            secure=self.scope["scheme"] == "https",
            is_draining=(self.scope["djbundle.is_draining"] or self.is_chunked) and not self.by_http_2,
        )

    async def send_head(self, length: int | None = None) -> None:
        if head := self.head:
            headers = merge_headers(head["headers"], self.added_headers(head["status"]))
            if length is not None:
                headers = with_content_length(headers, length)
            self.has_length = has_content_length(headers)
            self.account.keeps_connection = self.may_keep_connection
            self.head = None
            await self._send({**head, "headers": encode_headers(headers)})  # raises if the head is invalid
            self.is_answered = True
            if not self.is_page_dropped:
                self.turn.end_new()

    async def send_part(self, body: bytes, *, more: bool) -> None:
        length = self.length_to_send(body, more=more)
        if self.scope["method"] == "HEAD":  # HTTP/2 allows no body
            body, more = b"", False
        self.largest = max(self.largest, len(body))
        if self.head:
            self.turn.note_page(len(body))
        if not more and self.may_send_whole(body):
            await self.send_small(body, length, more=False)
            return
        is_fenced = not more and self.must_be_fenced(body)
        if len(body) <= MAX_UNSPLIT_SIZE and not is_fenced:
            await self.send_small(body, length, more=more)
        elif await self.charge_budget(cost := self.cost_of(body)):
            self.is_counted = self.is_counted or len(body) <= MAX_UNSPLIT_SIZE
            try:
                await self.send_large(body, length, more=more, fences=FENCE_COUNT if is_fenced else 0)
            finally:
                if more:  # else the site keeps the page until the exchange ends
                    self.account.add(-cost)
        else:
            self.is_page_dropped = True
            await self.refuse(*self.limits.budget.refusal(self.client))

    def may_send_whole(self, body: bytes) -> bool:
        """Return whether to hand a body of more than 64 KB to Granian whole, which is the fastest way."""
        if len(body) <= MAX_UNSPLIT_SIZE or self.account.sent or self.byte_counter:
            return False
        return self.limits.whole_pages.try_add(self.connection, len(body))

    def length_to_send(self, body: bytes, *, more: bool) -> int | None:
        """Return the length to send in the head: only known if this part is the whole body, else None."""
        return len(body) if self.head and not more and self.head["status"] not in BODILESS_STATUSES else None

    def must_be_fenced(self, body: bytes) -> bool:
        """Return whether fences shall follow this last part, to learn when the client has taken the response."""
        if self.account.sent + len(body) > MAX_UNSPLIT_SIZE:
            return True
        return bool(body and self.head and self.byte_counter and self.byte_counter.is_suspicious)

    def cost_of(self, body: bytes) -> int:
        """Return how many bytes wait until this part is taken: the part, the heads, and what Granian has queued.

        Granian copies what it queues. That doubles a part of medium size, and matters little for a large one.
        """
        queued = 0 if self.is_counted else min(self.account.sent, RESPONSE_COST)
        copied = len(body) if len(body) <= RESPONSE_COST else 0
        heads = [*self.scope["headers"], *(self.head["headers"] if self.head else ())]
        return len(body) + copied + queued + headers_size(heads)

    async def charge_budget(self, size: int) -> bool:
        """Return whether so many bytes may wait for the client. For a response that has begun they always may."""
        if self.head:
            return await self.limits.flow_control.charge_when_free(self.account, size, self.turn)
        self.account.add(size)
        return True

    async def send_small(self, body: bytes, length: int | None, *, more: bool) -> None:
        await self.send_head(length)
        self.is_ended = not more
        await self.write(body, more=more)

    async def send_large(self, body: bytes, length: int | None, *, more: bool, fences: int) -> None:
        """Send a body in pieces, so that the rest can be dropped if the client takes nothing."""
        await self.send_head(length)
        self.is_ended = not more
        for begin in range(0, len(body), MAX_UNSPLIT_SIZE):
            piece = body[begin : begin + MAX_UNSPLIT_SIZE]
            await self.write(piece, more=more or bool(fences) or begin + MAX_UNSPLIT_SIZE < len(body))
        for _ in range(fences):
            await self.write(b"", more=True)
        if fences:
            await self.write(b"", more=False)

    async def open_file(self) -> bool:
        """Return whether a file may be opened for sending. The budget limits how many are open at once."""
        self.is_counted = await self.limits.flow_control.charge_when_free(self.account, RESPONSE_COST, self.turn)
        if self.is_counted:
            self.disconnect_watcher = asyncio.ensure_future(self.watch_client())
        else:
            await self.refuse(*self.limits.budget.refusal(self.client))
        return self.is_counted

    async def write(self, body: bytes, *, more: bool) -> None:
        """Give bytes to Granian.

        Raise StalledClientError if the client takes none of them in time, and ClientDisconnectedError if it has
        disconnected.
        """
        if self.is_disconnected:
            raise ClientDisconnectedError
        if self.account.is_evicted:
            raise StalledClientError
        self.account.sent += len(body)
        if self.byte_counter:
            self.byte_counter.add(len(body))
        sent = self._send({"type": RESPONSE_BODY, "body": body, "more_body": more})
        if not hasattr(sent, "add_done_callback"):  # Granian has room
            await sent
            if more:  # a site that always has a next part would block the event loop
                await asyncio.sleep(0)
            return
        cost = 0 if self.is_counted else RESPONSE_COST
        try:
            await self.account.wait_until_taken(sent, self.limits.options.send_timeout, cost)
        except AttributeError:  # see receive()
            raise StalledClientError from None

    async def refuse(self, status: HTTPStatus, reason: str) -> Message:
        if not self.is_answered and not self.is_refused:
            self.limits.refusals.count(status, reason)
            headers = encode_headers(refusal_headers(status, by_http_2=self.by_http_2))
            await self.send({"type": RESPONSE_START, "status": status.value, "headers": headers})
            await self.send({"type": RESPONSE_BODY, "body": b""})
        self.is_refused = self.is_body_complete = True
        return {"type": "http.disconnect"}

    async def ensure_response(self) -> None:
        """Answer a client that has disconnected or has sent an invalid body.

        Granian takes a missing response for a fault of ours.
        """
        if not self.is_answered:
            await self.refuse(HTTPStatus.BAD_REQUEST, "the body broke off")

    async def send_server_error(self) -> None:
        """Answer 500 if the site has failed before it answered."""
        if not self.is_answered:
            await self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "the site failed")

    @property
    def may_keep_connection(self) -> bool:
        """Return whether to give up only this response, and not its connection.

        A trusted proxy's HTTP/2 connection carries other clients. If the length was sent, the proxy sees by it that a
        part is missing.
        """
        return self.has_length and self.by_http_2 and self.limits.is_proxy(self.connection[0])

    def abort_connection(self) -> None:
        """Close the connection: otherwise the client would take a part for the whole."""
        self.is_refused = True
        if not self.may_keep_connection and not self.account.is_evicted:
            abort_connections({self.connection})

    def close(self) -> None:
        self.release_quota()
        if self.is_admitted:
            self.limits.flow_control.release(self.client)
        if self.disconnect_watcher:
            self.disconnect_watcher.cancel()
        self.account.close()
        self.limits.cycles.add(self.largest)


def client_address(scope: Message) -> str:
    """Return the address of the client; "" on a Unix socket."""
    return str((scope["client"] or ("",))[0])


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the headers in READ. The values of a repeated header are joined by commas."""
    values: dict[bytes, str] = {}
    for name, value in headers:
        if name in READ_HEADERS:
            text = value.decode("latin-1")
            values[name] = f"{values[name]},{text}" if name in values else text
    return values
