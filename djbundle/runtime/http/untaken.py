"""What clients of HTTP/2 were given and have not taken.

Granian keeps a response until the client's windows open (RFC 9113, 5.2), and does not tell when it is taken. But the
kernel tells how many bytes the other end of a connection has acknowledged.
"""

import threading
import time
from dataclasses import dataclass

from djbundle.runtime.http.budget import Budget, longest
from djbundle.runtime.http.connections import Descriptors, break_off
from djbundle.runtime.http.rate import SLOWEST
from djbundle.runtime.http.refusals import Refusals
from djbundle.runtime.http.transport import Connection

LOOK_AFTER = 8 << 20  # bytes that all clients together were given
HARMLESS = 256 << 10  # bytes that a client need not take: those of small responses that it has cancelled


@dataclass(slots=True)
class Account:
    """Of one connection, in bytes and monotonic seconds."""

    given: int = 0  # of bodies
    taken: int = 0  # as the kernel has told last
    beyond: int = 0  # taken beyond the bodies: heads, which nobody counts
    since: float | None = None  # when it was found to take too little, and what it had taken then
    taken_then: int = 0

    @property
    def left(self) -> int:
        return self.given + self.beyond - self.taken

    def note(self, taken: int) -> None:
        self.taken = taken
        self.beyond = max(self.beyond, taken - self.given)
        if self.left <= HARMLESS:
            self.since = None
        elif self.since is None:
            self.begin()

    def begin(self) -> None:
        """See from now on how much it takes."""
        self.since, self.taken_then = time.monotonic(), self.taken


class Untaken:
    """In one web process. It counts in the budget, unless it is counted there as the response that it belongs to."""

    def __init__(self, budget: Budget, refusals: Refusals) -> None:
        self.budget, self.refusals = budget, refusals
        self.accounts: dict[Connection, Account] = {}
        self.descriptors = Descriptors()
        self.unseen = 0  # bytes, given since the last look
        self.looking = threading.Lock()

    def add(self, connection: Connection, size: int) -> None:
        """Note that so many bytes were given to its client; a negative size: that it wants them no more."""
        account = self.accounts.get(connection) or self.accounts.setdefault(connection, Account())
        account.given += size
        self.unseen += max(0, size)
        if self.unseen >= LOOK_AFTER:
            self.look()

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
                    self.note(connection.client, traffic.acknowledged)
            self.forget(closed)
        finally:
            self.looking.release()

    def note(self, connection: Connection, taken: int) -> None:
        """Note how many bytes its client has taken in all."""
        if account := self.accounts.get(connection):
            account.note(taken)
            self.budget.set_untaken(connection, max(0, account.left))

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
        for connection in closed & {*self.accounts}:
            del self.accounts[connection]
            self.budget.set_untaken(connection, 0)

    def sweep(self) -> None:
        """Break off those who take least when there is no room for others. Call it each second."""
        if not self.accounts:
            return
        self.look()
        if self.budget.is_full:
            now = time.monotonic()
            since = [
                (each.since, connection) for connection, each in [*self.accounts.items()] if each.since is not None
            ]
            late = longest([(now - begun, connection) for begun, connection in since])
            if late:
                break_off(late)
                self.refusals.note("response: cut off, since its client took nothing more", len(late))


class Handed:
    """Counts the bytes of one response in `untaken`."""

    __slots__ = ("connection", "size", "untaken")

    def __init__(self, untaken: Untaken, connection: Connection) -> None:
        self.untaken, self.connection = untaken, connection
        self.size = 0  # bytes of this response

    def add(self, size: int) -> None:
        self.size += size
        self.untaken.add(self.connection, size)

    def forget(self) -> None:
        """Count this response no more: its client has cancelled it. Other responses of the connection still count."""
        if self.size:
            self.untaken.add(self.connection, -self.size)
            self.size = 0
