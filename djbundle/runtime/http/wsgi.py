"""Calls a WSGI application for a request, and sends its response."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from django.http import HttpResponse

from djbundle.common.processes import end_copy
from djbundle.runtime.http.limits.bodies import close_body
from djbundle.runtime.http.protocol.response_heads import ResponseHeads
from djbundle.runtime.http.protocol.transport import BODILESS_STATUSES, Headers, Request, with_content_length
from djbundle.runtime.http.streaming.part_sizes import FileParts
from djbundle.runtime.http.streaming.streams import Streams

MAX_UNSPLIT_SIZE = 64 << 10  # bytes sent in one go; few, since a client may leave them unread on many connections


class WsgiSite:
    """Adapts a WSGI `application` to SiteThreads."""

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        streams: Streams,
        heads: ResponseHeads,
        hold_back: Callable[[Request], bool] = lambda _request: False,
    ) -> None:
        self.application, self.streams, self.heads, self.hold_back = application, streams, heads, hold_back
        self.process = os.getpid()
        self.base_environ = {  # of all requests
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": "",
            "SERVER_SOFTWARE": "Granian",
            "wsgi.errors": sys.stderr,
            "wsgi.file_wrapper": streams.file_parts,
            "wsgi.input_terminated": True,  # the body ends where the request does
            "wsgi.multiprocess": True,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }

    def answer(self, request: Request) -> None:
        """Answer, unless `hold_back` keeps the request. Raise what the application raises."""
        if self.hold_back(request):
            return
        head = StartResponse(self.heads, request)
        self.heads.note_begin(request)
        try:
            response = self.application(request.environ.copy(), head)  # it may keep and change the copy
        except BaseException:
            end_copy(self.process)
            self.heads.record(request, 500, time.perf_counter() - request.started_at)
            self.close_response((), request)
            raise
        end_copy(self.process)
        if isinstance(response, (HttpResponse, list)):  # complete; a StreamingHttpResponse is no HttpResponse
            try:
                self.send_whole(request, head, b"".join(response))
            finally:  # even if Granian refuses the head for its control characters
                self.close_response(response, request)
            return
        parts = ResponseParts(response, lambda: self.close_response(response, request))
        try:
            self.send_parts(request, head, parts)
        except BaseException:
            parts.close()
            raise

    def send_parts(self, request: Request, head: "StartResponse", parts: "ResponseParts") -> None:
        if isinstance(parts.remaining, FileParts):
            self.streams.send(request, head.status, head.headers, parts)
            return
        if not head.status:
            parts.begin()
        self.streams.generate(request, head.status, head.headers, parts)

    def send_whole(self, request: Request, head: "StartResponse", body: bytes) -> None:
        size = len(body)
        if size <= MAX_UNSPLIT_SIZE:
            self.send_small(request, head, body)
        elif self.streams.may_send_whole(request.transport, size):
            request.transport.respond(head.status, head.headers, body)
        else:
            parts = self.streams.memory_parts([body])
            self.streams.send(request, head.status, with_content_length(head.headers, size), parts, size)

    def send_small(self, request: Request, head: "StartResponse", body: bytes) -> None:
        transport = request.transport
        has_body = body and not transport.is_bodiless and head.status not in BODILESS_STATUSES
        if has_body and transport.is_suspicious:
            self.streams.send_fenced(request, head.status, head.headers, body)
        else:
            transport.respond(head.status, head.headers, body)

    def close_response(self, response: Iterable[bytes], request: Request) -> None:
        """Close a response and the body of its request, which it may have read until now."""
        self.heads.note_end(request)
        if close := getattr(response, "close", None):
            close()
        close_body(request)


class StartResponse:
    """WSGI's ``start_response``, which the application calls to begin its response."""

    __slots__ = ("headers", "heads", "request", "status")

    def __init__(self, heads: ResponseHeads, request: Request) -> None:
        self.heads, self.request, self.status = heads, request, 0
        self.headers: Headers = []

    def __call__(self, status: str, headers: Headers, _exc_info: Any = None) -> None:
        self.status = int(status[:3])
        self.headers = self.heads.complete(self.request, self.status, headers)


class ResponseParts:
    """The parts of a response, one for each call of ``next()``."""

    __slots__ = ("close", "remaining")

    def __init__(self, response: Iterable[bytes], close: Callable[[], None]) -> None:
        self.close = close
        self.remaining: Iterator[bytes] = iter(response)

    def begin(self) -> None:
        """Fetch the first part. Only then does a generator call `StartResponse`."""
        self.remaining = chain([next(self.remaining, b"")], self.remaining)

    def __next__(self) -> bytes:
        return next(self.remaining)
