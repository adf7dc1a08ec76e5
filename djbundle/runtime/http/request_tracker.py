"""Tells the idle reaper over which connections requests are being answered."""

import time
from collections.abc import Awaitable, Callable

from djbundle.runtime.http.limits.streams import Streams
from djbundle.runtime.http.protocol.connections import Connection
from djbundle.runtime.http.threads import SiteThreads


class WsgiRequestTracker:
    """The requests of a WSGI site."""

    def __init__(self, threads: SiteThreads, streams: Streams) -> None:
        self.threads, self.streams = threads, streams

    def awaits_response(self, seconds: float) -> Callable[[Connection], bool] | None:
        if self.threads.may_have_unstarted:
            return None
        before = time.perf_counter() - seconds
        answering = [*self.threads.answering.values()]
        clients = {each.transport.connection for each in answering if each.environ["djbundle.started_at"] <= before}
        clients.update(each.request.transport.connection for each in [*self.streams.open.values()])
        return lambda connection: connection.client in clients


class AsgiRequestTracker:
    """The requests of an ASGI site, WebSockets included. All that Granian receives begins at once."""

    def __init__(self) -> None:
        self.clients: dict[int, tuple[str, int]] = {}  # addresses and ports

    def awaits_response(self, _seconds: float) -> Callable[[Connection], bool]:
        clients = {*self.clients.values()}
        return lambda connection: connection.client in clients

    async def count(self, client: tuple[str, int], response: Awaitable[None]) -> None:
        """Count `client` until its request is answered."""
        self.clients[id(response)] = client
        try:
            await response
        finally:
            del self.clients[id(response)]
