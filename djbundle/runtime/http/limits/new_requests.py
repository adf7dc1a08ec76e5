"""Limits how many requests an ASGI site begins to answer at once. Clients take turns.

An event loop gives a turn to each request. Of a thousand that came together, it would make all pages before it sends
the first, and nobody knows how large they are. So only a few are new at a time, and fewer if pages have been large
lately. A request is no longer new when its response begins. One that waits for something, as a long poll does, holds no
page: the loop has been idle since it came.

The other requests wait outside the event loop, where each costs little. So a client with thousands of them delays
itself only.
"""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Protocol

from djbundle.runtime.http.limits.budget import HOLD_TIMEOUT
from djbundle.runtime.http.limits.fair_queue import FairQueue
from djbundle.runtime.logs.lines import write

MAX_NEW = 128  # requests of all clients
MIN_NEW = 8  # requests that may be new even if pages are large
MAX_NEW_BYTES = 64 << 20  # bytes of the pages of all new requests, as far as the last pages tell
FIRST_ESTIMATE = 4 << 20  # bytes of a page, until the first page shows its size
ESTIMATE_DECAY = 0.95  # of the estimate, with each smaller page
CHECK_INTERVAL = 0.005  # seconds between checks whether the loop is idle, while requests wait
MAX_LATENESS = 0.005  # seconds by which an idle loop may be late
IDLE_SECONDS = 0.05  # of an idle loop, after which a request waits for something; less may be a thread that is late
MAX_AGE = 1.0  # seconds; an older request is not new, even if the loop is never idle


class WaitingRequest(Protocol):
    """A request that waits for its turn."""

    @property
    def client(self) -> str:
        """The address of the client."""
        ...

    def begin(self) -> bool:
        """Begin to answer the request, unless its client has left. Return whether it begins.

        It is called in the event loop.
        """
        ...

    def expire(self, *, is_only: bool) -> None:
        """Refuse the request: it has waited for too long. `is_only`: its client has no other request."""
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
        self.page_size: float = FIRST_ESTIMATE  # bytes of a page, about, and rather too many

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

    def note_page(self, size: int) -> None:
        """Note that a page of `size` bytes is made. The next ones may be as large."""
        self.page_size = max(size, 1, self.page_size * ESTIMATE_DECAY)

    @property
    def max_new(self) -> int:
        """The number of requests that may be new."""
        return max(MIN_NEW, min(MAX_NEW, int(MAX_NEW_BYTES / self.page_size)))

    def begin_waiting(self) -> None:
        """Begin as many requests as may be new."""
        now = self.loop.time()
        with self.lock:
            self.is_called = False
        while request := self._next():
            if guarded(request.begin):
                self.new[request] = now
        if self.waiting and not self.watcher:
            self.watcher = self.loop.create_task(self._watch())

    def _next(self) -> WaitingRequest | None:
        """Return the request that may begin now, or None."""
        with self.lock:
            if not self.waiting or len(self.new) >= self.max_new:
                return None
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
            until = now - (IDLE_SECONDS if now - idle_since >= IDLE_SECONDS else MAX_AGE)
            for request in [each for each, since in self.new.items() if since <= until]:
                del self.new[request]
            self._expire()
            self.begin_waiting()
        self.watcher = None

    def _expire(self) -> None:
        with self.lock:
            expired = self.waiting.take_since(time.monotonic() - HOLD_TIMEOUT)
        for request, is_only in expired:
            guarded(partial(request.expire, is_only=is_only))


def guarded[T](action: Callable[[], T]) -> T | None:
    """Return what the action returns. Log what it raises, and return None: other requests must not wait in vain."""
    try:
        return action()
    except Exception:
        write("error", "serve", "a request failed", trace=traceback.format_exc())
        return None
