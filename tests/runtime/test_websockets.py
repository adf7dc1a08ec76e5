"""A WebSocket of a worker that drains."""

import asyncio
from typing import Any

import pytest

from djbundle.runtime.http.websockets import GOING_AWAY, WebSocketDrain, run_websocket

CLOSED = {"type": "websocket.close", "code": GOING_AWAY}


async def converse(*, accepts: bool) -> tuple[list[Any], list[Any]]:
    """Return the messages to the client and to the site when the worker already drains as the client connects."""
    drain, sent, received = WebSocketDrain(), list[Any](), list[Any]()
    drain.start()

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

    await run_websocket(site, {"djbundle.drain": drain}, receive, send)
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
    sent_messages, received_messages = asyncio.run(asyncio.wait_for(converse(accepts=accepts), 4))
    assert sent_messages == sent
    assert received_messages[-1] == last
