"""Sends responses in parts. No thread waits while a client takes a file; only a generator holds a thread of its own.

A body that can be cut anywhere is sent in large parts to fast clients, since each part costs a thread switch. All
others get it in small parts, since Granian queues several for each client.
"""

import contextvars
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

from django.db import connections

from djbundle.runtime.http.limits.budget import RESPONSE_COST, client_key
from djbundle.runtime.http.limits.eviction import Eviction
from djbundle.runtime.http.limits.held_pages import PageQueue
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.part_sizes import MIN_PART_SIZE, FileParts, PartSizes, memory_parts
from djbundle.runtime.http.limits.unacknowledged import FENCE_COUNT
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.transport import (
    Headers,
    Request,
    Transport,
    has_content_length,
    headers_size,
    with_content_length,
)
from djbundle.runtime.logs import lines

SENDER_THREADS = 4  # threads that send parts which are ready
MAX_GENERATORS = 256  # that one process runs at once, each in its own thread
MAX_GENERATORS_PER_CLIENT = 64  # of them for one client
BURST_PARTS = 16  # parts that are sent in one go


class Streams:
    """The streamed responses of one web process."""

    def __init__(self, limits: Limits) -> None:
        self.refusals, self.budget, self.is_proxy = limits.refusals, limits.budget, limits.is_proxy
        self.whole_pages = limits.whole_pages
        self.senders = ThreadPoolExecutor(SENDER_THREADS, "stream")
        self.open: dict[int, StreamedResponse] = {}
        self.eviction: Eviction[StreamedResponse] = Eviction(self.budget)
        self.waiting = PageQueue(self.budget)
        self.on_end: Callable[[], object] = bool  # called when a response ends and makes room

    def send(self, request: Request, status: int, headers: Headers, parts: Any, size: int = 0) -> None:
        """Send parts that are ready: of a file, or of `size` bytes in memory that only this response keeps.

        `parts` has ``__next__`` and may have ``close``.
        """
        response = StreamedResponse(self, request, parts, RESPONSE_COST + size + request.size)
        self.start(response, status, headers, is_in_memory=size > 0)

    def may_send_whole(self, transport: Transport, size: int) -> bool:
        """Return whether to hand a body of more than 64 KB to Granian whole, which is the fastest way."""
        return transport.byte_counter is None and self.whole_pages.try_add(transport.connection, size)

    def send_fenced(self, request: Request, status: int, headers: Headers, body: bytes) -> None:
        """Send a small response over HTTP/2, and count it until the client has taken it."""
        headers = with_content_length(headers, len(body))
        cost = len(body) + headers_size(headers) + request.size
        response = StreamedResponse(self, request, iter([body]), cost)
        response.fences = FENCE_COUNT
        self.start(response, status, headers, is_in_memory=True)

    def start(self, response: "StreamedResponse", status: int, headers: Headers, *, is_in_memory: bool) -> None:
        """Begin to send: from memory in this thread, which saves a thread switch, until the client has enough.

        If there is no room for the response, it waits.
        """
        if response.begin(status, headers):
            response.start(is_now=is_in_memory)
        elif not response.is_closed:
            self.let_wait(response, status, headers)

    def let_wait(self, response: "StreamedResponse", status: int, headers: Headers) -> None:
        """Let a response wait until there is room for it, or refuse it."""

        def try_start() -> bool:
            try:
                if is_begun := response.begin(status, headers):
                    response.start(is_now=False)
            except Exception:
                response.fail()
                return True
            return is_begun or response.is_closed

        def refuse() -> None:
            response.close()
            self.refusals.refuse(response.request, *self.budget.refusal(response.client))

        self.waiting.put(response.client, response.cost, try_start, refuse)

    def generate(self, request: Request, status: int, headers: Headers, parts: Any) -> None:
        """Send parts that are generated while they are sent, in a thread of their own.

        That thread has a copy of this thread's context, with its language and time zone, and its own database
        connections.
        """
        response = GeneratedResponse(self, request, parts, RESPONSE_COST + request.size)
        if refusal := self.refusal(request):
            response.close()
            self.refusals.refuse(request, *refusal)
        else:
            self.start(response, status, headers, is_in_memory=False)

    def refusal(self, request: Request) -> tuple[HTTPStatus, str] | None:
        """Return the status and the reason for refusing another generator, or None."""
        running = [each for each in [*self.open.values()] if isinstance(each, GeneratedResponse)]
        if len(running) >= MAX_GENERATORS:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_GENERATORS} responses are being generated"
        client = client_key(request.client)
        if sum(client_key(each.request.client) == client for each in running) < MAX_GENERATORS_PER_CLIENT:
            return None
        if self.budget.is_exempt(request.client):
            return None
        return HTTPStatus.TOO_MANY_REQUESTS, f"{MAX_GENERATORS_PER_CLIENT} responses are being generated for one client"

    def sweep(self, timeout: float) -> None:
        """Break off responses of which clients have taken nothing for `timeout` seconds. Call it each second."""
        now, responses = time.monotonic(), [*self.open.values()]
        stalled = {each for each in responses if each.seconds_waited(now) >= timeout and each.waiting_since is not None}
        stalled.update(self.eviction.choose(responses))
        if stalled:
            for each in stalled:
                each.keeps_connection = self.may_keep_connection(each)
            abort_connections({each.request.transport.connection for each in stalled if not each.keeps_connection})
            for each in stalled:
                each.stop()
            self.refusals.note("response: cut off, since its client took too little of it", len(stalled))
        self.waiting.sweep()

    def may_keep_connection(self, response: "StreamedResponse") -> bool:
        """Return whether to give up only this response, and not its connection.

        A proxy's connection carries other clients, and the proxy sees by the length that a part is missing.
        """
        transport = response.request.transport
        return response.has_length and transport.byte_counter is not None and self.is_proxy(transport.connection[0])

    def file_parts(self, file: Any, _size: int = 0) -> FileParts:
        """Return the parts of a file: WSGI's ``file_wrapper``."""
        return FileParts(file, self.part_sizes())

    def memory_parts(self, body: Sequence[bytes]) -> Iterator[bytes]:
        """Return the parts of a body in memory."""
        return memory_parts(body, self.part_sizes())

    def part_sizes(self) -> PartSizes:
        """Return the sizes of the parts for one client."""
        return PartSizes(lambda: len(self.open))


