"""Closes the WebSockets of a draining worker with 1001, so that clients reconnect to another process."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
GOING_AWAY = 1001  # RFC 6455, 7.4.1
FAREWELL = 5.0  # seconds that the site has to clean up when a client is gone


class Departure:
    """The drain of one worker, for which any number of WebSockets can wait."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        self.begun.set()

    async def wait_until_closed(self) -> None:
        if self.open:
            await asyncio.wait([*self.open], timeout=FAREWELL)


async def run_websocket(
    application: Any,
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[..., Any],
    gone: asyncio.Future[None] | None = None,
) -> None:
    """Run a WebSocket until the site or the client ends it, the worker drains, or `gone` reports the client cut off."""
    departure: Departure = scope["djbundle.drain"]
    conversation = Conversation(departure, receive, send)
    if gone:
        gone.add_done_callback(conversation.leave)
    site = asyncio.ensure_future(application(scope, conversation.receive, conversation.send))
    departure.open.add(site)
    site.add_done_callback(departure.open.discard)
    try:
        await asyncio.wait([site, conversation.closing], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([site, conversation.accepted], timeout=FAREWELL, return_when=asyncio.FIRST_COMPLETED)
        if not site.done():
            await conversation.say_goodbye()
            await asyncio.wait([site], timeout=FAREWELL)
        if site.done():
            site.result()
    finally:
        conversation.departing.cancel()
        conversation.accepted.cancel()
        site.cancel()


class Conversation:
    """One WebSocket, as its site sees it.

    Only an accepted client can be told to reconnect. Before that, a close would only tell it that it is refused.
    """

    def __init__(
        self, departure: Departure, receive: Callable[[], Awaitable[Message]], send: Callable[..., Any]
    ) -> None:
        self._receive, self._send = receive, send
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.departing = asyncio.ensure_future(departure.begun.wait())
        self.departing.add_done_callback(self.leave)
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_over = False

    def leave(self, _done: object) -> None:
        if not self.closing.done():
            self.closing.set_result(None)

    async def send(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "websocket.accept":
            self.accepted.set_result(None)

    async def receive(self) -> Message:
        """Return the client's next message, or a disconnect if the WebSocket is closed here."""
        if not self.accepted.done():
            return await self._receive()
        if not self.closing.done():
            message = asyncio.ensure_future(self._receive())
            waiting: list[asyncio.Future[Any]] = [message, self.closing]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            message.cancel()
        await self.say_goodbye()
        return {"type": "websocket.disconnect", "code": GOING_AWAY}

    async def say_goodbye(self) -> None:
        """Send the close message, but only once."""
        if not self._is_over:
            self._is_over = True
            with contextlib.suppress(Exception):  # the client is gone, or was not accepted
                await asyncio.wait_for(self._send({"type": "websocket.close", "code": GOING_AWAY}), FAREWELL)
