"""Holds back requests, pages and files of an ASGI site until their clients read what they were sent."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable
from http import HTTPStatus
from typing import Protocol

from djbundle.runtime.http.limits.budget import (
    HOLD_TIMEOUT,
    MAX_HELD_REQUESTS,
    Budget,
    add_to_count,
    client_key,
)
from djbundle.runtime.http.limits.eviction import Eviction
from djbundle.runtime.http.limits.held_pages import HeldPages
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.limits.response_account import ResponseAccount
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.transport import ConnectionId

MAX_REQUESTS_PER_CLIENT = 512  # of one client at once; each takes 40 KB
POLL_INTERVAL = 0.1  # seconds between checks whether the client has taken other responses


class Turn(Protocol):
    """The turn of a request. Few have one at a time, see new_requests.py."""

    def end_new(self) -> None:
        """Let others begin: the response begins, or there is none."""
        ...

    def note_page(self, size: int) -> None:
        """Note that the page of the request has `size` bytes."""
        ...

    async def wait_for_next_turn(self) -> bool:
        """Wait for another turn, after a wait for something else. Return False if it does not come in time."""
        ...


class FlowControl:
    """The requests and responses that wait in one web process."""

    def __init__(self, budget: Budget, refusals: Refusals) -> None:
        self.budget, self.refusals = budget, refusals
        self.eviction: Eviction[ResponseAccount] = Eviction(budget)
        self.open: set[ResponseAccount] = set()  # of responses that the budget counts
        self.held_requests: Counter[Hashable] = Counter()  # requests that have not begun, by their client
        self.active_requests: Counter[Hashable] = Counter()  # requests, by their client
        self.held_pages = HeldPages(budget)

    async def admit(self, connection: ConnectionId, client: str, turn: Turn) -> bool:
        """Hold a request back while its client has too many others, or has not taken their responses.

        Return whether it may begin; then it is counted.
        """
        until = time.monotonic() + HOLD_TIMEOUT
        while self.must_wait(connection, client):
            if not (await self.wait_for_room(connection, client, until) and await turn.wait_for_next_turn()):
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
        return self.budget.refusal(client)

    def account(self, connection: ConnectionId, client: str) -> ResponseAccount:
        """Return the account of a response that begins."""
        return ResponseAccount(self.budget, self.open, connection, client)

    async def wait_for_room(self, connection: ConnectionId, client: str, until: float) -> bool:
        if self.held_requests.total() >= MAX_HELD_REQUESTS or self.is_flooding(client):
            return False
        self.held_requests[client_key(client)] += 1
        try:
            return await self.wait_for(lambda: not self.must_wait(connection, client), until)
        finally:
            add_to_count(self.held_requests, client_key(client), -1)

    def is_flooding(self, client: str) -> bool:
        """Return whether a client has MAX_REQUESTS_PER_CLIENT requests waiting, and as many being answered."""
        return self.held_requests[client_key(client)] >= MAX_REQUESTS_PER_CLIENT and self.is_at_limit(client)

    async def charge_when_free(self, account: ResponseAccount, size: int, turn: Turn) -> bool:
        """Take `size` bytes of the budget for a response that has not begun, as soon as they are free.

        Wait as long as the client takes other responses. Return whether the bytes are taken.
        """
        client, since = account.client, time.monotonic()
        if account.try_add(size):
            return True
        if not self.held_pages.try_add(client, size):
            return False
        turn.end_new()  # its bytes are known
        try:
            return await self.wait_for(
                lambda: account.try_add(size), since + HOLD_TIMEOUT, lambda: self.budget.is_stuck(client, since)
            )
        finally:
            self.held_pages.remove(client, size)

    @staticmethod
    async def wait_for(condition: Callable[[], bool], until: float, is_hopeless: Callable[[], bool] = bool) -> bool:
        """Check repeatedly, `until` that time in monotonic seconds. Return whether it has become true."""
        while not condition():
            if time.monotonic() > until or is_hopeless():
                return False
            await asyncio.sleep(POLL_INTERVAL)
        return True

    def sweep(self) -> None:
        """Cut off the slowest responses when there is no room for others. Call it each second, in the event loop."""
        if slowest := self.eviction.choose(self.open):
            abort_connections({each.connection for each in slowest if not each.keeps_connection})
            for each in slowest:
                each.evict()
            self.refusals.note("response: cut off, since its client took too little of it", len(slowest))
