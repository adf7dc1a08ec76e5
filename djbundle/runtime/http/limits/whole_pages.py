"""Counts pages that HTTP/1 clients were sent whole, and may not have taken yet.

Nearly all clients take a page at once. To learn when each is taken would cost more than the page (FENCE_COUNT). So
pages of medium size are sent whole as long as clients cannot have left much unread. Over HTTP/1 a connection has one
response at a time, so only its newest page counts. The kernel is asked only when there are many.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable

from djbundle.runtime.http.limits.budget import add_to_count, client_key
from djbundle.runtime.http.protocol.connections import ConnectionFinder
from djbundle.runtime.http.protocol.transport import ConnectionId

MAX_WHOLE_SIZE = 256 << 10  # bytes of one page
MAX_BYTES_PER_CLIENT = 16 << 20  # bytes that one client may leave unread
MAX_BYTES = 64 << 20  # bytes that all clients may leave unread
CHECK_INTERVAL = 0.2  # seconds between questions to the kernel; Granian hands it a page in less


class WholePages:
    """The pages of one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients."""

    def __init__(self, is_exempt: Callable[[str], bool] = bool) -> None:
        self.is_exempt = is_exempt
        self.pages: dict[ConnectionId, tuple[int, float]] = {}  # the newest: its bytes, and when it was sent
        self.clients: Counter[Hashable] = Counter()  # bytes, by client
        self.total = 0  # bytes
        self.checked_at = 0.0  # monotonic seconds
        self.lock = threading.Lock()
        self.connection_finder = ConnectionFinder()

    def try_add(self, connection: ConnectionId, size: int) -> bool:
        """Count a page, and return whether it may be sent whole.

        A page over a Unix socket may not: its connections have no port, so they cannot be told apart.
        """
        if size > MAX_WHOLE_SIZE or not connection[1]:
            return False
        with self.lock:
            self.remove(connection)
            if not self.has_room(connection):
                self.check()
                if not self.has_room(connection):
                    return False
            self.pages[connection] = size, time.monotonic()
            self.clients[client_key(connection[0])] += size
            self.total += size
            return True

    def has_room(self, connection: ConnectionId) -> bool:
        if self.total > MAX_BYTES - MAX_WHOLE_SIZE:
            return False
        bytes_of_client = self.clients.get(client_key(connection[0]), 0)
        return bytes_of_client <= MAX_BYTES_PER_CLIENT - MAX_WHOLE_SIZE or self.is_exempt(connection[0])

    def check(self) -> None:
        """Forget the pages that are taken, and those of closed connections. Call it with the lock held."""
        now = time.monotonic()
        if now - self.checked_at < CHECK_INTERVAL:
            return
        self.checked_at = now
        settled = {connection for connection, (_, sent_at) in self.pages.items() if now - sent_at >= CHECK_INTERVAL}
        for connection in self.connection_finder.find([*settled]):
            traffic = connection.traffic()
            if traffic and not traffic.is_fully_acknowledged:
                settled.discard(connection.client)
        for connection_id in settled:
            self.remove(connection_id)

    def remove(self, connection: ConnectionId) -> None:
        """Forget the page of a connection. Call it with the lock held."""
        if connection in self.pages:
            size, _ = self.pages.pop(connection)
            self.total -= size
            add_to_count(self.clients, client_key(connection[0]), -size)

    def sweep(self) -> None:
        """Check if clients may have left much unread. Call it each second."""
        if self.total > MAX_BYTES_PER_CLIENT // 2:
            with self.lock:
                self.check()
