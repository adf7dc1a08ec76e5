"""Limits the memory of WebSocket messages, both incomplete and complete.

Granian keeps up to 64 MB of each incomplete message for as long as its client likes. What a client holds in memory is
counted, and the largest WebSockets are closed when it is too much.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager

from djbundle.runtime.http.limits.budget import add_to_count, client_key
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.websocket_usage import WebSocketUsage, memory_size, payload_size
from djbundle.runtime.http.protocol.connections import ConnectionFinder, abort_connections
from djbundle.runtime.http.protocol.transport import ConnectionId

MAX_MESSAGE_SIZE = 16 << 20  # bytes of one message
MAX_BYTES_PER_CLIENT = 64 << 20  # bytes of all messages of one client
MAX_BYTES = 256 << 20  # bytes of all messages of all clients
MIN_CHECK_DELAY = 0.05  # seconds until the next check, at least
CHECK_AFTER_BYTES = 1 << 20  # bytes received between two checks
TOO_LARGE = "WebSocket: cut off, since a message is too large"
TOO_MUCH = "WebSocket: cut off, since its messages take too much memory"
STALLED = "WebSocket: cut off, since its client took nothing more"


class WebSocketMemory:
    """The messages in one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients."""

    def __init__(self, is_exempt: Callable[[str], bool], refusals: Refusals, send_timeout: float) -> None:
        self.is_exempt, self.refusals, self.send_timeout = is_exempt, refusals, send_timeout
        # Oldest first. Two share an address and port when one is about to end.
        self.open: dict[WebSocketUsage, None] = {}
        self.clients: Counter[Hashable] = Counter()
        self.total = 0
        self.connection_finder = ConnectionFinder()
        self.is_check_scheduled = False  # a check is scheduled
        self.check_delay = MIN_CHECK_DELAY

    @contextmanager
    def track(self, connection: ConnectionId, client: str) -> Iterator[WebSocketUsage]:
        """Watch this WebSocket until it is closed. Its messages must be counted."""
        usage = WebSocketUsage(connection, client, is_from_proxy=self.is_exempt(connection[0]))
        self.open[usage] = None
        try:
            yield usage
        finally:
            del self.open[usage]
            self.add(usage, -usage.counted)

    def receive(self, usage: WebSocketUsage, message: dict[str, object]) -> None:
        """Count a complete message, which the site gets unless this WebSocket is cut off."""
        size = payload_size(message)
        usage.add_complete(size, memory_size(message))
        if not usage.is_marked:
            for connection in self.connection_finder.find_known(usage.connection):
                if traffic := connection.traffic():
                    usage.mark(traffic.received - connection.unread())
        if size > MAX_MESSAGE_SIZE:
            self.cut_off({usage}, TOO_LARGE)
        self.enforce(usage)

    @contextmanager
    def track_send(self, usage: WebSocketUsage, size: int) -> Iterator[None]:
        """Count `size` bytes that wait for the client."""
        usage.begin_send(size)
        self.enforce(usage)
        try:
            yield
        finally:
            usage.end_send(size)
            self.enforce(usage)

    def enforce(self, usage: WebSocketUsage) -> None:
        """Count what this WebSocket holds now. If that is too much for its client, or for all, cut off the largest.

        If those were cut off before, and their sites have not ended, cut off this one itself.
        """
        if self.count(usage) > 0 and self.is_over_limit(self.clients[self.client_of(usage)]):
            self.cut_off(self.usages_to_cut_off() or {usage}, TOO_MUCH)

    def is_over_limit(self, client_total: int) -> bool:
        return self.total > MAX_BYTES or client_total > MAX_BYTES_PER_CLIENT

    def count(self, usage: WebSocketUsage) -> int:
        """Return how many bytes more it holds than before. A closed one holds nothing, even if its site goes on."""
        if usage not in self.open:
            return 0
        more = usage.held - usage.counted
        self.add(usage, more)
        return more

    def add(self, usage: WebSocketUsage, more: int) -> None:
        usage.counted += more
        self.total += more
        if more:
            add_to_count(self.clients, self.client_of(usage), more)

    def client_of(self, usage: WebSocketUsage) -> Hashable:
        return usage if self.is_exempt(usage.client) else client_key(usage.client)

    def sweep(self) -> None:
        """Cut off WebSockets that hold too much, alone or together, or take nothing. Call it each second."""
        if not self.open:
            return
        if self.check() > CHECK_AFTER_BYTES:
            self.check_soon()
        self.cut_off([each for each in self.open if each.incomplete_bytes > MAX_MESSAGE_SIZE], TOO_LARGE)
        self.cut_off([each for each in self.open if each.is_stalled(self.send_timeout)], STALLED)
        if self.is_over_limit(max(self.clients.values(), default=0)):
            self.cut_off(self.usages_to_cut_off(), TOO_MUCH)

    def check_soon(self) -> None:
        """Sweep soon, since a WebSocket has begun or much was received: a fast network brings gigabytes in one second.

        A check takes milliseconds if there are many connections. Checks must not take more than a tenth of the time.
        """
        if not self.is_check_scheduled:
            self.is_check_scheduled = True
            asyncio.get_running_loop().call_later(self.check_delay, self.check_now)

    def check_now(self) -> None:
        begun, self.is_check_scheduled = time.perf_counter(), False
        try:
            self.sweep()
        finally:
            self.check_delay = max(MIN_CHECK_DELAY, 10 * (time.perf_counter() - begun))

    def check(self) -> int:
        """Record what was received. Return how many bytes more belong to incomplete messages."""
        by_connection, more = {each.connection: each for each in self.open}, 0
        for connection in self.connection_finder.find([*by_connection]):
            if traffic := connection.traffic():
                usage = by_connection[connection.client]
                before = usage.incomplete_bytes
                usage.note(traffic.received - connection.unread())
                usage.acknowledged = traffic.acknowledged
                more += max(0, usage.incomplete_bytes - before)
                self.count(usage)
        return more

    def cut_off(self, victims: Iterable[WebSocketUsage], reason: str) -> None:
        """Cut off these WebSockets. They count until their sites have ended."""
        victims = [each for each in victims if not each.is_cut_off]
        if victims:
            abort_connections({each.connection for each in victims})
            self.refusals.note(reason, len(victims))
        for each in victims:
            each.is_cut_off = True
            each.on_cut_off()

    def usages_to_cut_off(self) -> set[WebSocketUsage]:
        """Return the WebSockets to cut off to make room for others. Those already cut off count as gone."""
        remaining = [each for each in self.open if not each.is_cut_off]
        by_client: defaultdict[Hashable, list[WebSocketUsage]] = defaultdict(list)
        for each in remaining:
            by_client[self.client_of(each)].append(each)
        victims = {each for usages in by_client.values() for each in largest_above(usages, MAX_BYTES_PER_CLIENT)}
        return victims | {*largest_above([each for each in remaining if each not in victims], MAX_BYTES)}


def largest_above(usages: Iterable[WebSocketUsage], limit: int) -> Iterator[WebSocketUsage]:
    """Yield the largest, until no more than `limit` bytes are left."""
    by_size = sorted(usages, key=lambda each: each.counted, reverse=True)
    remaining = sum(each.counted for each in by_size)
    for each in by_size:
        if remaining <= limit:
            return
        remaining -= each.counted
        yield each
