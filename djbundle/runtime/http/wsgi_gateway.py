"""A WSGI site behind Granian: turns what Granian passes on into a request, and answers it."""

import traceback
from collections.abc import Callable
from typing import Any

from djbundle.runtime.http.limits.admission import Admission
from djbundle.runtime.http.limits.bodies import Bodies
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.unacknowledged import ResponseByteCounter
from djbundle.runtime.http.protocol.added_headers import AddedHeaders
from djbundle.runtime.http.protocol.connections import connection_id
from djbundle.runtime.http.protocol.environ import make_environ
from djbundle.runtime.http.protocol.request_middleware import RequestMiddleware
from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.protocol.transport import HTTP_2, Request, Transport
from djbundle.runtime.http.receivers import Receivers
from djbundle.runtime.http.request_tracker import WsgiRequestTracker
from djbundle.runtime.http.streaming.streams import Streams
from djbundle.runtime.http.threads import SiteThreads
from djbundle.runtime.http.wsgi import WsgiSite
from djbundle.runtime.logs.lines import write

AnswerFromMemory = Callable[[Request, Streams], bool]  # returns whether it has answered the request


class WsgiGateway:
    """Takes requests from Granian to the site.

    `spool` is the folder for request bodies. `answer_from_memory` is asked before the site, see files/static_cache.py.
    """

    def __init__(
        self,
        application: Any,
        limits: Limits,
        threads: int,
        spool: str | None,
        answer_from_memory: AnswerFromMemory | None,
        heads: ResponseHeads | None = None,
    ) -> None:
        self.limits, self.answer_from_memory = limits, answer_from_memory
        self.request_middleware = RequestMiddleware(limits.is_proxy)
        self.streams = Streams(limits)
        heads = heads or ResponseHeads(AddedHeaders(), None)
        site = WsgiSite(application, self.streams, heads, self.hold_back)
        self.base_environ = site.base_environ
        self.site = SiteThreads(site.answer, threads, limits.is_proxy)
        self.bodies = Bodies(limits, spool)
        self.admission = Admission(
            limits, self.bodies, self.site.put, self.answer_at_once, self.site.requests.is_at_limit
        )
        self.streams.on_end = self.admission.sweep
        self.request_tracker = WsgiRequestTracker(self.site, self.streams)

    def new_receivers(self) -> Receivers:
        """Return the receivers of one more of Granian's workers."""
        return Receivers(self.site, self.admission)

    def receive(self, watcher: Any, receivers: Receivers, *, is_draining: bool) -> None:
        """Answer a request, or hand it over. Granian calls this in one of its threads, so it must not raise."""
        try:
            if self.limits.flooders.drop(watcher):
                return
            request = self.request(watcher)
            request.is_draining = is_draining
            receivers.receive(request)
        except BaseException:
            write("error", "serve", "a request failed", trace=traceback.format_exc())

    def hold_back(self, request: Request) -> bool:
        return self.admission.hold_back(request)

    def answer_at_once(self, request: Request) -> bool:
        """Return whether the request is answered from memory, which needs no thread of the site."""
        return self.answer_from_memory is not None and self.answer_from_memory(request, self.streams)

    def request(self, watcher: Any) -> Request:
        scope = watcher.scope
        connection = scope["client"] = connection_id(scope["client"])
        self.request_middleware.prepare(scope)
        environ = make_environ(scope, self.base_environ)
        byte_counter = (
            ResponseByteCounter(self.limits.unacknowledged, connection)
            if environ["SERVER_PROTOCOL"] == HTTP_2
            else None
        )
        transport = Transport(watcher.proto, connection, scope["method"], byte_counter, watcher.done)
        scope.clear()  # the watcher lives as long as the request
        return Request(transport, environ)

    def sweep(self) -> None:
        """Check what waits for clients. Call it each second."""
        self.bodies.sweep()
        self.streams.sweep(self.limits.options.send_timeout)
        self.admission.sweep()
