"""Limits how many requests an ASGI site begins to answer at once. Clients take turns.

An event loop gives a turn to each request. Of a thousand that came together, it would make all pages before it sends
the first, and nobody knows how large they are. So only a few are new at a time. A request is no longer new when its
response begins. One that waits for something, as a long poll does, holds no page: the loop has been idle since it came.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable

from djbundle.runtime.http.limits.budget import HOLD_TIMEOUT, client_key

MAX_NEW = 128  # requests of all clients
MAX_WAITING = 4096  # requests of all clients
MAX_WAITING_PER_CLIENT = 512
CHECK_INTERVAL = 0.005  # seconds between checks whether the loop is idle, while requests wait
MAX_LATENESS = 0.005  # seconds by which an idle loop may be late
MAX_AGE = 1.0  # seconds; an older request is not new, even if the loop is never idle

Waiting = deque[tuple[object, asyncio.Future[None]]]


class NewRequests:
    """The new requests of one web process, and those that wait until they may begin. For one event loop.

    `is_exempt` recognizes proxies, whose addresses stand for many clients.
    """

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        self.new: dict[object, float] = {}  # when each began, on the clock of the loop
        self.queues: dict[Hashable, Waiting] = {}  # by client, in the order of their turns; none is empty
        self.waiting = 0  # requests
        self.watcher: asyncio.Task[None] | None = None

    async def begin(self, request: object, client: str) -> bool:
        """Count a request as new, as soon as it may begin. Return False if it must wait for too long."""
        loop = asyncio.get_running_loop()
        if len(self.new) < MAX_NEW and not self.queues:
            self.new[request] = loop.time()
            return True
        key = client_key(client)
        of_client = len(self.queues.get(key, ()))
        if self.waiting >= MAX_WAITING or (of_client >= MAX_WAITING_PER_CLIENT and not self.is_exempt(client)):
            return False
        turn: asyncio.Future[None] = loop.create_future()
        self.queues.setdefault(key, deque()).append((request, turn))
        self.waiting += 1
        self.watcher = self.watcher or asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait_for(turn, HOLD_TIMEOUT)
        except TimeoutError:
            return False
        except asyncio.CancelledError:
            self.end(request)
            raise
        return True

    def end(self, request: object) -> None:
        """Count a request no longer as new: its response begins, or there is none."""
        if self.new.pop(request, None) is not None:
            self._give_turns()

    def _give_turns(self) -> None:
        now = asyncio.get_running_loop().time()
        while self.queues and len(self.new) < MAX_NEW:
            request, turn = self._next()
            if not turn.done():  # else its client has left, or it has waited for too long
                self.new[request] = now
                turn.set_result(None)

    def _next(self) -> tuple[object, asyncio.Future[None]]:
        """Return the oldest request of the client whose turn it is."""
        client = next(iter(self.queues))
        queue = self.queues.pop(client)
        entry = queue.popleft()
        if queue:
            self.queues[client] = queue
        self.waiting -= 1
        return entry

    async def _watch(self) -> None:
        """While requests wait, find those that are no longer new."""
        loop = asyncio.get_running_loop()
        while self.queues:
            before = loop.time()
            await asyncio.sleep(CHECK_INTERVAL)
            now = loop.time()
            is_idle = now - before - CHECK_INTERVAL < MAX_LATENESS
            until = before if is_idle else now - MAX_AGE
            for request in [each for each, since in self.new.items() if since <= until]:
                del self.new[request]
            self._give_turns()
        self.watcher = None
