"""Responses of an ASGI site that wait until their clients take more of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from djbundle.runtime.http.budget import CLIENT, COST, EVICTABLE, Budget
from djbundle.runtime.http.connections import break_off
from djbundle.runtime.http.refusals import Refusals
from djbundle.runtime.http.transport import Connection


class StalledClientError(Exception):
    """The client has taken nothing of its response for too long, or of too many at once."""


class Waiting:
    """The waiting responses of one web process."""

    def __init__(self, budget: Budget, refusals: Refusals) -> None:
        self.budget, self.refusals = budget, refusals
        self.since: dict[object, tuple[float, Connection]] = {}  # monotonic seconds, by the response

    @contextmanager
    def waits(self, response: object, connection: Connection, client: str) -> Iterator[None]:
        """Count what Granian keeps of a response while its client takes nothing.

        Raises StalledClientError when it takes nothing of so many that were begun before that was known.
        """
        self.since[response] = time.monotonic(), connection
        self.budget.take(connection, client, COST)
        try:
            if self.budget.client_has_enough(client, 2 * CLIENT):
                raise StalledClientError
            yield
        finally:
            self.budget.take(connection, client, -COST)
            del self.since[response]

    def sweep(self) -> None:
        """Break off the slowest when there is no room for others. Call it each second."""
        if not self.budget.is_full:
            return
        slowest = sorted(self.since.values())[: 1 + len(self.since) // 4]
        late = {connection for since, connection in slowest if time.monotonic() - since >= EVICTABLE}
        if late:
            break_off(late)
            self.refusals.note("response: cut off, since its client took nothing more", len(late))
