"""Closes connections that only take up room: Granian has a timeout for the head of a request, and little else.

Nothing here knows what Granian makes of a connection, or what was sent inside TLS. But the kernel reports when data was
received and sent.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Protocol

from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.slow_readers import SlowReaders
from djbundle.runtime.http.protocol.connections import Connection, Traffic, abort_connections, connections
from djbundle.runtime.options.http import HttpOptions

PREFACE = 24  # bytes of the preface of HTTP/2; with fewer, Granian cannot tell which HTTP version it is
CROWDED = 0.75  # share of the allowed connections that makes a process crowded
SHARE = 0.25  # share of the allowed connections that one client may have


class Requests(Protocol):
    """The requests that are being answered."""

    def awaited(self, seconds: float) -> Callable[[Connection], bool] | None:
        """Return a test: may a request that is older than `seconds` wait for its answer on this connection?

        Return None while that cannot be known.
        """
        ...


class Sweeper:
    """The idle reaper of the connections to `ports`, of which `most` are allowed.

    `silence` is for how many seconds a client may send nothing before its request; `stall` is for how many it may take
    nothing of a response. While there is room, connections may be idle after a handshake or an HTTP/2 response.
    """

    def __init__(
        self,
        ports: Collection[int],
        most: int,
        silence: float,
        stall: float,
        requests: Requests,
        limits: Limits | None = None,
    ) -> None:
        self.ports, self.silence, self.stall, self.requests = ports, silence, stall, requests
        self.limits = limits or Limits(HttpOptions())
        self.enough, self.share = most * CROWDED, max(1, int(most * SHARE))
        self.slow = SlowReaders(self.limits.is_proxy)
        self.known: set[tuple[str, int]] = set()  # clients whose connections the last sweep has seen

    def sweep(self) -> None:
        """Close connections that are idle, stalled, or more than a client's share.

        Connections accepted since the last sweep are left alone: they may have waited long for this sweep to make room.
        """
        seen: set[tuple[str, int]] = set()
        counted = {*self.limits.untaken.accounts}
        is_crowded = len(self.known) >= self.enough
        is_awaited = self.requests.awaited(self.silence) if is_crowded else None
        of_client: Counter[str] = Counter()
        for connection in connections():
            if connection.port in self.ports:
                seen.add(connection.client)
                client = client_key(connection.peer)
                of_client[client] += 1
                traffic = connection.traffic() if connection.client in self.known else None
                if traffic:
                    self.slow.note(connection, traffic)
                if traffic and (
                    self.is_stale(traffic, connection, is_awaited)
                    or self.is_stalled(traffic, connection)
                    or self.is_greedy(of_client[client], connection)
                ):
                    connection.close()
        self.known = seen
        self.limits.untaken.forget(counted - seen)
        self.close_slow(seen)

    def close_slow(self, seen: set[tuple[str, int]]) -> None:
        """Close connections of clients that read slowly over too many of them."""
        self.slow.forget_all_but(seen)
        if late := self.slow.too_many():
            abort_connections(late)
            self.limits.refusals.note("connection: closed, since its client reads slowly over too many", len(late))

    def is_stalled(self, traffic: Traffic, connection: Connection) -> bool:
        """Return whether an HTTP/2 client has taken next to nothing of what it was sent, for too long.

        While the client's windows (RFC 9113, 5.2) are closed, the kernel has nothing left to send. But then it has
        carried fewer bytes than the bodies of the client's responses have.
        """
        self.limits.untaken.note(connection.client, traffic)
        return self.limits.untaken.is_stalled(connection.client, self.stall)

    def is_greedy(self, count: int, connection: Connection) -> bool:
        """Return whether one client has more than its share of the connections."""
        return count > self.share and not self.limits.is_proxy(connection.peer)

    def is_stale(
        self, traffic: Traffic, connection: Connection, is_awaited: Callable[[Connection], bool] | None
    ) -> bool:
        if traffic.received < PREFACE:  # a request so short names no host
            return traffic.since_received >= self.silence
        if not traffic.is_fully_acknowledged:
            return traffic.since_sent >= self.stall
        return is_awaited is not None and traffic.since >= self.silence and not is_awaited(connection)
