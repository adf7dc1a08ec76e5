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
    application: Any, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[..., Any]
) -> None:
    """Until the site or the client ends it, or the worker leaves."""
    departure: Departure = scope["djbundle.departure"]
    leaving = asyncio.ensure_future(departure.begun.wait())

    async def receive_or_leave() -> Message:
        if not leaving.done():
            message = asyncio.ensure_future(receive())
            await asyncio.wait([message, leaving], return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            message.cancel()
        return {"type": "websocket.disconnect", "code": GOING_AWAY}

    site = asyncio.ensure_future(application(scope, receive_or_leave, send))
    departure.open.add(site)
    site.add_done_callback(departure.open.discard)
    try:
        await asyncio.wait([site, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not site.done():
            with contextlib.suppress(Exception):  # it has not been accepted yet, or is gone
                await send({"type": "websocket.close", "code": GOING_AWAY})
            await asyncio.wait([site], timeout=FAREWELL)
        if site.done():
            site.result()
    finally:
        leaving.cancel()
        site.cancel()
