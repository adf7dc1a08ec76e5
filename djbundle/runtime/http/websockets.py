"""WebSockets of a worker that leaves: closed with 1001, so that clients connect again, to whoever serves then."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
GOING_AWAY = 1001  # RFC 6455, 7.4.1
FAREWELL = 5.0  # seconds that the site has to put its things in order when a client is gone


class Departure:
    """Of one worker: whether it leaves, to be waited for by any number of WebSockets."""

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
    """Until the site or the client ends it, the worker leaves, or `gone` tells that the client is cut off."""
    departure: Departure = scope["djbundle.departure"]
    conversation = Conversation(departure, receive, send)
    if gone:
        gone.add_done_callback(conversation.leave)
    site = asyncio.ensure_future(application(scope, conversation.receive, conversation.send))
    departure.open.add(site)
    site.add_done_callback(departure.open.discard)
    try:
        await asyncio.wait([site, conversation.leaving], return_when=asyncio.FIRST_COMPLETED)
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
    """One WebSocket, as its site has it. A client that has been accepted can be told to come again; before, it would
    only hear that it may not come.
    """

    def __init__(
        self, departure: Departure, receive: Callable[[], Awaitable[Message]], send: Callable[..., Any]
    ) -> None:
        self._receive, self._send = receive, send
        self.leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.departing = asyncio.ensure_future(departure.begun.wait())
        self.departing.add_done_callback(self.leave)
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_over = False

    def leave(self, _done: object) -> None:
        if not self.leaving.done():
            self.leaving.set_result(None)

    async def send(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "websocket.accept":
            self.accepted.set_result(None)

    async def receive(self) -> Message:
        """What the client says, or that it is gone, when it is sent away."""
        if not self.accepted.done():
            return await self._receive()
        if not self.leaving.done():
            message = asyncio.ensure_future(self._receive())
            waiting: list[asyncio.Future[Any]] = [message, self.leaving]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            message.cancel()
        await self.say_goodbye()
        return {"type": "websocket.disconnect", "code": GOING_AWAY}

    async def say_goodbye(self) -> None:
        """Once."""
        if not self._is_over:
            self._is_over = True
            with contextlib.suppress(Exception):  # it is gone, or has not been accepted
                await asyncio.wait_for(self._send({"type": "websocket.close", "code": GOING_AWAY}), FAREWELL)
