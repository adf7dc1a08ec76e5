"""A client is told that an ASGI site has failed, whatever the site has left out."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.runtime.http.asgi.middleware import AsgiMiddleware
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.websockets import WebSocketDrain
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import make_scope


def answer_of(application: Any, message: dict[str, Any], kind: str = "http") -> list[dict[str, Any]]:
    """Return what the client of an application gets that receives one message."""
    observer = Observer(SimpleNamespace(count_response=lambda *_: None), access_log=False)  # type: ignore[arg-type]
    site = AsgiMiddleware(application, AddedHeaders(), observer, Limits(HttpOptions()))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return message

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        with contextlib.suppress(LookupError):  # of the site; the gateway logs it
            await site(make_scope("GET") | {"type": kind, "djbundle.drain": WebSocketDrain()}, receive, send)

    asyncio.run(run())
    return sent


async def no_answer(_scope: dict[str, Any], receive: Any, _send: Any) -> None:
    await receive()


def test_a_site_that_ends_without_a_response_has_failed() -> None:
    sent = answer_of(no_answer, {"type": "http.request", "body": b"", "more_body": False})
    assert sent[0]["status"] == 500


def test_a_client_that_left_is_no_failure() -> None:
    assert answer_of(no_answer, {"type": "http.disconnect"})[0]["status"] == 400


@pytest.mark.parametrize(
    ("accepts", "last"),
    [
        (True, {"type": "websocket.close", "code": 1011}),
        (False, {"type": "websocket.http.response.body", "body": b"", "more_body": False}),
    ],
)
def test_a_websocket_of_a_site_that_fails(accepts: bool, last: dict[str, Any]) -> None:
    async def fail(_scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        if accepts:
            await send({"type": "websocket.accept"})
        raise LookupError("no route")

    assert answer_of(fail, {"type": "websocket.connect"}, "websocket")[-1] == last
