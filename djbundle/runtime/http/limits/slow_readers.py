"""Finds connections whose clients read next to nothing. Each client may have some, but not many at once.

A small response is handed to Granian whole, so nothing here knows when it is taken. But the kernel reports that it has
bytes which it cannot send. Behind them Granian may keep the rest of a response, and heads of others.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.protocol.connections import Connection, Traffic

Client = tuple[str, int]  # address and port

LOOK_BACK = 5.0  # seconds
LITTLE = 64 << 10  # bytes; a client that takes fewer in LOOK_BACK is slow
MOST_OF_CLIENT = 128  # slow connections of one client
MOST = 1024  # of all clients


@dataclass(slots=True)
class Reader:
    """A connection whose client has something to read."""

    since: float  # monotonic seconds
    taken: int  # bytes taken until then


class SlowReaders:
    """The slow readers of one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients."""

    def __init__(self, is_exempt: Callable[[str], bool]) -> None:
        self.is_exempt = is_exempt
        self.readers: dict[Client, Reader] = {}

    def note(self, connection: Connection, traffic: Traffic) -> None:
        """Record what the kernel reports of a connection."""
        if traffic.is_fully_acknowledged:
            self.readers.pop(connection.client, None)
            return
        now, reader = time.monotonic(), self.readers.get(connection.client)
        if reader is None or traffic.acknowledged - reader.taken >= LITTLE:
            self.readers[connection.client] = Reader(now, traffic.acknowledged)

    def forget_all_but(self, open_ones: set[Client]) -> None:
        """Forget connections that are closed."""
        for client in self.readers.keys() - open_ones:
            del self.readers[client]

    def too_many(self) -> set[Client]:
        """Return the connections to close: those slow for longest, above the limit of each client and of all."""
        until = time.monotonic() - LOOK_BACK
        slow = sorted((reader.since, client) for client, reader in self.readers.items() if reader.since <= until)
        of_clients: defaultdict[Hashable, list[Client]] = defaultdict(list)
        for _, client in slow:
            if not self.is_exempt(client[0]):
                of_clients[client_key(client[0])].append(client)
        late = {client for each in of_clients.values() for client in each[: max(0, len(each) - MOST_OF_CLIENT)]}
        others = [client for _, client in slow if client not in late and not self.is_exempt(client[0])]
        return late | {*others[: max(0, len(others) - MOST)]}
