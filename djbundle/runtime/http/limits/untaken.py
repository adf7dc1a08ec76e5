"""Estimates which small responses clients of HTTP/2 have left unread.

Granian keeps a response until the client's windows open (RFC 9113, 5.2), and does not tell when it is taken. The kernel
tells how many bytes the other end of a connection has acknowledged; but among them are heads and what HTTP/2 itself
says, and a response that was cancelled is never taken. So this is a suspicion. It cuts nobody off and refuses nobody:
responses over suspicious connections are sent in the way in which it is known when they are taken (FENCES).
"""

import threading
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.protocol.connections import Descriptors, Traffic
from djbundle.runtime.http.protocol.rate import SLOWEST
from djbundle.runtime.http.protocol.transport import Connection

LOOK_AFTER = 8 << 20  # bytes that all clients together were given
OF_CLIENT = 16 << 20  # bytes that one client may not have taken, before it is suspicious
OF_ALL = 64 << 20  # bytes that all clients may have left; above it every client is suspicious
OF_CONNECTION = 128 * (64 << 10)  # bytes of all small responses that one can have at once
HEAD = 512  # bytes of the head of a response, about
HARMLESS = 256 << 10  # bytes that a client need not take: those of small responses that it has cancelled
FENCES = 5  # empty parts behind a body, one more than Granian queues: when the last is accepted, the body is taken


@dataclass(slots=True)
class Account:
    """The bytes given and taken over one connection."""

    given: int = 0  # of bodies
    responses: int = 0
    taken: int = 0  # as the kernel has told last
    beyond: int = 0  # taken beyond the bodies: heads, which nobody counts
    suspected: int = 0  # at most so many are not taken, if all that the client has sent was answered with as many bytes
    since: float | None = None  # when it was found to take too little, monotonic seconds; and what it had taken then
    taken_then: int = 0

    @property
    def left(self) -> int:
        """Bytes that are not taken, if all that was taken were bodies."""
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
        """See from now on how much it takes."""
        self.since, self.taken_then = time.monotonic(), self.taken


class Untaken:
    """In one web process."""

    def __init__(self) -> None:
        self.accounts: dict[Connection, Account] = {}
        self.descriptors = Descriptors()
        self.unseen = 0  # bytes, given since the last look
        self.suspected: Counter[Hashable] = Counter()  # bytes, by client
        self.is_much = False  # of all together
        self.looking = threading.Lock()

    def begin(self, connection: Connection) -> None:
        """Note that a response is about to be given to its client."""
        account = self.accounts.get(connection) or self.accounts.setdefault(connection, Account())
        account.responses += 1

    def add(self, connection: Connection, size: int) -> None:
        """Note that so many bytes of it were given; a negative size: that the client wants them no more."""
        account = self.accounts.get(connection) or self.accounts.setdefault(connection, Account())
        account.given += size
        self.unseen += max(0, size)
        if self.unseen >= LOOK_AFTER:
            self.look()

    def is_suspicious(self, connection: Connection) -> bool:
        """Return whether its client may have left much."""
        return self.is_much or self.suspected[client_key(connection[0])] > OF_CLIENT

    def look(self) -> None:
        """Ask the kernel. While another thread does so, there is nothing to do."""
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

    def note(self, connection: Connection, traffic: Traffic) -> None:
        if account := self.accounts.get(connection):
            account.note(traffic)

    def sum_up(self) -> None:
        suspected: Counter[Hashable] = Counter()
        for connection, account in [*self.accounts.items()]:
            suspected[client_key(connection[0])] += account.suspected
        self.suspected, self.is_much = suspected, suspected.total() > OF_ALL

    def is_stalled(self, connection: Connection, seconds: float) -> bool:
        """Return whether for so long a client has taken next to nothing of what it was given."""
        account = self.accounts.get(connection)
        if account is None or account.since is None or time.monotonic() - account.since < seconds:
            return False
        if account.taken - account.taken_then < SLOWEST * seconds:
            return True
        account.begin()
        return False

    def forget(self, closed: set[Connection]) -> None:
        """Forget connections that are closed."""
        for connection in closed:
            self.accounts.pop(connection, None)

    def sweep(self) -> None:
        """Look anew. Call it each second."""
        if self.accounts:
            self.look()


class Handed:
    """Counts the bytes of one response in `untaken`."""

    __slots__ = ("connection", "size", "untaken")

    def __init__(self, untaken: Untaken, connection: Connection) -> None:
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
        """Count this response no more: its client has cancelled it. Other responses of the connection still count."""
        if self.size:
            self.untaken.add(self.connection, -self.size)
            self.size = 0
