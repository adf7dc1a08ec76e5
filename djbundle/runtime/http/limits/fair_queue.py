"""The requests that wait for a thread of a WSGI site: one of each client is answered in turn.

So who sends thousands at once only waits for itself, and others do not wait for it.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable

from djbundle.runtime.http.limits.budget import add, client_key
from djbundle.runtime.http.limits.waiting import MOST_REQUESTS
from djbundle.runtime.http.protocol.transport import Request

MOST_WAITING = 4096  # requests of all clients; above it each client has an equal share of so many

Line = deque[tuple[float, Request]]  # with the time since when, monotonic seconds


class FairQueue:
    """Of one web process. Its user has a lock, and holds it for all but `has_enough`.

    `is_exempt` tells the addresses that stand for many clients, and may have any number: proxies.
    """

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        self.lines: dict[Hashable, Line] = {}  # by client, in the order of their turns; none is empty
        self.counts: Counter[Hashable] = Counter()  # of requests that wait or are answered, by client
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def put(self, request: Request) -> None:
        """Count it, and let it wait."""
        self.count(request)
        self.lines.setdefault(client_key(request.client), deque()).append((time.monotonic(), request))
        self.size += 1

    def next(self) -> Request:
        """Return the oldest of the client whose turn it is. It is still counted. Raises StopIteration if none waits."""
        client = next(iter(self.lines))
        line = self.lines.pop(client)
        _since, request = line.popleft()
        if line:
            self.lines[client] = line
        self.size -= 1
        return request

    def count(self, request: Request) -> None:
        """Count a request that is answered without having waited."""
        self.counts[client_key(request.client)] += 1

    def leave(self, request: Request) -> None:
        """Count a request no more: it is answered."""
        add(self.counts, client_key(request.client), -1)

    def has_enough(self, client: str) -> bool:
        """Return whether no other request of this client may come in. Wants no lock, and may be late by a few."""
        return self.counts.get(client_key(client), 0) >= self.most_of_client and not self.is_exempt(client)

    @property
    def most_of_client(self) -> int:
        """How many requests of one client may wait or be answered."""
        if self.size < MOST_WAITING:
            return MOST_REQUESTS
        return min(MOST_REQUESTS, max(1, MOST_WAITING // max(1, len(self.lines))))

    def oldest(self) -> float:
        """Return how many seconds the oldest has waited; 0 if none waits."""
        if not self.lines:
            return 0.0
        return time.monotonic() - min(line[0][0] for line in self.lines.values())
