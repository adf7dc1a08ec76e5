"""Limits how many requests an ASGI site begins to answer at once. Clients take turns.

An event loop gives a turn to each request. Of a thousand that came together, it would make all pages before it sends
the first, and nobody knows how large they are. So only a few are new at a time. A request is no longer new when its
response begins. One that waits for something, as a long poll does, holds no page: the loop has been idle since it came.

The other requests wait outside the event loop, where each costs little. So a client with thousands of them delays
itself only.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Protocol

from djbundle.runtime.http.limits.budget import HOLD_TIMEOUT
from djbundle.runtime.http.limits.fair_queue import FairQueue

MAX_NEW = 128  # requests of all clients
CHECK_INTERVAL = 0.005  # seconds between checks whether the loop is idle, while requests wait
MAX_LATENESS = 0.005  # seconds by which an idle loop may be late
IDLE_SECONDS = 0.05  # for which a loop is idle before its requests wait for something: threads may be late, too
MAX_AGE = 1.0  # seconds; an older request is not new, even if the loop is never idle


class WaitingRequest(Protocol):
    """A request that waits for its turn."""

    @property
    def client(self) -> str:
        """The address of the client."""
        ...

    def begin(self) -> None:
        """Begin to answer the request. It is called in the event loop."""
        ...

    def expire(self, *, is_only: bool) -> None:
        """Refuse the request: it has waited for too long. `is_only` if its client has no others."""
        ...


class NewRequests:
    """The new requests of one web process, and those that wait until they may begin.

    `is_exempt` recognizes proxies, whose addresses stand for many clients.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, is_exempt: Callable[[str], bool] = bool) -> None:
        self.loop = loop
        self.new: dict[WaitingRequest, float] = {}  # when each began, on the clock of the loop
        self.waiting: FairQueue[WaitingRequest] = FairQueue(is_exempt)
        self.lock = threading.Lock()  # for `waiting` and `is_called`
        self.is_called = False  # the loop will call begin_waiting() soon
        self.watcher: asyncio.Task[None] | None = None

    def put(self, request: WaitingRequest) -> bool:
        """Let a request begin as soon as it may. Return False if its client has too many that wait.

        Any thread may call this. The other methods are for the event loop.
        """
        with self.lock:
            if self.waiting.is_at_limit(request.client):
                return False
            self.waiting.put(request)
            is_called, self.is_called = self.is_called, True
        if not is_called:
            self.loop.call_soon_threadsafe(self.begin_waiting)
        return True

    def end(self, request: WaitingRequest) -> None:
        """Count a request no longer as new: its response begins, or there is none."""
        if self.new.pop(request, None) is not None and self.waiting:
            self.begin_waiting()

    def begin_waiting(self) -> None:
        """Begin as many requests as may be new."""
        now = self.loop.time()
        with self.lock:
            self.is_called = False
            beginning = [self._next() for _ in range(min(len(self.waiting), MAX_NEW - len(self.new)))]
        for request in beginning:
            self.new[request] = now
            request.begin()
        if self.waiting and not self.watcher:
            self.watcher = self.loop.create_task(self._watch())

    def _next(self) -> WaitingRequest:
        request = self.waiting.next()
        self.waiting.release(request)
        return request

    async def _watch(self) -> None:
        """While requests wait, find those that are no longer new, and those that have waited for too long."""
        idle_since = self.loop.time()
        while self.waiting:
            before = self.loop.time()
            await asyncio.sleep(CHECK_INTERVAL)
            now = self.loop.time()
            if now - before - CHECK_INTERVAL > MAX_LATENESS:
                idle_since = now
            until = idle_since if now - idle_since >= IDLE_SECONDS else now - MAX_AGE
            for request in [each for each, since in self.new.items() if since <= until]:
                del self.new[request]
            self._expire()
            self.begin_waiting()
        self.watcher = None

    def _expire(self) -> None:
        with self.lock:
            expired = self.waiting.take_since(time.monotonic() - HOLD_TIMEOUT)
        for request, is_only in expired:
            request.expire(is_only=is_only)
