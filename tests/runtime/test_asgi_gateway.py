"""A request that fails before it begins leaves nothing behind: no connection seems to wait for its answer for ever."""

import asyncio
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Never

import pytest

from djbundle.runtime.http.asgi_gateway import AsgiGateway, AsgiRequest
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol import connections
from djbundle.runtime.http.protocol.connections import LeftClients
from djbundle.runtime.http.websockets import WebSocketDrain
from djbundle.runtime.options.http import HttpOptions
from tests.runtime.granian import make_scope


class Watcher:
    """Stands for Granian's, which waits for the response."""

    def __init__(self) -> None:
        self.scope = make_scope() | {"client": ("192.0.2.1", "5000"), "http_version": "1.1"}
        self.proto = SimpleNamespace(send=lambda _message: None, receive=None)
        self.is_done = False

    def done(self) -> None:
        self.is_done = True


@pytest.fixture
def gateway() -> Iterator[AsgiGateway]:
    loop = asyncio.new_event_loop()
    yield AsgiGateway(None, Limits(HttpOptions()), loop)
    loop.close()


def fail(*_arguments: Any, **_options: Any) -> Never:
    raise OSError("too many open files")


def receive(gateway: AsgiGateway) -> Watcher:
    watcher = Watcher()
    gateway.receive(watcher, WebSocketDrain(), is_draining=False)
    return watcher


def test_a_request_that_cannot_wait(gateway: AsgiGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.new_requests, "put", fail)
    assert receive(gateway).is_done
    assert not gateway.request_tracker.clients


def test_a_request_that_cannot_begin(gateway: AsgiGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.left_clients, "has_left", fail)
    watcher = receive(gateway)
    assert gateway.request_tracker.clients
    gateway.new_requests.begin_waiting()
    assert watcher.is_done
    assert not gateway.request_tracker.clients
    assert not gateway.new_requests.waiting.counts


def test_a_request_whose_next_turn_fails(gateway: AsgiGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request that waits for it gets the failure, and ends."""
    receive(gateway)
    (request,) = gateway.request_tracker.clients
    assert isinstance(request, AsgiRequest)
    request.next_turn = gateway.loop.create_future()
    monkeypatch.setattr(gateway.left_clients, "has_left", fail)
    gateway.new_requests.begin_waiting()
    assert isinstance(request.next_turn.exception(), OSError)


@pytest.mark.parametrize("is_failing", [False, True])
def test_a_site_that_forks_and_comes_back_twice(*, is_failing: bool) -> None:
    """The copy of the process ends there: it would go on with the event loop of the original."""
    process, loop, copies = os.getpid(), asyncio.new_event_loop(), list[int]()

    async def application(*_arguments: Any) -> None:
        copies.append(os.fork())
        if is_failing and not copies[0]:
            raise ValueError

    gateway = AsgiGateway(application, Limits(HttpOptions()), loop)
    watcher = Watcher()
    scope = watcher.scope
    gateway.prepare(scope, WebSocketDrain(), is_draining=False)
    try:
        loop.run_until_complete(AsgiRequest(gateway, watcher, scope, "192.0.2.1").answer())
    finally:
        if os.getpid() != process:
            os._exit(99)  # the copy went on
        loop.close()
    assert watcher.is_done
    _, status = os.waitpid(copies[0], 0)
    assert os.waitstatus_to_exitcode(status) == int(is_failing)


def test_without_a_descriptor_nobody_seems_to_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "connections", fail)
    assert not LeftClients().has_left(("192.0.2.1", 5000), since=0.0)
