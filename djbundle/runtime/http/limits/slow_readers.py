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

ConnectionId = tuple[str, int]  # address and port

SLOW_WINDOW = 5.0  # seconds
MIN_BYTES_IN_WINDOW = 64 << 10  # bytes; a client that takes fewer in SLOW_WINDOW is slow
MAX_SLOW_CONNECTIONS_PER_CLIENT = 128  # slow connections of one client
MAX_SLOW_CONNECTIONS = 1024  # of all clients


@dataclass(slots=True)
class Reader:
    """A connection whose client has something to read."""

    since: float  # monotonic seconds
    acknowledged: int  # bytes taken until then


class SlowReaders:
    """The slow readers of one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients."""

    def __init__(self, is_exempt: Callable[[str], bool]) -> None:
        self.is_exempt = is_exempt
        self.readers: dict[ConnectionId, Reader] = {}

    def note(self, connection: Connection, traffic: Traffic) -> None:
        """Record what the kernel reports of a connection."""
        if traffic.is_fully_acknowledged:
            self.readers.pop(connection.client, None)
            return
        now, reader = time.monotonic(), self.readers.get(connection.client)
        if reader is None or traffic.acknowledged - reader.acknowledged >= MIN_BYTES_IN_WINDOW:
            self.readers[connection.client] = Reader(now, traffic.acknowledged)

    def forget_all_but(self, open_ones: set[ConnectionId]) -> None:
        """Forget connections that are closed."""
        for client in self.readers.keys() - open_ones:
            del self.readers[client]

    def connections_to_close(self) -> set[ConnectionId]:
        """Return the connections to close: those slow for longest, above the limit of each client and of all."""
        until = time.monotonic() - SLOW_WINDOW
        slow = sorted((reader.since, client) for client, reader in self.readers.items() if reader.since <= until)
        by_client: defaultdict[Hashable, list[ConnectionId]] = defaultdict(list)
        for _, client in slow:
            if not self.is_exempt(client[0]):
                by_client[client_key(client[0])].append(client)
        to_close = {
            client
            for each in by_client.values()
            for client in each[: max(0, len(each) - MAX_SLOW_CONNECTIONS_PER_CLIENT)]
        }
        others = [client for _, client in slow if client not in to_close and not self.is_exempt(client[0])]
        return to_close | {*others[: max(0, len(others) - MAX_SLOW_CONNECTIONS)]}
