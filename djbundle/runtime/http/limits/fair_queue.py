"""The requests that wait for a thread of a WSGI site. Clients take turns, with one request each.

So a client that sends thousands at once delays only itself.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable

from djbundle.runtime.http.limits.budget import add, client_key
from djbundle.runtime.http.limits.flow_control import MOST_REQUESTS
from djbundle.runtime.http.protocol.transport import Request

MOST_WAITING = 4096  # requests of all clients; above it, each client has an equal share of this number

Line = deque[tuple[float, Request]]  # when each began to wait, monotonic seconds, and the request


class FairQueue:
    """The queue of one web process. Its user holds a lock during all calls but `has_enough`.

    `is_exempt` recognizes proxies: their addresses stand for many clients, and may have any number of requests.
    """

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        self.lines: dict[Hashable, Line] = {}  # by client, in the order of their turns; none is empty
        self.counts: Counter[Hashable] = Counter()  # of requests that wait or are answered, by client
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def put(self, request: Request) -> None:
        """Count a request, and let it wait."""
        self.count(request)
        self.lines.setdefault(client_key(request.client), deque()).append((time.monotonic(), request))
        self.size += 1

    def next(self) -> Request:
        """Return the oldest request of the client whose turn it is. It still counts.

        Raise StopIteration if none waits.
        """
        client = next(iter(self.lines))
        line = self.lines.pop(client)
        _since, request = line.popleft()
        if line:
            self.lines[client] = line
        self.size -= 1
        return request

    def count(self, request: Request) -> None:
        """Count a request that is answered without waiting."""
        self.counts[client_key(request.client)] += 1

    def leave(self, request: Request) -> None:
        """Stop counting a request: it is answered."""
        add(self.counts, client_key(request.client), -1)

    def has_enough(self, client: str) -> bool:
        """Return whether this client may have no more requests. Call it without the lock; it may be off by a few."""
        return self.counts.get(client_key(client), 0) >= self.most_of_client and not self.is_exempt(client)

    @property
    def most_of_client(self) -> int:
        """How many requests of one client may wait or be answered."""
        if self.size < MOST_WAITING:
            return MOST_REQUESTS
        return min(MOST_REQUESTS, max(1, MOST_WAITING // max(1, len(self.lines))))

    def oldest(self) -> float:
        """Return how many seconds the oldest request has waited; 0 if none waits."""
        if not self.lines:
            return 0.0
        return time.monotonic() - min(line[0][0] for line in self.lines.values())
