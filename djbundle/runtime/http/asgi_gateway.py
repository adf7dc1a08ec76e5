"""An ASGI site behind Granian: lets requests wait for their turn, and begins them in the event loop."""

import asyncio
import contextlib
import contextvars
import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from djbundle.common.processes import end_copy
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.new_requests import NewRequests
from djbundle.runtime.http.limits.refusals import refusal_headers
from djbundle.runtime.http.limits.response_account import ClientDisconnectedError
from djbundle.runtime.http.protocol.connections import LeftClients, connection_id
from djbundle.runtime.http.protocol.request_middleware import RequestMiddleware
from djbundle.runtime.http.protocol.transport import RESPONSE_BODY, RESPONSE_START, TURN, encode_headers
from djbundle.runtime.http.request_tracker import AsgiRequestTracker
from djbundle.runtime.http.websockets import WebSocketDrain
from djbundle.runtime.logs.lines import write


class AsgiGateway:
    """Takes requests from Granian to the site."""

    def __init__(self, application: Any, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.limits, self.loop = limits, loop
        self.process = os.getpid()
        self.application = application
        self.request_middleware = RequestMiddleware(limits.is_proxy)
        self.request_tracker = AsgiRequestTracker()
        self.left_clients = LeftClients()
        self.new_requests = NewRequests(loop, limits.is_proxy)
        self.state: dict[str, Any] = {}  # that the site made when it started, see lifespan.py
        self.context = contextvars.copy_context()  # in which each request begins: none sees the variables of another

    def receive(self, watcher: Any, drain: WebSocketDrain, *, is_draining: bool) -> None:
        """Let a request wait for its turn, or refuse it. Granian calls this in its thread, so it must not raise."""
        try:
            if self.limits.flooders.drop(watcher):
                return
            scope = watcher.scope
            self.prepare(scope, drain, is_draining=is_draining)
            request = AsgiRequest(self, watcher, scope, scope["client"][0])
            self.request_tracker.add(request, scope["djbundle.peer"])
            with request.dropped_on_failure():
                is_waiting = self.new_requests.put(request)
            if not is_waiting:
                self.request_tracker.remove(request)
                self.limits.flooders.note(scope["djbundle.peer"][0])
                request.refuse(HTTPStatus.TOO_MANY_REQUESTS, "the client has too many requests that wait")
        except BaseException:
            write("error", "serve", "a request failed", trace=traceback.format_exc())

    def prepare(self, scope: dict[str, Any], drain: WebSocketDrain, *, is_draining: bool) -> None:
        scope["client"] = scope["djbundle.peer"] = connection_id(scope["client"])
        self.request_middleware.prepare(scope)
        scope["root_path"], scope["state"] = "", self.state.copy()
        if scope["http_version"] == "1":  # Granian's name for what ASGI calls 1.0
            scope["http_version"] = "1.0"
        if scope["http_version"] == "2":  # such a client could keep any number of files open
            scope["extensions"] = {}
        scope["djbundle.is_draining"] = is_draining
        scope["djbundle.drain"] = drain

    def sweep(self) -> None:
        """Check what waits for clients. Call it each second."""
        self.limits.flow_control.sweep()


@dataclass(eq=False, slots=True)
class AsgiRequest:
    """A request, or the handshake of a WebSocket, that waits or is answered."""

    gateway: AsgiGateway
    watcher: Any  # Granian's; it waits for the response
    scope: dict[str, Any]
    client: str  # its address
    next_turn: asyncio.Future[bool] | None = None  # whether it has come in time; None before the first
    received_at: float = field(default_factory=time.monotonic)  # monotonic seconds

    def begin(self) -> bool:
        with self.dropped_on_failure():
            return self._begin()

    @contextlib.contextmanager
    def dropped_on_failure(self) -> Iterator[None]:
        """Leave nothing of the request behind if the block fails: no connection may seem to have it for ever."""
        try:
            yield
        except BaseException as error:
            if self.next_turn:
                if not self.next_turn.done():
                    self.next_turn.set_exception(error)
            else:
                self.gateway.request_tracker.remove(self)
                self.watcher.done()
            raise

    def _begin(self) -> bool:
        has_left = self.gateway.left_clients.has_left(self.scope["djbundle.peer"], self.received_at)
        if self.next_turn:
            if has_left and not self.next_turn.done():
                self.next_turn.set_exception(ClientDisconnectedError)
            self._resolve(is_granted=True)
        elif has_left:
            self.gateway.request_tracker.remove(self)
            self.watcher.done()
        else:
            context = self.gateway.context.copy()
            self.watcher.taskref(self.gateway.loop.create_task(self.answer(), context=context))
        return not has_left

    async def answer(self) -> None:
        """Have the site answer."""
        if self.scope["type"] == "websocket":  # it has no response that could begin
            self.end_new()
        try:
            self.scope[TURN] = self
            protocol = self.watcher.proto
            try:
                await self.gateway.application(self.scope, protocol.receive, protocol.send)
            finally:
                end_copy(self.gateway.process)
        except Exception:  # logged by us: Granian would log the text as it is, with secrets and lines of its own
            write("error", "serve", "the answer to a request failed", {"id": self.request_id}, traceback.format_exc())
        finally:
            self.watcher.done()
            self.end_new()
            self.gateway.request_tracker.remove(self)
            del self.scope[TURN]  # the two would keep each other

    def end_new(self) -> None:
        """Let others begin: the response begins, or there is none."""
        self.gateway.new_requests.end(self)

    def note_page(self, size: int) -> None:
        """Note that the page of the request has `size` bytes."""
        self.gateway.new_requests.note_page(size)

    async def wait_for_next_turn(self) -> bool:
        """Wait for another turn, after a wait for something else. Return False if it does not come in time.

        Raise ClientDisconnectedError if the client has left meanwhile.
        """
        self.end_new()
        self.next_turn = self.gateway.loop.create_future()
        return self.gateway.new_requests.put(self) and await self.next_turn

    def _resolve(self, *, is_granted: bool) -> None:
        if self.next_turn and not self.next_turn.done():  # else the request was cancelled meanwhile
            self.next_turn.set_result(is_granted)

    def expire(self, *, is_only: bool) -> None:
        if self.next_turn:
            self._resolve(is_granted=False)
            return
        self.gateway.request_tracker.remove(self)
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_only else HTTPStatus.TOO_MANY_REQUESTS
        self.refuse(status, "too many requests wait for their turn")

    def refuse(self, status: HTTPStatus, reason: str) -> None:
        """Refuse the request without the event loop, in any thread."""
        refusals = self.gateway.limits.refusals
        refusals.count(status, reason)
        is_websocket = self.scope["type"] == "websocket"
        if is_websocket:
            status = HTTPStatus.FORBIDDEN  # Granian's answer to a WebSocket that nobody accepts
        request_id = self.request_id
        if refusals.observer:
            method = self.scope.get("method", "GET")
            refusals.observer.record_response(method, self.scope["path"], status.value, 0.0, self.client, request_id)
        if not is_websocket:
            headers = refusal_headers(status, by_http_2=self.scope["http_version"] == "2")
            headers.append(("X-Request-ID", request_id))
            send = self.watcher.proto.send
            send({"type": RESPONSE_START, "status": status.value, "headers": encode_headers(headers)})
            send({"type": RESPONSE_BODY, "body": b"", "more_body": False})
        self.watcher.done()

    @property
    def request_id(self) -> str:
        """The identifier that RequestMiddleware has put last."""
        return str(self.scope["headers"][-1][1].decode("latin-1"))