class StreamedResponse:
    """One response whose parts are ready."""

    def __init__(self, streams: Streams, request: Request, parts: Any, cost: int) -> None:
        self.streams, self.request, self.parts, self.cost = streams, request, parts, cost
        self.waiting_since: float | None = None  # since when the client has been waited for, monotonic seconds
        self.future: Any = None
        self.disconnect_future: Any = None
        self.has_length = False
        self.sent = 0  # bytes
        self.is_fencing = False  # all parts are sent
        self.fences = FENCE_COUNT if request.transport.byte_counter else 0  # still to be sent after the last part
        self.is_stopped = False  # the client has disconnected, or is too slow
        self.keeps_connection = False  # it is stopped, and its connection goes on
        self.is_closed = False

    @property
    def client(self) -> str:
        """The address of the client."""
        return self.request.client

    def begin(self, status: int, headers: Headers) -> bool:
        """Send the head if there is room for the response. Return whether the body follows.

        If the response has no body, it is closed.
        """
        transport, budget = self.request.transport, self.streams.budget
        if transport.is_bodiless:
            self.close()
            transport.begin(status, headers)
            transport.end()
            return False
        if not budget.try_charge(transport.connection, self.client, self.cost):
            return False
        try:
            transport.begin(status, headers)
        except BaseException:  # the head is invalid
            budget.charge(transport.connection, self.client, -self.cost)
            raise
        self.has_length = has_content_length(headers)
        self.streams.open[id(self)] = self
        self.watch_for_disconnect()
        return True

    def start(self, *, is_now: bool) -> None:
        """Begin to send the body: now in this thread, or in another one."""
        if is_now:
            self.run()
        else:
            self.streams.senders.submit(self.run)

    def watch_for_disconnect(self) -> None:
        """Learn when the client disconnects. Granian accepts parts for a disconnected client without an error."""
        self.disconnect_future = self.request.transport.protocol.receive()
        self.disconnect_future.add_done_callback(self.on_message)

    def on_message(self, future: Any) -> None:
        self.disconnect_future = None
        if self.is_closed or future.cancelled():
            return
        if future.result()["type"] == "http.disconnect":
            self.is_stopped = True
            self.request.transport.forget_bytes()
        else:  # the end of an empty request body
            self.watch_for_disconnect()

    def seconds_waited(self, now: float) -> float:
        return 0.0 if self.waiting_since is None else now - self.waiting_since

    def stop(self) -> None:
        """Make the delivery end now, in another thread."""
        self.is_stopped = True
        if future := self.future:
            future.cancel()

    def run(self) -> None:
        """Send until the client has enough for the moment."""
        try:
            if self.advance():
                self.finish()
        except Exception:
            self.fail()

    @property
    def is_over(self) -> bool:
        """True if everything is sent, or if the client takes no more."""
        return self.is_stopped or self.request.transport.is_over

    def send_next(self) -> Any:
        """Send the next part, or a fence, or the end. Return a future if the client has enough for now, else None."""
        part = next(self.parts, None)
        if part:
            self.sent += len(part)
            if self.sent > MIN_PART_SIZE:  # Granian queues several parts: they count until they are taken
                self.fences = FENCE_COUNT
            return self.request.transport.send(part)
        self.is_fencing = part is None
        if part is None and self.fences:
            self.fences -= 1
            return self.request.transport.send(b"")
        if part is None:
            self.request.transport.end()
        return None

    def advance(self) -> bool:
        """Send a burst. Return whether the delivery is over; if not, it goes on later."""
        for _ in range(BURST_PARTS):
            if self.is_over:
                return True
            if future := self.send_next():
                self.wait(future)
                return False
        self.streams.senders.submit(self.run)
        return False

    def wait(self, future: Any) -> None:
        self.waiting_since, self.future = time.monotonic(), future
        future.add_done_callback(self.on_taken)

    def on_taken(self, _future: Any) -> None:
        """Go on: in a thread of ours to send a part, but here to send fences, which cost less than a thread switch."""
        self.waiting_since = self.future = None
        if self.is_fencing:
            self.run()
        else:
            self.streams.senders.submit(self.run)

    def fail(self) -> None:
        """Log the failure and break the connection off: otherwise its client would take a part for the whole."""
        fields = {"id": self.request.environ.get("HTTP_X_REQUEST_ID", "")}
        lines.write("error", "serve", "the answer to a request failed", fields, traceback.format_exc())
        abort_connections({self.request.transport.connection})
        self.finish()

    def finish(self) -> None:
        if self.streams.open.pop(id(self), None):
            transport = self.request.transport
            if self.keeps_connection and not transport.is_over:
                transport.end()  # Granian ends it only now: a thread that is parked may keep the request for long
            self.streams.budget.charge(transport.connection, self.request.client, -self.cost)
        self.close()
        self.streams.waiting.sweep()
        self.streams.on_end()

    def close(self) -> None:
        self.is_closed = True
        disconnect_future, self.disconnect_future = self.disconnect_future, None  # the future keeps this object alive
        if disconnect_future:
            disconnect_future.cancel()
        if end := getattr(self.parts, "close", None):
            end()


class GeneratedResponse(StreamedResponse):
    """A response whose parts are generated while they are sent, all in one thread, as a database cursor requires."""

    def __init__(self, streams: Streams, request: Request, parts: Any, cost: int) -> None:
        super().__init__(streams, request, parts, cost)
        self.was_taken = threading.Semaphore(0)
        self.context = contextvars.copy_context()

    def start(self, *, is_now: bool) -> None:  # noqa: ARG002 - never in this thread
        """Generate and send the body in a thread of its own."""
        run = partial(self.context.run, self.run)
        try:
            threading.Thread(target=run, name="generator", daemon=True).start()  # not pooled: they may be many
        except RuntimeError:  # the machine cannot start another
            self.fail()

    def run(self) -> None:
        try:
            super().run()
        finally:
            connections.close_all()

    def advance(self) -> bool:
        while not self.is_over:
            if future := self.send_next():
                self.wait(future)
                self.was_taken.acquire()
        return True

    def on_taken(self, _future: Any) -> None:
        self.waiting_since = self.future = None
        self.was_taken.release()
