"""A WebSocket of a worker that drains."""

import asyncio
from typing import Any

import pytest

from djbundle.runtime.http.websockets import GOING_AWAY, Departure, run_websocket

CLOSED = {"type": "websocket.close", "code": GOING_AWAY}


async def converse(*, accepts: bool) -> tuple[list[Any], list[Any]]:
    """Return the messages to the client and to the site when the worker already drains as the client connects."""
    departure, sent, received = Departure(), [], []
    departure.begin()

    async def receive() -> dict[str, Any]:
        if not received:
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def site(_scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        await asyncio.sleep(0.01)
        if not accepts:
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        received.append(await receive())

    await run_websocket(site, {"djbundle.drain": departure}, receive, send)
    return sent, received


@pytest.mark.parametrize(
    ("accepts", "sent", "last"),
    [
        (True, [{"type": "websocket.accept"}, CLOSED], {"type": "websocket.disconnect", "code": GOING_AWAY}),
        (False, [{"type": "websocket.close"}], {"type": "websocket.connect"}),
    ],
)
def test_who_connects_at_the_last_moment_is_told_to_come_again(
    accepts: bool, sent: list[Any], last: dict[str, Any]
) -> None:
    """The client is refused only if the site itself refuses."""
    told, heard = asyncio.run(asyncio.wait_for(converse(accepts=accepts), 4))
    assert told == sent
    assert heard[-1] == last
