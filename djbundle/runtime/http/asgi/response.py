"""The response to a request: its head is held back until its length is known, and its body is sent in parts."""

import asyncio
import time
import traceback
from http import HTTPStatus

from djbundle.runtime.http.asgi.body_writer import BodyWriter
from djbundle.runtime.http.asgi.request import Message, RequestHead, Send
from djbundle.runtime.http.limits.budget import RESPONSE_COST
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.refusals import refusal_headers
from djbundle.runtime.http.limits.unacknowledged import FENCE_COUNT
from djbundle.runtime.http.protocol.added_headers import AddedHeaders, merge_headers
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.response_validity import check_status
from djbundle.runtime.http.protocol.transport import (
    BODILESS_STATUSES,
    RESPONSE_BODY,
    RESPONSE_START,
    Headers,
    encode_headers,
    has_content_length,
    headers_size,
    with_content_length,
)

MAX_UNSPLIT_SIZE = 64 << 10  # bytes of a body that are sent in one go


class NoResponseError(RuntimeError):
    """The site has ended, though its client waits for a response."""


class AsgiResponse:
    def __init__(
        self, request: RequestHead, send: Send, additions: AddedHeaders, observer: Observer, limits: Limits
    ) -> None:
        self.request, self._send = request, send
        self.additions, self.observer, self.limits = additions, observer, limits
        self.writer = BodyWriter(request, send, limits)
        self.head: Message | None = None  # while it is held back
        self.has_length = False
        self.is_bodiless = request.scope["method"] == "HEAD"  # HTTP/2 allows no body, and so no part of it
        self.largest = 0  # bytes of the largest part of the body
        self.is_page_dropped = False  # there is no room for the page; it is freed when this exchange ends
        self.is_answered = self.is_refused = self.is_ended = False

    @property
    def is_partly_answered(self) -> bool:
        """Return whether the response has begun but not ended. Granian ends such a response as if it were complete."""
        return self.is_answered and not self.is_ended

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
        self.is_bodiless = self.is_bodiless or message["status"] in BODILESS_STATUSES
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
        self.head = {**message, "headers": headers}
        if any(name.lower() == "content-type" and value.startswith("text/event-stream") for name, value in headers):
            await self.send_head()

    def added_headers(self, status: int) -> Headers:
        request, scope = self.request, self.request.scope
        seconds, request_id = time.perf_counter() - request.started_at, request.header(b"x-request-id")
        self.observer.record_response(scope["method"], scope["path"], status, seconds, request.client, request_id)
        return self.additions.headers(
            request_id,
            seconds,
            secure=scope["scheme"] == "https",
            is_draining=(scope["djbundle.is_draining"] or request.is_chunked) and not request.by_http_2,
        )

    async def send_head(self, length: int | None = None) -> None:
        if head := self.head:
            headers = merge_headers(head["headers"], self.added_headers(head["status"]))
            if length is not None:
                headers = with_content_length(headers, length)
            self.has_length = has_content_length(headers)
            self.writer.account.keeps_connection = self.may_keep_connection
            self.head = None
            await self._send({**head, "headers": encode_headers(headers)})  # raises if the head is invalid
            self.is_answered = True
            if not self.is_page_dropped:
                self.request.turn.end_new()

    async def send_part(self, body: bytes, *, more: bool) -> None:
        length = self.length_to_send(body, more=more)
        if self.is_bodiless:
            body, more = b"", False
        self.largest = max(self.largest, len(body))
        if self.head:
            self.request.turn.note_page(len(body))
        if not more and self.may_send_whole(body):
            await self.send_small(body, length, more=False)
            return
        is_fenced = not more and self.must_be_fenced(body)
        if len(body) <= MAX_UNSPLIT_SIZE and not is_fenced:
            await self.send_small(body, length, more=more)
        elif await self.charge_budget(cost := self.cost_of(body)):
            self.writer.is_counted = self.writer.is_counted or len(body) <= MAX_UNSPLIT_SIZE
            try:
                await self.send_large(body, length, more=more, fences=FENCE_COUNT if is_fenced else 0)
            finally:
                if more:  # else the site keeps the page until the exchange ends
                    self.writer.account.add(-cost)
        else:
            self.is_page_dropped = True
            await self.refuse(*self.limits.budget.refusal(self.request.client))

    def may_send_whole(self, body: bytes) -> bool:
        """Return whether to hand a body of more than 64 KB to Granian whole, which is the fastest way."""
        if len(body) <= MAX_UNSPLIT_SIZE or self.writer.account.sent or self.writer.byte_counter:
            return False
        return self.limits.whole_pages.try_add(self.request.connection, len(body))

    def length_to_send(self, body: bytes, *, more: bool) -> int | None:
        """Return the length to send in the head: only known if this part is the whole body, else None."""
        return len(body) if self.head and not more and self.head["status"] not in BODILESS_STATUSES else None

    def must_be_fenced(self, body: bytes) -> bool:
        """Return whether fences should follow this last part, to learn when the client has taken the response."""
        if self.writer.account.sent + len(body) > MAX_UNSPLIT_SIZE:
            return True
        return bool(body and self.head and self.writer.byte_counter and self.writer.byte_counter.is_suspicious)

    def cost_of(self, body: bytes) -> int:
        """Return how many bytes wait until this part is taken: the part, the heads, and what Granian has queued.

        Granian copies what it queues. That doubles a part of medium size, and matters little for a large one.
        """
        queued = 0 if self.writer.is_counted else min(self.writer.account.sent, RESPONSE_COST)
        copied = len(body) if len(body) <= RESPONSE_COST else 0
        heads = [*self.request.scope["headers"], *(self.head["headers"] if self.head else ())]
        return len(body) + copied + queued + headers_size(heads)

    async def charge_budget(self, size: int) -> bool:
        """Return whether `size` bytes may wait for the client. Always true for a response that has begun."""
        if self.head:
            return await self.limits.flow_control.charge_when_free(self.writer.account, size, self.request.turn)
        self.writer.account.add(size)
        return True

    async def send_small(self, body: bytes, length: int | None, *, more: bool) -> None:
        await self.send_head(length)
        self.is_ended = not more
        await self.writer.write(body, more=more)

    async def send_large(self, body: bytes, length: int | None, *, more: bool, fences: int) -> None:
        """Send a body in pieces, so that the rest can be dropped if the client takes nothing."""
        await self.send_head(length)
        self.is_ended = not more
        for begin in range(0, len(body), MAX_UNSPLIT_SIZE):
            piece = body[begin : begin + MAX_UNSPLIT_SIZE]
            await self.writer.write(piece, more=more or bool(fences) or begin + MAX_UNSPLIT_SIZE < len(body))
        for _ in range(fences):
            await self.writer.write(b"", more=True)
        if fences:
            await self.writer.write(b"", more=False)

    async def refuse(self, status: HTTPStatus, reason: str) -> Message:
        if not self.is_answered and not self.is_refused:
            self.limits.refusals.count(status, reason)
            headers = encode_headers(refusal_headers(status, by_http_2=self.request.by_http_2))
            await self.send({"type": RESPONSE_START, "status": status.value, "headers": headers})
            await self.send({"type": RESPONSE_BODY, "body": b""})
        self.is_refused = True
        return {"type": "http.disconnect"}

    async def ensure_begun(self, *, is_disconnect_known: bool) -> None:
        """Answer a client that has disconnected or has sent an invalid body, if the site knows it and does not answer.

        Granian logs a missing response as our fault. Raises NoResponseError if it is the site's.
        """
        if self.is_answered or self.is_refused:
            return
        if not is_disconnect_known:
            raise NoResponseError("the site has ended without a response")
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
        return self.has_length and self.request.by_http_2 and self.limits.is_proxy(self.request.connection[0])

    def abort_connection(self) -> None:
        """Close the connection: otherwise the client would mistake a part for the whole."""
        self.is_refused = True
        if not self.may_keep_connection and not self.writer.account.is_evicted:
            abort_connections({self.request.connection})
