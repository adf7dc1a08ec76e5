"""Estimates how much of their small responses HTTP/2 clients have left unread.

Granian keeps a response until the client's windows open (RFC 9113, 5.2), and does not report when it is taken. The
kernel reports how many bytes the other end of a connection has acknowledged. But these include heads and what HTTP/2
itself sends, and a cancelled response is never taken. So this is only a suspicion. It cuts off and refuses no client:
responses over suspicious connections are sent in a way that shows when they are taken (FENCE_COUNT).
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

CHECK_AFTER_BYTES = 8 << 20  # bytes given to all clients together, after which the kernel is asked
SUSPICIOUS_BYTES_PER_CLIENT = 16 << 20  # bytes that one client may leave unread before it is suspicious
SUSPICIOUS_BYTES = 64 << 20  # bytes that all clients may leave unread; above it, every client is suspicious
MAX_BYTES_PER_CONNECTION = 128 * (64 << 10)  # bytes of all small responses that one connection can have at once
HEAD_SIZE = 512  # bytes of the head of a response, about
MAX_HARMLESS_BYTES = 256 << 10  # bytes that a client need not take: those of small responses that it has cancelled
FENCE_COUNT = 5  # empty parts after a body, one more than Granian queues: when the last is accepted, the body is taken


@dataclass(slots=True)
class ConnectionAccount:
    """The bytes sent and acknowledged over one connection."""

    sent: int = 0  # of bodies
    responses: int = 0
    acknowledged: int = 0  # as the kernel last reported
    excess: int = 0  # taken beyond the bodies: heads, which are not counted
    suspected: int = 0  # upper limit of bytes not taken, if all that the client sent was answered with as many bytes
    measured_since: float | None = None  # when it began to take too little, monotonic seconds
    acknowledged_then: int = 0  # `acknowledged` at that time

    @property
    def unacknowledged(self) -> int:
        """The bytes that are not taken, if all bytes that were taken belong to bodies."""
        return self.sent + self.excess - self.acknowledged

    def note(self, traffic: Traffic) -> None:
        self.acknowledged = traffic.acknowledged
        self.excess = max(self.excess, self.acknowledged - self.sent)
        others = HEAD_SIZE * self.responses + traffic.received
        self.suspected = min(MAX_BYTES_PER_CONNECTION, max(0, self.sent + others - self.acknowledged))
        if self.unacknowledged <= MAX_HARMLESS_BYTES:
            self.measured_since = None
        elif self.measured_since is None:
            self.start_measuring()

    def start_measuring(self) -> None:
        """Measure from now on how much the client takes."""
        self.measured_since, self.acknowledged_then = time.monotonic(), self.acknowledged


class UnacknowledgedBytes:
    """The accounts of one web process."""

    def __init__(self) -> None:
        self.accounts: dict[ConnectionId, ConnectionAccount] = {}
        self.connection_finder = ConnectionFinder()
        self.sent_since_check = 0  # bytes, since the last check
        self.suspected: Counter[Hashable] = Counter()  # bytes, by client
        self.is_total_suspicious = False  # all clients together have left much unread
        self.check_lock = threading.Lock()

    def begin_response(self, connection: ConnectionId) -> None:
        """Count a response that is about to be sent to the client."""
        account = self.accounts.get(connection) or self.accounts.setdefault(connection, ConnectionAccount())
        account.responses += 1

    def add(self, connection: ConnectionId, size: int) -> None:
        """Count `size` bytes of a response. A negative size means that the client has cancelled them."""
        account = self.accounts.get(connection) or self.accounts.setdefault(connection, ConnectionAccount())
        account.sent += size
        self.sent_since_check += max(0, size)
        if self.sent_since_check >= CHECK_AFTER_BYTES:
            self.check()

    def is_suspicious(self, connection: ConnectionId) -> bool:
        """Return whether the client of this connection may have left much unread."""
        return self.is_total_suspicious or self.suspected[client_key(connection[0])] > SUSPICIOUS_BYTES_PER_CLIENT

    def check(self) -> None:
        """Ask the kernel, unless another thread is doing so."""
        if not self.check_lock.acquire(blocking=False):
            return
        try:
            self.sent_since_check = 0
            closed = {*self.accounts}
            for connection in self.connection_finder.find([*closed]):
                closed.discard(connection.client)
                if traffic := connection.traffic():
                    self.note(connection.client, traffic)
            self.forget(closed)
            self.sum_suspected()
        finally:
            self.check_lock.release()

    def note(self, connection: ConnectionId, traffic: Traffic) -> None:
        if account := self.accounts.get(connection):
            account.note(traffic)

    def sum_suspected(self) -> None:
        suspected: Counter[Hashable] = Counter()
        for connection, account in [*self.accounts.items()]:
            suspected[client_key(connection[0])] += account.suspected
        self.suspected, self.is_total_suspicious = suspected, suspected.total() > SUSPICIOUS_BYTES

    def is_stalled(self, connection: ConnectionId, seconds: float) -> bool:
        """Return whether a client has taken almost nothing of what was sent for this number of seconds."""
        account = self.accounts.get(connection)
        if account is None or account.measured_since is None or time.monotonic() - account.measured_since < seconds:
            return False
        if account.acknowledged - account.acknowledged_then < MIN_RATE * seconds:
            return True
        account.start_measuring()
        return False

    def forget(self, closed: set[ConnectionId]) -> None:
        """Forget connections that are closed."""
        for connection in closed:
            self.accounts.pop(connection, None)

    def sweep(self) -> None:
        """Check again. Call it each second."""
        if self.accounts:
            self.check()


class ResponseByteCounter:
    """Counts the bytes of one response in `unacknowledged`."""

    __slots__ = ("connection", "size", "unacknowledged")

    def __init__(self, unacknowledged: UnacknowledgedBytes, connection: ConnectionId) -> None:
        self.unacknowledged, self.connection = unacknowledged, connection
        self.size = 0  # bytes of this response
        unacknowledged.begin_response(connection)

    @property
    def is_suspicious(self) -> bool:
        return self.unacknowledged.is_suspicious(self.connection)

    def add(self, size: int) -> None:
        self.size += size
        self.unacknowledged.add(self.connection, size)

    def forget(self) -> None:
        """Stop counting this response: its client has cancelled it. Other responses of the connection still count."""
        if self.size:
            self.unacknowledged.add(self.connection, -self.size)
            self.size = 0
