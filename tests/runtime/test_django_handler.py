"""Pages of an ASGI site are freed when their requests end, without a collection of garbage."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers import asgi
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from djbundle.runtime.http import django_handler
from djbundle.runtime.http.asgi.middleware import AsgiMiddleware
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import make_scope

SIZE = 1 << 20  # bytes of a page


async def large(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"a" * SIZE)


urlpatterns = [path("", large)]


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("handle", "send_response"):
        monkeypatch.setattr(asgi.ASGIHandler, name, getattr(asgi.ASGIHandler, name))  # restored after the test
    django_handler.free_responses_at_once()
    if not settings.configured:
        settings.configure()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]):
        gc.collect()
        gc.disable()
        yield
    gc.enable()


class Client:
    """A client that takes the whole page, or leaves when it comes."""

    def __init__(self, *, leaves: bool) -> None:
        self.leaves, self.has_left, self.has_sent = leaves, asyncio.Event(), False
        self.scope = make_scope()

    async def receive(self) -> dict[str, Any]:
        if self.has_sent:
            await self.has_left.wait()
            return {"type": "http.disconnect"}
        self.has_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    def send(self, message: dict[str, Any]) -> Awaitable[None]:
        if self.leaves and message.get("body"):
            self.has_left.set()
            return asyncio.ensure_future(asyncio.sleep(60))  # nobody takes it
        return asyncio.sleep(0)


@pytest.mark.parametrize("leaves", [False, True], ids=["taken", "left"])
def test_a_page_is_freed_with_its_request(leaves: bool) -> None:
    async def answer() -> None:
        observer = Observer(SimpleNamespace(count_response=lambda *_: None), access_log=False)  # type: ignore[arg-type]
        site = AsgiMiddleware(asgi.ASGIHandler(), AddedHeaders(), observer, Limits(HttpOptions()))
        client = Client(leaves=leaves)
        await asyncio.ensure_future(site(client.scope, client.receive, client.send))
        await asyncio.sleep(0)
        in_use, most = tracemalloc.get_traced_memory()
        assert most > SIZE > in_use

    tracemalloc.start()
    asyncio.run(answer())
    tracemalloc.stop()
