"""Estimates how much of their small responses HTTP/2 clients have left unread.

Granian keeps a response until the client's windows open (RFC 9113, 5.2), and does not report when it is taken. The
kernel reports how many bytes the other end of a connection has acknowledged. But these include heads and what HTTP/2
itself sends, and a cancelled response is never taken. So this is only a suspicion. It cuts off and refuses no client:
responses over suspicious connections are sent in a way that shows when they are taken (FENCES).
"""

import threading
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.protocol.connections import ConnectionFinder, Traffic
from djbundle.runtime.http.protocol.rate import MIN_RATE
from djbundle.runtime.http.protocol.transport import ConnectionId

LOOK_AFTER = 8 << 20  # bytes given to all clients together, after which the kernel is asked
OF_CLIENT = 16 << 20  # bytes that one client may leave unread before it is suspicious
OF_ALL = 64 << 20  # bytes that all clients may leave unread; above it, every client is suspicious
OF_CONNECTION = 128 * (64 << 10)  # bytes of all small responses that one connection can have at once
HEAD = 512  # bytes of the head of a response, about
HARMLESS = 256 << 10  # bytes that a client need not take: those of small responses that it has cancelled
FENCES = 5  # empty parts after a body, one more than Granian queues: when the last is accepted, the body is taken


@dataclass(slots=True)
class Account:
    """The bytes given and taken over one connection."""

    given: int = 0  # of bodies
    responses: int = 0
    taken: int = 0  # as the kernel last reported
    beyond: int = 0  # taken beyond the bodies: heads, which are not counted
    suspected: int = 0  # upper limit of bytes not taken, if all that the client sent was answered with as many bytes
    since: float | None = None  # when it began to take too little, monotonic seconds; and `taken` at that time
    taken_then: int = 0

    @property
    def left(self) -> int:
        """The bytes that are not taken, if all bytes that were taken belong to bodies."""
        return self.given + self.beyond - self.taken

    def note(self, traffic: Traffic) -> None:
        self.taken = traffic.acknowledged
        self.beyond = max(self.beyond, self.taken - self.given)
        others = HEAD * self.responses + traffic.received
        self.suspected = min(OF_CONNECTION, max(0, self.given + others - self.taken))
        if self.left <= HARMLESS:
            self.since = None
        elif self.since is None:
            self.begin()

    def begin(self) -> None:
        """Measure from now on how much the client takes."""
        self.since, self.taken_then = time.monotonic(), self.taken


class Untaken:
    """The accounts of one web process."""

    def __init__(self) -> None:
        self.accounts: dict[ConnectionId, Account] = {}
        self.descriptors = ConnectionFinder()
        self.unseen = 0  # bytes, given since the last look
        self.suspected: Counter[Hashable] = Counter()  # bytes, by client
        self.is_much = False  # all clients together have left much unread
        self.looking = threading.Lock()

    def begin(self, connection: ConnectionId) -> None:
        """Count a response that is about to be sent to the client."""
        account = self.accounts.get(connection) or self.accounts.setdefault(connection, Account())
        account.responses += 1

    def add(self, connection: ConnectionId, size: int) -> None:
        """Count `size` bytes of a response. A negative size means that the client has cancelled them."""
        account = self.accounts.get(connection) or self.accounts.setdefault(connection, Account())
        account.given += size
        self.unseen += max(0, size)
        if self.unseen >= LOOK_AFTER:
            self.look()

    def is_suspicious(self, connection: ConnectionId) -> bool:
        """Return whether the client of this connection may have left much unread."""
        return self.is_much or self.suspected[client_key(connection[0])] > OF_CLIENT

    def look(self) -> None:
        """Ask the kernel, unless another thread is doing so."""
        if not self.looking.acquire(blocking=False):
            return
        try:
            self.unseen = 0
            closed = {*self.accounts}
            for connection in self.descriptors.find([*closed]):
                closed.discard(connection.client)
                if traffic := connection.traffic():
                    self.note(connection.client, traffic)
            self.forget(closed)
            self.sum_up()
        finally:
            self.looking.release()

    def note(self, connection: ConnectionId, traffic: Traffic) -> None:
        if account := self.accounts.get(connection):
            account.note(traffic)

    def sum_up(self) -> None:
        suspected: Counter[Hashable] = Counter()
        for connection, account in [*self.accounts.items()]:
            suspected[client_key(connection[0])] += account.suspected
        self.suspected, self.is_much = suspected, suspected.total() > OF_ALL

    def is_stalled(self, connection: ConnectionId, seconds: float) -> bool:
        """Return whether, for so many seconds, a client has taken next to nothing of what it was sent."""
        account = self.accounts.get(connection)
        if account is None or account.since is None or time.monotonic() - account.since < seconds:
            return False
        if account.taken - account.taken_then < MIN_RATE * seconds:
            return True
        account.begin()
        return False

    def forget(self, closed: set[ConnectionId]) -> None:
        """Forget connections that are closed."""
        for connection in closed:
            self.accounts.pop(connection, None)

    def sweep(self) -> None:
        """Look again. Call it each second."""
        if self.accounts:
            self.look()


class ResponseByteCounter:
    """Counts the bytes of one response in `untaken`."""

    __slots__ = ("connection", "size", "untaken")

    def __init__(self, untaken: Untaken, connection: ConnectionId) -> None:
        self.untaken, self.connection = untaken, connection
        self.size = 0  # bytes of this response
        untaken.begin(connection)

    @property
    def is_suspicious(self) -> bool:
        return self.untaken.is_suspicious(self.connection)

    def add(self, size: int) -> None:
        self.size += size
        self.untaken.add(self.connection, size)

    def forget(self) -> None:
        """Stop counting this response: its client has cancelled it. Other responses of the connection still count."""
        if self.size:
            self.untaken.add(self.connection, -self.size)
            self.size = 0
