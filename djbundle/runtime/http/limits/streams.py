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
from wsgiref.util import FileWrapper

from django.db import connections

from djbundle.runtime.http.limits.budget import COST, client_key, longest
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.unacknowledged import FENCES
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.transport import (
    Headers,
    Request,
    has_content_length,
    headers_size,
    with_content_length,
)
from djbundle.runtime.logs import lines

SENDERS = 4  # threads that send parts which are ready
MOST_GENERATORS = 256  # that one process runs at once, each in its own thread
MOST_OF_CLIENT = 64  # of them for one client
BURST = 16  # parts that are sent in one go
LARGEST_PART, SMALLEST_PART = 1 << 20, 64 << 10  # bytes
ALL_PARTS = 16 << 20  # bytes, about, of the next parts of all clients together
AHEAD = 512 << 10  # bytes that Granian and the kernel accept before the client has taken any
QUICK = 0.02  # seconds in which a fast client takes a part


class Streams:
    """The streamed responses of one web process."""

    def __init__(self, limits: Limits) -> None:
        self.refusals, self.budget, self.is_proxy = limits.refusals, limits.budget, limits.is_proxy
        self.senders = ThreadPoolExecutor(SENDERS, "stream")
        self.open: dict[int, Delivery] = {}
        self.has_ended: Callable[[], object] = bool  # called when a response ends and makes room

    def send(self, request: Request, status: int, headers: Headers, parts: Any, size: int = 0) -> None:
        """Send parts that are ready: of a file, or of `size` bytes in memory that only this response keeps.

        `parts` has ``__next__`` and may have ``close``.
        """
        self.deliver(Delivery(self, request, parts, COST + size + request.size), status, headers)

    def send_fenced(self, request: Request, status: int, headers: Headers, body: bytes) -> None:
        """Send a small response over HTTP/2, and count it until the client has taken it."""
        headers = with_content_length(headers, len(body))
        cost = len(body) + headers_size(headers) + request.size
        delivery = Delivery(self, request, iter([body]), cost)
        delivery.fences = FENCES
        self.deliver(delivery, status, headers)

    def deliver(self, delivery: "Delivery", status: int, headers: Headers) -> None:
        if delivery.begin(status, headers):
            self.senders.submit(delivery.run)

    def generate(self, request: Request, status: int, headers: Headers, parts: Any) -> None:
        """Send parts that are generated while they are sent, in a thread of their own.

        That thread has a copy of this thread's context, with its language and time zone, and its own database
        connections.
        """
        delivery = Generation(self, request, parts, COST + request.size)
        if refusal := self.refusal(request):
            delivery.close()
            self.refusals.refuse(request, *refusal)
        elif delivery.begin(status, headers):
            run = partial(contextvars.copy_context().run, delivery.run)
            try:
                threading.Thread(target=run, name="generator", daemon=True).start()  # not pooled: they may be many
            except RuntimeError:  # the machine cannot start another
                delivery.fail()

    def refusal(self, request: Request) -> tuple[HTTPStatus, str] | None:
        """Return the status and the reason for refusing another generator, or None."""
        running = [each for each in [*self.open.values()] if isinstance(each, Generation)]
        if len(running) >= MOST_GENERATORS:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_GENERATORS} responses are being generated"
        client = client_key(request.client)
        if sum(client_key(each.request.client) == client for each in running) < MOST_OF_CLIENT:
            return None
        if self.budget.is_exempt(request.client):
            return None
        return HTTPStatus.TOO_MANY_REQUESTS, f"{MOST_OF_CLIENT} responses are being generated for one client"

    def sweep(self, timeout: float) -> None:
        """Break off responses of which clients have taken nothing for `timeout` seconds. Call it each second."""
        now = time.monotonic()
        waiting = [(each.waited(now), each) for each in [*self.open.values()] if each.since is not None]
        late = {each for seconds, each in waiting if seconds >= timeout}
        if not late and self.budget.is_full:
            late = longest(waiting)
        if late:
            for each in late:
                each.ends_alone = self.may_end_alone(each)
            abort_connections({each.request.transport.connection for each in late if not each.ends_alone})
            for each in late:
                each.stop()
            self.refusals.note("response: cut off, since its client took nothing more", len(late))

    def may_end_alone(self, delivery: "Delivery") -> bool:
        """Return whether to give up only this response, and not its connection.

        A proxy's connection carries other clients, and the proxy sees by the length that a part is missing.
        """
        transport = delivery.request.transport
        return delivery.has_length and transport.byte_counter is not None and self.is_proxy(transport.connection[0])

    def of_file(self, file: Any, _size: int = 0) -> "FileParts":
        """Return the parts of a file: WSGI's ``file_wrapper``."""
        return FileParts(file, Sizes(self))

    def of_memory(self, body: Sequence[bytes]) -> Iterator[bytes]:
        """Yield the parts of a body, cut to the size that suits the client."""
        sizes = Sizes(self)
        for part in body:
            begin = 0
            while begin < len(part):
                size = sizes.next()
                yield part[begin : begin + size]  # does not copy all of it at once
                begin += size


