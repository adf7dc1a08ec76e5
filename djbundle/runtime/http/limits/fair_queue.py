"""The requests that wait for their turn. Clients take turns, with one request each.

So a client that sends thousands at once delays only itself.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Protocol

from djbundle.runtime.http.limits.budget import add_to_count, client_key
from djbundle.runtime.http.limits.flow_control import MAX_REQUESTS_PER_CLIENT

FAIR_SHARE_THRESHOLD = 4096  # requests of all clients; above it, each client has an equal share of this number


class ClientRequest(Protocol):
    """A request of a client."""

    @property
    def client(self) -> str:
        """The address of the client."""
        ...


class FairQueue[T: ClientRequest]:
    """The queue of one web process. Its user holds a lock during all calls but `is_at_limit`.

    `is_exempt` recognizes proxies: their addresses stand for many clients, and may have any number of requests.
    """

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        # By client, in the order of their turns; none is empty. Each request has the time when it began to wait, in
        # monotonic seconds.
        self.queues: dict[Hashable, deque[tuple[float, T]]] = {}
        self.counts: dict[Hashable, int] = {}  # of requests that wait or are answered, by client
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def put(self, request: T) -> None:
        """Count a request, and let it wait."""
        self.count(request)
        self.queues.setdefault(client_key(request.client), deque()).append((time.monotonic(), request))
        self.size += 1

    def next(self) -> T:
        """Return the oldest request of the client whose turn it is. It still counts.

        Raise StopIteration if none waits.
        """
        client = next(iter(self.queues))
        queue = self.queues.pop(client)
        _since, request = queue.popleft()
        if queue:
            self.queues[client] = queue
        self.size -= 1
        return request

    def take_since(self, before: float) -> list[tuple[T, bool]]:
        """Take out the requests that wait since `before`, monotonic seconds. They count no more.

        Return each with whether its client has no other that counts.
        """
        taken = []
        for client, queue in [*self.queues.items()]:
            while queue and queue[0][0] <= before:
                request = queue.popleft()[1]
                taken.append((request, self.counts[client] == 1))
                self.release(request)
                self.size -= 1
            if not queue:
                del self.queues[client]
        return taken

    def count(self, request: T) -> None:
        """Count a request that is answered without waiting."""
        add_to_count(self.counts, client_key(request.client), 1)

    def release(self, request: T) -> None:
        """Stop counting a request: it is answered."""
        add_to_count(self.counts, client_key(request.client), -1)

    def is_at_limit(self, client: str) -> bool:
        """Return whether this client may have no more requests. Call it without the lock; it may be off by a few."""
        return self.counts.get(client_key(client), 0) >= self.max_per_client and not self.is_exempt(client)

    @property
    def max_per_client(self) -> int:
        """The number of requests of one client that may wait or be answered at once."""
        if self.size < FAIR_SHARE_THRESHOLD:
            return MAX_REQUESTS_PER_CLIENT
        return min(MAX_REQUESTS_PER_CLIENT, max(1, FAIR_SHARE_THRESHOLD // max(1, len(self.queues))))

    def oldest_wait(self) -> float:
        """Return how many seconds the oldest request has waited; 0 if none waits."""
        if not self.queues:
            return 0.0
        return time.monotonic() - min(queue[0][0] for queue in self.queues.values())
