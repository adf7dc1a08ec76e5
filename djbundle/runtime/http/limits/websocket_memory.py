"""Limits the memory of WebSocket messages, both incomplete and complete.

Granian keeps up to 64 MB of each incomplete message for as long as its client likes. What a client holds in memory is
counted, and the largest WebSockets are closed when it is too much.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager

from djbundle.runtime.http.limits.budget import add, client_key
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.websocket_usage import Arrivals, memory_of, payload_of
from djbundle.runtime.http.protocol.connections import ConnectionFinder, abort_connections
from djbundle.runtime.http.protocol.transport import ConnectionId

LONGEST = 16 << 20  # bytes of one message
OF_CLIENT = 64 << 20  # bytes of all messages of one client
OF_ALL = 256 << 20  # bytes of all messages of all clients
SOON = 0.05  # seconds until the next look, at least
MUCH = 1 << 20  # bytes received between two looks
TOO_LARGE = "WebSocket: cut off, since a message is too large"
TOO_MUCH = "WebSocket: cut off, since its messages take too much memory"
STALLED = "WebSocket: cut off, since its client took nothing more"


class Unfinished:
    """The messages in one web process. `is_exempt` recognizes proxies, whose addresses stand for many clients."""

    def __init__(self, is_exempt: Callable[[str], bool], refusals: Refusals, send_timeout: float) -> None:
        self.is_exempt, self.refusals, self.send_timeout = is_exempt, refusals, send_timeout
        self.open: dict[Arrivals, None] = {}  # oldest first; two share an address and port when one is about to end
        self.clients: Counter[Hashable] = Counter()
        self.total = 0
        self.descriptors = ConnectionFinder()
        self.is_to_look = False  # a look is scheduled
        self.pause = SOON

    @contextmanager
    def watched(self, connection: ConnectionId, client: str) -> Iterator[Arrivals]:
        """Watch this WebSocket until it is closed. Its messages must be counted."""
        arrivals = Arrivals(connection, client, is_proxys=self.is_exempt(connection[0]))
        self.open[arrivals] = None
        try:
            yield arrivals
        finally:
            del self.open[arrivals]
            self.add(arrivals, -arrivals.weighed)

    def receive(self, arrivals: Arrivals, message: dict[str, object]) -> None:
        """Count a complete message, which the site gets unless this WebSocket is cut off."""
        size = payload_of(message)
        arrivals.add_whole(size, memory_of(message))
        if not arrivals.is_marked:
            for found in self.descriptors.find_known(arrivals.connection):
                if traffic := found.traffic():
                    arrivals.mark(traffic.received - found.unread())
        if size > LONGEST:
            self.cut({arrivals}, TOO_LARGE)
        self.weigh(arrivals)

    @contextmanager
    def sends(self, arrivals: Arrivals, size: int) -> Iterator[None]:
        """Count `size` bytes that wait for the client."""
        arrivals.begin_to_send(size)
        self.weigh(arrivals)
        try:
            yield
        finally:
            arrivals.has_sent(size)
            self.weigh(arrivals)

    def weigh(self, arrivals: Arrivals) -> None:
        """Count what this WebSocket holds now. If that is too much for its client, or for all, cut off the largest.

        If those were cut off before, and their sites have not ended, cut off this one itself.
        """
        if self.count(arrivals) > 0 and self.is_too_much(self.clients[self.key(arrivals)]):
            self.cut(self.too_large() or {arrivals}, TOO_MUCH)

    def is_too_much(self, of_client: int) -> bool:
        return self.total > OF_ALL or of_client > OF_CLIENT

    def count(self, arrivals: Arrivals) -> int:
        """Return how many bytes more it holds than before. A closed one holds nothing, even if its site goes on."""
        if arrivals not in self.open:
            return 0
        more = arrivals.held - arrivals.weighed
        self.add(arrivals, more)
        return more

    def add(self, arrivals: Arrivals, more: int) -> None:
        arrivals.weighed += more
        self.total += more
        if more:
            add(self.clients, self.key(arrivals), more)

    def key(self, arrivals: Arrivals) -> Hashable:
        return arrivals if self.is_exempt(arrivals.client) else client_key(arrivals.client)

    def sweep(self) -> None:
        """Cut off WebSockets that hold too much, alone or together, or take nothing. Call it each second."""
        if not self.open:
            return
        if self.look() > MUCH:
            self.look_soon()
        self.cut([each for each in self.open if each.unfinished > LONGEST], TOO_LARGE)
        self.cut([each for each in self.open if each.is_stalled(self.send_timeout)], STALLED)
        if self.is_too_much(max(self.clients.values(), default=0)):
            self.cut(self.too_large(), TOO_MUCH)

    def look_soon(self) -> None:
        """Sweep soon, since a WebSocket has begun or much was received: a fast network brings gigabytes in one second.

        A look takes milliseconds if there are many connections. Looks must not take more than a tenth of the time.
        """
        if not self.is_to_look:
            self.is_to_look = True
            asyncio.get_running_loop().call_later(self.pause, self.look_now)

    def look_now(self) -> None:
        begun, self.is_to_look = time.perf_counter(), False
        try:
            self.sweep()
        finally:
            self.pause = max(SOON, 10 * (time.perf_counter() - begun))

    def look(self) -> int:
        """Record what was received. Return how many bytes more belong to incomplete messages."""
        by_connection, more = {each.connection: each for each in self.open}, 0
        for found in self.descriptors.find([*by_connection]):
            if traffic := found.traffic():
                arrivals = by_connection[found.client]
                before = arrivals.unfinished
                arrivals.note(traffic.received - found.unread())
                arrivals.taken = traffic.acknowledged
                more += max(0, arrivals.unfinished - before)
                self.count(arrivals)
        return more

    def cut(self, late: Iterable[Arrivals], why: str) -> None:
        """Cut off these WebSockets. They count until their sites have ended."""
        late = [each for each in late if not each.is_cut]
        if late:
            abort_connections({each.connection for each in late})
            self.refusals.note(why, len(late))
        for each in late:
            each.is_cut = True
            each.on_cut()

    def too_large(self) -> set[Arrivals]:
        """Return the WebSockets to cut off to make room for others. Those already cut off count as gone."""
        left = [each for each in self.open if not each.is_cut]
        of_clients: defaultdict[Hashable, list[Arrivals]] = defaultdict(list)
        for each in left:
            of_clients[self.key(each)].append(each)
        late = {each for those in of_clients.values() for each in largest(those, OF_CLIENT)}
        return late | {*largest([each for each in left if each not in late], OF_ALL)}


def largest(those: Iterable[Arrivals], most: int) -> Iterator[Arrivals]:
    """Yield the largest, until no more than `most` bytes are left."""
    by_size = sorted(those, key=lambda each: each.weighed, reverse=True)
    left = sum(each.weighed for each in by_size)
    for each in by_size:
        if left <= most:
            return
        left -= each.weighed
        yield each
