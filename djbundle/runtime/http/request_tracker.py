"""Tells the idle reaper over which connections requests are being answered."""

import time
from collections.abc import Callable

from djbundle.runtime.http.protocol.connections import Connection
from djbundle.runtime.http.streaming.streams import Streams
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
        clients = {each.transport.connection for each in answering if each.started_at <= before}
        clients.update(each.request.transport.connection for each in [*self.streams.open.values()])
        return lambda connection: connection.client in clients


class AsgiRequestTracker:
    """The requests of an ASGI site, WebSockets included: those that wait for their turn, and those being answered."""

    def __init__(self) -> None:
        self.clients: dict[object, tuple[str, int]] = {}  # addresses and ports, by the request

    def awaits_response(self, _seconds: float) -> Callable[[Connection], bool]:
        clients = {*[*self.clients.values()]}  # the inner copy is made in one step: other threads add requests
        return lambda connection: connection.client in clients

    def add(self, request: object, client: tuple[str, int]) -> None:
        """Track a request until it is removed. Any thread may call this."""
        self.clients[request] = client

    def remove(self, request: object) -> None:
        """Stop tracking a request, unless that was done before."""
        self.clients.pop(request, None)
