"""The account that the budget keeps of one response of an ASGI site."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

from djbundle.runtime.http.limits.budget import Budget
from djbundle.runtime.http.protocol.transport import ConnectionId


class StalledClientError(Exception):
    """The client has taken nothing of its response for too long, or of too many responses at once."""


class ClientDisconnectedError(Exception):
    """The client has disconnected, or has cancelled the request."""


class ResponseAccount:
    """The account of one response. It is among the `open` ones while bytes are counted."""

    __slots__ = (
        "budget",
        "client",
        "connection",
        "cost",
        "is_evicted",
        "keeps_connection",
        "open",
        "sent",
        "timeout",
        "waiting_since",
    )

    def __init__(self, budget: Budget, open: "set[ResponseAccount]", connection: ConnectionId, client: str) -> None:  # noqa: A002
        self.budget, self.open, self.connection, self.client = budget, open, connection, client
        self.cost = 0  # bytes that are counted
        self.sent = 0  # bytes of the body
        self.waiting_since: float | None = None  # since when the client is waited for, monotonic seconds
        self.timeout: asyncio.Timeout | None = None  # of that wait
        self.keeps_connection = False  # the connection goes on if this response is given up
        self.is_evicted = False

    def add(self, size: int) -> None:
        """Count `size` bytes; a negative size gives them back."""
        if size:
            self.budget.charge(self.connection, self.client, size)
            self.note_charged(size)

    def try_add(self, size: int) -> bool:
        """Count `size` bytes if there is room for them, and return whether there is."""
        if not self.budget.try_charge(self.connection, self.client, size):
            return False
        self.note_charged(size)
        return True

    def note_charged(self, size: int) -> None:
        self.cost += size
        if self.cost:
            self.open.add(self)
        else:
            self.open.discard(self)

    def close(self) -> None:
        """Give back all that is counted."""
        self.add(-self.cost)

    async def wait_until_taken(self, sent: Awaitable[Any], seconds: float, cost: int) -> None:
        """Wait until Granian has room for more, and count `cost` bytes that it keeps meanwhile.

        Raise StalledClientError if the client takes nothing for so many seconds or of too many responses, or if this
        response is evicted.
        """
        self.waiting_since = time.monotonic()
        self.add(cost)
        try:
            if self.budget.is_overdrawn(self.client):
                raise StalledClientError
            async with asyncio.timeout(seconds) as self.timeout:
                await sent
        except TimeoutError:
            raise StalledClientError from None
        finally:
            self.add(-cost)
            self.waiting_since = self.timeout = None
        self.budget.note_progress(self.client)

    def evict(self) -> None:
        """Give the response up: end the wait for its client."""
        self.is_evicted = True
        if self.timeout and not self.timeout.expired():
            self.timeout.reschedule(asyncio.get_running_loop().time())
