"""Closes the WebSockets of a draining worker with 1001, so that clients reconnect to another process."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
NORMAL, GOING_AWAY = 1000, 1001  # RFC 6455, 7.4.1
CLOSE_TIMEOUT = 5.0  # seconds that the site has to clean up when a client is gone


class WebSocketDrain:
    """The drain of one worker, for which any number of WebSockets can wait."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.websockets: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        self.started.set()

    async def wait_until_closed(self) -> None:
        if self.websockets:
            await asyncio.wait([*self.websockets], timeout=CLOSE_TIMEOUT)


async def run_websocket(
    application: Any,
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[..., Any],
    cut_off: asyncio.Future[None] | None = None,
) -> None:
    """Run a WebSocket until the site or the client ends it, the worker drains, or `cut_off` is done."""
    drain: WebSocketDrain = scope["djbundle.drain"]
    websocket = DrainableWebSocket(drain, receive, send)
    if cut_off:
        cut_off.add_done_callback(websocket.start_closing)
    site = asyncio.ensure_future(application(scope, websocket.receive, websocket.send))
    drain.websockets.add(site)
    site.add_done_callback(drain.websockets.discard)
    try:
        await asyncio.wait([site, websocket.closing], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([site, websocket.accepted], timeout=CLOSE_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        if not site.done():
            await websocket.close()
            await asyncio.wait([site], timeout=CLOSE_TIMEOUT)
        if site.done():
            site.result()
    finally:
        websocket.drain_task.cancel()
        websocket.accepted.cancel()
        site.cancel()


class DrainableWebSocket:
    """One WebSocket, as its site sees it.

    Only an accepted client can be told to reconnect. Before that, a close would only tell it that it is refused.
    """

    def __init__(
        self, drain: WebSocketDrain, receive: Callable[[], Awaitable[Message]], send: Callable[..., Any]
    ) -> None:
        self._receive, self._send = receive, send
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.drain_task = asyncio.ensure_future(drain.started.wait())
        self.drain_task.add_done_callback(self.start_closing)
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_closed = False
        self._closed_with: Message = {}  # code and reason with which the site has closed it

    def start_closing(self, _done: object) -> None:
        if not self.closing.done():
            self.closing.set_result(None)

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            self._closed_with = {"code": message.get("code", NORMAL), "reason": message.get("reason") or ""}
        await self._send(message)
        if message["type"] == "websocket.accept":
            self.accepted.set_result(None)

    async def receive(self) -> Message:
        """Return the client's next message. A disconnect that the site itself has caused has the site's own code."""
        message = await self._receive_any()
        return message | self._closed_with if message["type"] == "websocket.disconnect" else message

    async def _receive_any(self) -> Message:
        """Return the client's next message, or a disconnect message if this server closes the WebSocket."""
        if not self.accepted.done():
            return await self._receive()
        if not self.closing.done():
            message = asyncio.ensure_future(self._receive())
            pending: list[asyncio.Future[Any]] = [message, self.closing]
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            message.cancel()
        await self.close()
        return {"type": "websocket.disconnect", "code": GOING_AWAY}

    async def close(self) -> None:
        """Send the close message, but only once."""
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(Exception):  # the client is gone, or was not accepted
                await asyncio.wait_for(self._send({"type": "websocket.close", "code": GOING_AWAY}), CLOSE_TIMEOUT)
