"""Holds back requests, pages and files of an ASGI site until their clients read what they were sent."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from djbundle.runtime.http.limits.budget import (
    CLIENT,
    COST,
    LONGEST_WAIT,
    MOST_HELD,
    PROCESS,
    Budget,
    add,
    client_key,
    longest,
)
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.transport import ConnectionId

MOST_REQUESTS = 512  # of one client at once; each takes 40 KB
LOOK = 0.1  # seconds between checks whether the client has taken other responses


class StalledClientError(Exception):
    """The client has taken nothing of its response for too long, or of too many responses at once."""


class Waiting:
    """What waits in one web process."""

    def __init__(self, budget: Budget, refusals: Refusals) -> None:
        self.budget, self.refusals = budget, refusals
        self.since: dict[object, tuple[float, ConnectionId]] = {}  # monotonic seconds, by the response
        self.held: Counter[Hashable] = Counter()  # requests that have not begun, by their client
        self.begun: Counter[Hashable] = Counter()  # requests, by their client
        self.made: Counter[Hashable] = Counter()  # bytes of finished pages that wait, by their client

    async def has_room(self, connection: ConnectionId, client: str) -> bool:
        """Hold a request back while its client has too many others, or has not taken their responses.

        Return whether it may begin; then it is counted.
        """
        if self.must_wait(connection, client) and not await self.hold(connection, client):
            return False
        self.begun[client_key(client)] += 1
        return True

    def must_wait(self, connection: ConnectionId, client: str) -> bool:
        return self.budget.is_spent(connection, client) or self.has_enough(client)

    def has_enough(self, client: str) -> bool:
        """Return whether this client has the maximum of requests that are being answered."""
        return self.begun[client_key(client)] >= MOST_REQUESTS and not self.budget.is_exempt(client)

    def leave(self, client: str) -> None:
        """Stop counting a request."""
        add(self.begun, client_key(client), -1)

    def refusal(self, client: str) -> tuple[HTTPStatus, str]:
        """Return the status and the reason for refusing a request that has found no room."""
        if self.has_enough(client):
            return HTTPStatus.TOO_MANY_REQUESTS, f"{MOST_REQUESTS} requests of the client are being answered"
        return self.budget.refusal()

    async def hold(self, connection: ConnectionId, client: str) -> bool:
        if self.held.total() >= MOST_HELD or self.is_flooding(client):
            return False
        self.held[client_key(client)] += 1
        try:
            return await self.becomes_true(lambda: not self.must_wait(connection, client))
        finally:
            add(self.held, client_key(client), -1)

    def is_flooding(self, client: str) -> bool:
        """Return whether a client has MOST_REQUESTS requests waiting, and as many being answered."""
        return self.held[client_key(client)] >= MOST_REQUESTS and self.has_enough(client)

    async def take(self, connection: ConnectionId, client: str, size: int) -> bool:
        """Take `size` bytes of the budget for a response that has not begun, as soon as they are free.

        Wait as long as the client takes other responses. Return whether the bytes are taken.
        """
        budget, since = self.budget, time.monotonic()
        if budget.take_if_left(connection, client, size):
            return True
        key = client_key(client)
        if budget.waiting + size > PROCESS or (self.made[key] + size > CLIENT and not budget.is_exempt(client)):
            return False
        budget.waiting += size
        self.made[key] += size
        try:
            return await self.becomes_true(
                lambda: budget.take_if_left(connection, client, size), lambda: budget.is_stuck(client, since)
            )
        finally:
            budget.waiting -= size
            add(self.made, key, -size)

    @staticmethod
    async def becomes_true(wanted: Callable[[], bool], is_hopeless: Callable[[], bool] = bool) -> bool:
        """Check repeatedly, but not forever. Return whether it has become true."""
        until = time.monotonic() + LONGEST_WAIT
        while not wanted():
            if time.monotonic() > until or is_hopeless():
                return False
            await asyncio.sleep(LOOK)
        return True

    @contextmanager
    def waits(self, response: object, connection: ConnectionId, client: str, cost: int = COST) -> Iterator[None]:
        """Count what Granian keeps of a response while its client takes nothing.

        Raise StalledClientError if the client takes nothing of too many responses. They were begun before that was
        known.
        """
        self.since[response] = time.monotonic(), connection
        self.budget.take(connection, client, cost)
        try:
            if self.budget.client_has_enough(client, 2 * CLIENT):
                raise StalledClientError
            yield
        finally:
            self.budget.take(connection, client, -cost)
            del self.since[response]

    def sweep(self) -> None:
        """Cut off the slowest responses when there is no room for others. Call it each second."""
        if not self.budget.is_full:
            return
        now = time.monotonic()
        late = longest((now - since, connection) for since, connection in self.since.values())
        if late:
            abort_connections(late)
            self.refusals.note("response: cut off, since its client took nothing more", len(late))