class Delivery:
    """One response whose parts are ready."""

    def __init__(self, streams: Streams, request: Request, parts: Any, cost: int) -> None:
        self.streams, self.request, self.parts, self.cost = streams, request, parts, cost
        self.since: float | None = None  # since when the client has been waited for, monotonic seconds
        self.future: Any = None
        self.watching: Any = None
        self.has_length = False
        self.sent = 0  # bytes
        self.is_fencing = False  # all parts are sent
        self.fences = FENCES if request.transport.byte_counter else 0  # still to be sent after the last part
        self.is_stopped = False  # the client has disconnected, or is too slow
        self.ends_alone = False  # it is stopped, and its connection goes on
        self.is_closed = False

    def begin(self, status: int, headers: Headers) -> bool:
        """Send the head. Return whether a body follows."""
        transport = self.request.transport
        if transport.is_bodiless:
            self.close()
            transport.begin(status, headers)
            transport.end()
            return False
        transport.begin(status, headers)  # raises if the head is invalid, before anything is counted
        self.has_length = has_content_length(headers)
        self.streams.open[id(self)] = self
        self.streams.budget.take(transport.connection, self.request.client, self.cost)
        self.watch()
        return True

    def watch(self) -> None:
        """Learn when the client disconnects. Granian accepts parts for a disconnected client without an error."""
        self.watching = self.request.transport.protocol.receive()
        self.watching.add_done_callback(self.heard)

    def heard(self, future: Any) -> None:
        self.watching = None
        if self.is_closed or future.cancelled():
            return
        if future.result()["type"] == "http.disconnect":
            self.is_stopped = True
            self.request.transport.forget_bytes()
        else:  # the end of an empty request body
            self.watch()

    def waited(self, now: float) -> float:
        return 0.0 if self.since is None else now - self.since

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
        """Whether everything is sent, or the client takes no more."""
        return self.is_stopped or self.request.transport.is_over

    def send_next(self) -> Any:
        """Send the next part, or a fence, or the end. Return a future if the client has enough for now, else None."""
        part = next(self.parts, None)
        if part:
            self.sent += len(part)
            if self.sent > SMALLEST_PART:  # Granian queues several parts: they count until they are taken
                self.fences = FENCES
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
        for _ in range(BURST):
            if self.is_over:
                return True
            if future := self.send_next():
                self.wait(future)
                return False
        self.streams.senders.submit(self.run)
        return False

    def wait(self, future: Any) -> None:
        self.since, self.future = time.monotonic(), future
        future.add_done_callback(self.resume)

    def resume(self, _future: Any) -> None:
        """Go on: in a thread of ours to send a part, but here to send fences, which cost less than a thread switch."""
        self.since = self.future = None
        if self.is_fencing:
            self.run()
        else:
            self.streams.senders.submit(self.run)

    def fail(self) -> None:
        """Log the failure and break the connection off: otherwise its client would take a part for the whole."""
        told = {"id": self.request.environ.get("HTTP_X_REQUEST_ID", "")}
        lines.write("error", "serve", "the answer to a request failed", told, traceback.format_exc())
        abort_connections({self.request.transport.connection})
        self.finish()

    def finish(self) -> None:
        if self.streams.open.pop(id(self), None):
            transport = self.request.transport
            if self.ends_alone and not transport.is_over:
                transport.end()  # Granian ends it only now: a thread that is parked may keep the request for long
            self.streams.budget.take(transport.connection, self.request.client, -self.cost)
        self.close()
        self.streams.has_ended()

    def close(self) -> None:
        self.is_closed = True
        watching, self.watching = self.watching, None  # the future keeps this object alive
        if watching:
            watching.cancel()
        if end := getattr(self.parts, "close", None):
            end()


class Generation(Delivery):
    """A response whose parts are generated while they are sent, all in one thread, as a database cursor requires."""

    def __init__(self, streams: Streams, request: Request, parts: Any, cost: int) -> None:
        super().__init__(streams, request, parts, cost)
        self.taken = threading.Semaphore(0)

    def run(self) -> None:
        try:
            super().run()
        finally:
            connections.close_all()

    def advance(self) -> bool:
        while not self.is_over:
            if future := self.send_next():
                self.wait(future)
                self.taken.acquire()
        return True

    def resume(self, _future: Any) -> None:
        self.since = self.future = None
        self.taken.release()


class Sizes:
    """The sizes of the parts that one client is sent."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.size, self.sum, self.asked = SMALLEST_PART, 0, 0.0

    def next(self) -> int:
        """Return the size of the next part in bytes. Call it when there is room for that part."""
        now = time.monotonic()
        if self.sum >= AHEAD:
            is_quick = now - self.asked < QUICK
            most = min(LARGEST_PART, ALL_PARTS // max(1, len(self.streams.open)))
            self.size = max(SMALLEST_PART, min(most, self.size * 4) if is_quick else self.size // 4)
        self.sum, self.asked = self.sum + self.size, now
        return self.size


class FileParts(FileWrapper):
    """Parts of a file, larger than the 8 KB that are FileWrapper's default."""

    def __init__(self, file: Any, sizes: Sizes) -> None:
        super().__init__(file)
        self.sizes = sizes

    def __next__(self) -> bytes:
        self.blksize = self.sizes.next()
        return super().__next__()
