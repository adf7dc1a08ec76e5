"""Holds back requests, pages and files of an ASGI site until their clients read what they were sent."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Protocol

from djbundle.runtime.http.limits.budget import (
    HOLD_TIMEOUT,
    MAX_BYTES,
    MAX_BYTES_PER_CLIENT,
    MAX_HELD_REQUESTS,
    RESPONSE_COST,
    Budget,
    add_to_count,
    client_key,
    longest_waiting,
)
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.transport import ConnectionId

MAX_REQUESTS_PER_CLIENT = 512  # of one client at once; each takes 40 KB
WAITING_RESERVE = 32 << 20  # bytes of finished pages for clients of whom no other page waits
POLL_INTERVAL = 0.1  # seconds between checks whether the client has taken other responses


class StalledClientError(Exception):
    """The client has taken nothing of its response for too long, or of too many responses at once."""


class Turn(Protocol):
    """The turn of a request. Few have one at a time, see new_requests.py."""

    def end_new(self) -> None:
        """Let others begin: the response begins, or there is none."""
        ...

    async def wait_for_next_turn(self) -> bool:
        """Wait for another turn, after a wait for something else. Return False if it does not come in time."""
        ...


class FlowControl:
    """The requests and responses that wait in one web process."""

    def __init__(self, budget: Budget, refusals: Refusals) -> None:
        self.budget, self.refusals = budget, refusals
        self.waiting_since: dict[object, tuple[float, ConnectionId]] = {}  # monotonic seconds, by the response
        self.held_requests: Counter[Hashable] = Counter()  # requests that have not begun, by their client
        self.active_requests: Counter[Hashable] = Counter()  # requests, by their client
        self.held_bytes: Counter[Hashable] = Counter()  # bytes of finished pages that wait, by their client

    async def admit(self, connection: ConnectionId, client: str, turn: Turn) -> bool:
        """Hold a request back while its client has too many others, or has not taken their responses.

        Return whether it may begin; then it is counted.
        """
        if self.must_wait(connection, client) and not (
            await self.wait_for_room(connection, client) and await turn.wait_for_next_turn()
        ):
            return False
        self.active_requests[client_key(client)] += 1
        return True

    def must_wait(self, connection: ConnectionId, client: str) -> bool:
        return self.budget.is_spent(connection, client) or self.is_at_limit(client)

    def is_at_limit(self, client: str) -> bool:
        """Return whether this client has the maximum of requests that are being answered."""
        return self.active_requests[client_key(client)] >= MAX_REQUESTS_PER_CLIENT and not self.budget.is_exempt(client)

    def release(self, client: str) -> None:
        """Stop counting a request."""
        add_to_count(self.active_requests, client_key(client), -1)

    def refusal(self, client: str) -> tuple[HTTPStatus, str]:
        """Return the status and the reason for refusing a request that has found no room."""
        if self.is_at_limit(client):
            return HTTPStatus.TOO_MANY_REQUESTS, f"{MAX_REQUESTS_PER_CLIENT} requests of the client are being answered"
        return self.budget.refusal()

    async def wait_for_room(self, connection: ConnectionId, client: str) -> bool:
        if self.held_requests.total() >= MAX_HELD_REQUESTS or self.is_flooding(client):
            return False
        self.held_requests[client_key(client)] += 1
        try:
            return await self.wait_for(lambda: not self.must_wait(connection, client))
        finally:
            add_to_count(self.held_requests, client_key(client), -1)

    def is_flooding(self, client: str) -> bool:
        """Return whether a client has MAX_REQUESTS_PER_CLIENT requests waiting, and as many being answered."""
        return self.held_requests[client_key(client)] >= MAX_REQUESTS_PER_CLIENT and self.is_at_limit(client)

    async def charge_when_free(self, connection: ConnectionId, client: str, size: int) -> bool:
        """Take `size` bytes of the budget for a response that has not begun, as soon as they are free.

        Wait as long as the client takes other responses. Return whether the bytes are taken.
        """
        budget, since = self.budget, time.monotonic()
        if budget.try_charge(connection, client, size):
            return True
        key = client_key(client)
        reserve = 0 if self.held_bytes[key] else WAITING_RESERVE
        if budget.waiting_bytes + size > MAX_BYTES + reserve or (
            self.held_bytes[key] + size > MAX_BYTES_PER_CLIENT and not budget.is_exempt(client)
        ):
            return False
        budget.waiting_bytes += size
        self.held_bytes[key] += size
        try:
            return await self.wait_for(
                lambda: budget.try_charge(connection, client, size), lambda: budget.is_stuck(client, since)
            )
        finally:
            budget.waiting_bytes -= size
            add_to_count(self.held_bytes, key, -size)

    @staticmethod
    async def wait_for(condition: Callable[[], bool], is_hopeless: Callable[[], bool] = bool) -> bool:
        """Check repeatedly, but not forever. Return whether it has become true."""
        until = time.monotonic() + HOLD_TIMEOUT
        while not condition():
            if time.monotonic() > until or is_hopeless():
                return False
            await asyncio.sleep(POLL_INTERVAL)
        return True

    @contextmanager
    def waiting_for_client(
        self, response: object, connection: ConnectionId, client: str, cost: int = RESPONSE_COST
    ) -> Iterator[None]:
        """Count what Granian keeps of a response while its client takes nothing.

        Raise StalledClientError if the client takes nothing of too many responses. They were begun before that was
        known.
        """
        self.waiting_since[response] = time.monotonic(), connection
        self.budget.charge(connection, client, cost)
        try:
            if self.budget.is_client_at_limit(client, 2 * MAX_BYTES_PER_CLIENT):
                raise StalledClientError
            yield
        finally:
            self.budget.charge(connection, client, -cost)
            del self.waiting_since[response]

    def sweep(self) -> None:
        """Cut off the slowest responses when there is no room for others. Call it each second."""
        if not self.budget.is_full:
            return
        now = time.monotonic()
        slowest = longest_waiting((now - since, connection) for since, connection in self.waiting_since.values())
        if slowest:
            abort_connections(slowest)
            self.refusals.note("response: cut off, since its client took nothing more", len(slowest))
