"""Messages of WebSockets that are not whole. Granian keeps up to 64 MB of each, for as long as its client likes.

Granian does not tell how much of a message has come. But the kernel tells how many bytes have come over a connection,
and a whole message is seen. So what has come since the last one was seen belongs to the next.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.protocol.connections import Descriptors, break_off
from djbundle.runtime.http.protocol.transport import Connection

LONGEST = 16 << 20  # bytes of one message
OF_CLIENT = 64 << 20  # bytes of all unfinished messages of one client
BEFORE = 1 << 20  # bytes of what came before the first message: browsers make a connection for each WebSocket
OF_ALL = 256 << 20  # bytes of all unfinished messages of all clients


@dataclass(slots=True)
class Arrivals:
    """Counts the messages and bytes that one WebSocket has sent."""

    is_proxys: bool = False  # which may have had many requests before
    messages: int = 0  # whole ones
    seen: int | None = None  # of them, at the last look
    before: int = 0  # bytes that had come when a message was seen last
    unfinished: int = 0  # bytes

    def note(self, received: int) -> None:
        """Take what the kernel tells: bytes, in all."""
        if self.seen is None and not self.messages and not self.is_proxys:
            self.before = min(received, BEFORE)
        elif self.seen != self.messages:
            self.before = received
        self.seen = self.messages
        self.unfinished = received - self.before


class Unfinished:
    """In one web process. `is_exempt` tells the addresses that stand for many clients: proxies."""

    def __init__(self, is_exempt: Callable[[str], bool], refusals: Refusals) -> None:
        self.is_exempt, self.refusals = is_exempt, refusals
        self.open: dict[Connection, Arrivals] = {}
        self.descriptors = Descriptors()

    @contextmanager
    def watched(self, connection: Connection) -> Iterator[Arrivals]:
        """Look at this WebSocket, until it is closed. Its whole messages are to be counted."""
        self.open[connection] = arrivals = Arrivals(is_proxys=self.is_exempt(connection[0]))
        try:
            yield arrivals
        finally:
            del self.open[connection]

    def sweep(self) -> None:
        """Close those whose messages are too large, alone or together. Call it each second."""
        if not self.open:
            return
        for found in self.descriptors.find([*self.open]):
            if traffic := found.traffic():
                self.open[found.client].note(traffic.received)
        if late := self.too_large():
            break_off(late)
            self.refusals.note("WebSocket: cut off, since a message that is not whole is too large", len(late))

    def too_large(self) -> set[Connection]:
        late = {connection for connection, each in self.open.items() if each.unfinished > LONGEST}
        others = {connection: each.unfinished for connection, each in self.open.items() if connection not in late}
        of_clients: defaultdict[Hashable, dict[Connection, int]] = defaultdict(dict)
        for connection, size in others.items():
            if not self.is_exempt(connection[0]):
                of_clients[client_key(connection[0])][connection] = size
        for sizes in of_clients.values():
            late.update(largest(sizes, OF_CLIENT))
        return late | {*largest({each: size for each, size in others.items() if each not in late}, OF_ALL)}


def largest(sizes: dict[Connection, int], most: int) -> Iterable[Connection]:
    """Yield the largest, until no more than `most` bytes are left."""
    left = sum(sizes.values())
    for connection in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if left <= most:
            return
        left -= sizes[connection]
        yield connection
