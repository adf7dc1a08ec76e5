"""Counts of a client are given back under the same name, whatever the site does to the scope."""

import asyncio
from types import SimpleNamespace
from typing import Any

from djbundle.runtime.http.asgi.middleware import AsgiMiddleware
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import make_scope


async def rename(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer as a site that shortens client addresses before it reads the body."""
    scope["client"] = ("192.0.2.0", 0)
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})


def test_a_site_that_changes_the_address_leaves_nothing_counted() -> None:
    limits = Limits(HttpOptions())
    observer = Observer(SimpleNamespace(count_response=lambda *_: None), access_log=False)  # type: ignore[arg-type]
    site = AsgiMiddleware(rename, AddedHeaders(), observer, limits)
    scope = make_scope("POST", (b"content-length", b"4"))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"body", "more_body": False}

    async def send(_message: dict[str, Any]) -> None: ...

    asyncio.run(site(scope, receive, send))
    assert (limits.quota.clients, limits.flow_control.active_requests, limits.budget.total) == ({}, {}, 0)
