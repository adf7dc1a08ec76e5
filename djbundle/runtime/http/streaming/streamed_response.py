"""A response whose parts are ready: of a file, or of a body in memory. No thread waits while a client takes it."""

import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from djbundle.runtime.http.limits.budget import Budget
from djbundle.runtime.http.limits.held_pages import PageQueue
from djbundle.runtime.http.limits.unacknowledged import FENCE_COUNT
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.transport import (
    BODILESS_STATUSES,
    Headers,
    Request,
    has_content_length,
)
from djbundle.runtime.http.streaming.part_sizes import MIN_PART_SIZE
from djbundle.runtime.logs import lines

SENDER_THREADS = 4  # threads that send parts which are ready
BURST_PARTS = 16  # parts that are sent in one go


class OpenStreams:
    """The state that the streamed responses of one web process share."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.senders = ThreadPoolExecutor(SENDER_THREADS, "stream")
        self.open: dict[int, StreamedResponse] = {}
        self.waiting = PageQueue(budget)
        self.on_end: Callable[[], object] = bool  # called when a response ends and makes room


class StreamedResponse:
    """One response whose parts are ready."""

    def __init__(self, streams: OpenStreams, request: Request, parts: Any, cost: int) -> None:
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
        if transport.is_bodiless or status in BODILESS_STATUSES:
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
        """Log the failure and break the connection off: otherwise its client would mistake a part for the whole."""
        fields = {"id": self.request.environ.get("HTTP_X_REQUEST_ID", "")}
        lines.write("error", "serve", "the answer to a request failed", fields, traceback.format_exc())
        abort_connections({self.request.transport.connection})
        self.finish()

    def finish(self) -> None:
        if self.streams.open.pop(id(self), None):
            transport = self.request.transport
            if not transport.is_over and self.keeps_connection:
                transport.end()  # Granian ends it only now: a thread that is parked may keep the request for long
            elif not transport.is_over:
                transport.break_off()
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
