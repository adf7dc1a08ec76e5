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

PREFACE_SIZE = 24  # bytes of the preface of HTTP/2; with fewer, Granian cannot tell which HTTP version it is
CROWDED_SHARE = 0.75  # share of the allowed connections that makes a process crowded
MAX_SHARE_PER_CLIENT = 0.25  # share of the allowed connections that one client may have


class RequestTracker(Protocol):
    """The requests that are being answered."""

    def awaits_response(self, seconds: float) -> Callable[[Connection], bool] | None:
        """Return a test: may a request that is older than `seconds` wait for its answer on this connection?

        Return None while that cannot be known.
        """
        ...


class IdleReaper:
    """The idle reaper of the connections to `ports`, of which `max_connections` are allowed.

    `idle_timeout` is for how many seconds a client may send nothing before its request; `send_timeout` is for how many
    it may take nothing of a response. While there is room, connections may be idle after a handshake or an HTTP/2
    response.
    """

    def __init__(
        self,
        ports: Collection[int],
        max_connections: int,
        idle_timeout: float,
        send_timeout: float,
        request_tracker: RequestTracker,
        limits: Limits | None = None,
    ) -> None:
        self.ports, self.request_tracker = ports, request_tracker
        self.idle_timeout, self.send_timeout = idle_timeout, send_timeout
        self.limits = limits or Limits(HttpOptions())
        self.crowded_count = max_connections * CROWDED_SHARE
        self.max_per_client = max(1, int(max_connections * MAX_SHARE_PER_CLIENT))
        self.slow_readers = SlowReaders(self.limits.is_proxy)
        self.known_clients: set[tuple[str, int]] = set()  # clients whose connections the last sweep has seen

    def sweep(self) -> None:
        """Close connections that are idle, stalled, or more than a client's share.

        Connections accepted since the last sweep are left alone: they may have waited long for this sweep to make room.
        """
        open_clients: set[tuple[str, int]] = set()
        counted_clients = {*self.limits.unacknowledged.accounts}
        is_crowded = len(self.known_clients) >= self.crowded_count
        is_awaited = self.request_tracker.awaits_response(self.idle_timeout) if is_crowded else None
        connection_counts: Counter[str] = Counter()
        for connection in connections():
            if connection.port in self.ports:
                open_clients.add(connection.client)
                client = client_key(connection.peer)
                connection_counts[client] += 1
                traffic = connection.traffic() if connection.client in self.known_clients else None
                if traffic:
                    self.slow_readers.note(connection, traffic)
                if traffic and (
                    self.is_idle(traffic, connection, is_awaited)
                    or self.is_stalled(traffic, connection)
                    or self.is_greedy(connection_counts[client], connection)
                ):
                    connection.close()
        self.known_clients = open_clients
        self.limits.unacknowledged.forget(counted_clients - open_clients)
        self.close_slow(open_clients)

    def close_slow(self, open_clients: set[tuple[str, int]]) -> None:
        """Close connections of clients that read slowly over too many of them."""
        self.slow_readers.forget_all_but(open_clients)
        if to_close := self.slow_readers.connections_to_close():
            abort_connections(to_close)
            self.limits.refusals.note("connection: closed, since its client reads slowly over too many", len(to_close))

    def is_stalled(self, traffic: Traffic, connection: Connection) -> bool:
        """Return whether an HTTP/2 client has taken next to nothing of what it was sent, for too long.

        While the client's windows (RFC 9113, 5.2) are closed, the kernel has nothing left to send. But then it has
        carried fewer bytes than the bodies of the client's responses have.
        """
        self.limits.unacknowledged.note(connection.client, traffic)
        return self.limits.unacknowledged.is_stalled(connection.client, self.send_timeout)

    def is_greedy(self, count: int, connection: Connection) -> bool:
        """Return whether one client has more than its share of the connections."""
        return count > self.max_per_client and not self.limits.is_proxy(connection.peer)

    def is_idle(
        self, traffic: Traffic, connection: Connection, is_awaited: Callable[[Connection], bool] | None
    ) -> bool:
        if traffic.received < PREFACE_SIZE:  # a request so short names no host
            return traffic.since_received >= self.idle_timeout
        if not traffic.is_fully_acknowledged:
            return traffic.since_sent >= self.send_timeout
        return is_awaited is not None and traffic.since >= self.idle_timeout and not is_awaited(connection)
