"""Closes connections that only take up room: Granian has a limit of time for the head of a request, and little else.

What Granian makes of a connection is not known here, nor is what was said behind TLS; but the kernel tells when data
came and went.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from djbundle.runtime.http.connections import Connection, Traffic, connections

PREFACE = 24  # bytes of the beginning of HTTP/2; until it has seen so many Granian cannot tell which HTTP it is
CROWDED = 0.75  # of the connections that there may be


class Requests(Protocol):
    """Those that are being answered."""

    def awaited(self, seconds: float) -> Callable[[Connection], bool] | None:
        """Whether over a connection somebody may wait for an answer, who has asked before so many seconds; None while
        nobody can tell.
        """
        ...


class Sweeper:
    """Of the connections to `ports`, of which there may be `most`.

    `silence` is for how many seconds a client may say nothing before it asks; `stall` for how many it may take nothing
    of an answer. Who is silent after a handshake, or an answer by HTTP/2, is in nobody's way while there is room.
    """

    def __init__(self, ports: Collection[int], most: int, silence: float, stall: float, requests: Requests) -> None:
        self.ports, self.silence, self.stall, self.requests = ports, silence, stall, requests
        self.enough = most * CROWDED
        self.known: set[tuple[str, int]] = set()  # clients whose connections the sweep before has seen

    def sweep(self) -> None:
        """Who was accepted since the last is left alone: it may have waited long for this one to make room."""
        seen: set[tuple[str, int]] = set()
        is_crowded = len(self.known) >= self.enough
        is_awaited = self.requests.awaited(self.silence) if is_crowded else None
        for connection in connections():
            if connection.port in self.ports:
                seen.add(connection.client)
                traffic = connection.traffic() if connection.client in self.known else None
                if traffic and self.is_stale(traffic, connection, is_awaited):
                    connection.close()
        self.known = seen

    def is_stale(
        self, traffic: Traffic, connection: Connection, is_awaited: Callable[[Connection], bool] | None
    ) -> bool:
        if traffic.received < PREFACE:  # a request so short names no host
            return traffic.since_received >= self.silence
        if not traffic.is_read:
            return traffic.since_sent >= self.stall
        return is_awaited is not None and traffic.since >= self.silence and not is_awaited(connection)
