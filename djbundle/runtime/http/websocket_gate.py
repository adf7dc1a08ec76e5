"""Stands between a WebSocket and its site: refuses handshakes, counts messages, cuts off clients that hold too much."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.websocket_usage import WebSocketUsage, payload_size
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.response_validity import check_status, check_subprotocol, each_name_once
from djbundle.runtime.http.protocol.validity import is_bad_host
from djbundle.runtime.http.websockets import run_websocket

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# RFC 6455, 7.4.1: closed without a close frame; closed since the server has failed
CUT_OFF_MESSAGE: Message = {"type": "websocket.disconnect", "code": 1006}
FAILURE_MESSAGE: Message = {"type": "websocket.close", "code": 1011}
RESPONSE_START, RESPONSE_BODY = "websocket.http.response.start", "websocket.http.response.body"
ENDS = frozenset({"websocket.close", RESPONSE_START})  # after these, the site sends no more


class CutOffError(ConnectionError):
    """The client is cut off, and takes no more messages."""


class WebSocketGate:
    """The gate of one WebSocket. Its handshake is logged and counted like any other request."""

    def __init__(self, observer: Observer, limits: Limits, scope: Message, client: str, request_id: str) -> None:
        self.observer, self.limits, self.scope = observer, limits, scope
        self.client, self.request_id = client, request_id
        self.started_at = time.perf_counter()

    async def run(self, application: Any, receive: Receive, send: Send, host: str) -> None:
        if is_bad_host(host, is_optional=False):
            self.limits.refusals.count(HTTPStatus.FORBIDDEN, "a WebSocket without one host")
            self.record_response(HTTPStatus.FORBIDDEN)  # Granian answers so when it is closed before the handshake
            await send({"type": "websocket.close"})
            return
        with self.limits.websocket_memory.track(self.scope["djbundle.peer"], self.client) as usage:
            self.limits.websocket_memory.check_soon()
            relay = MessageRelay(self, usage, receive, send)
            try:
                await run_websocket(application, self.scope, relay.receive, relay.send, relay.cut_off)
            except CutOffError:
                pass
            except Exception:
                await relay.tell_failure()
                raise

    def record_response(self, status: int) -> None:
        seconds = time.perf_counter() - self.started_at
        self.observer.record_response("GET", self.scope["path"], status, seconds, self.client, self.request_id)


class MessageRelay:
    """Passes messages on, in both directions."""

    def __init__(self, gate: WebSocketGate, usage: WebSocketUsage, receive: Receive, send: Send) -> None:
        self.gate, self.websocket_memory, self.usage = gate, gate.limits.websocket_memory, usage
        self._receive, self._send = receive, send
        self.cut_off: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        usage.on_cut_off = self.end
        self.is_answered = self.is_accepted = False

    def end(self) -> None:
        if not self.cut_off.done():
            self.cut_off.set_result(None)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self.websocket_memory.receive(self.usage, message)
        return CUT_OFF_MESSAGE if self.usage.is_cut_off else message

    async def send(self, message: Message) -> None:
        message = checked(message)
        if size := payload_size(message):
            with self.websocket_memory.track_send(self.usage, size):
                await self.write(message)
        else:
            await self.write(message)
        self.is_answered = self.is_answered or message["type"] in ENDS
        if message["type"] == "websocket.accept":
            self.is_accepted = True
            self.gate.record_response(HTTPStatus.SWITCHING_PROTOCOLS)

    async def tell_failure(self) -> None:
        """Tell the client that the site has failed: by status 500 before the handshake, else by a close code."""
        with contextlib.suppress(Exception):  # the client may have left
            if self.is_answered:
                return
            if self.is_accepted:
                await self.write(FAILURE_MESSAGE)
                return
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            await self.write({"type": RESPONSE_START, "status": status.value, "headers": []})
            await self.write({"type": RESPONSE_BODY, "body": b"", "more_body": False})
            self.gate.record_response(status)

    async def write(self, message: Message) -> None:
        """Give a message to Granian, until the client takes it. Raise CutOffError if it is cut off meanwhile."""
        if not self.usage.is_cut_off:
            try:
                await self._send(message)
            except Exception:
                if not self.usage.is_cut_off:
                    raise
        if self.usage.is_cut_off:
            raise CutOffError


def checked(message: Message) -> Message:
    """Return a message of the site as Granian can send it. Raise ValueError if it cannot."""
    if message["type"] == "websocket.accept":
        check_subprotocol(message.get("subprotocol") or "")
    elif message["type"] == RESPONSE_START:
        check_status(message["status"])
        return {**message, "headers": each_name_once(message.get("headers", ()))}
    return message
