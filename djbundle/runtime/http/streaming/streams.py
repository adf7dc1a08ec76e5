"""Sends responses in parts. No thread waits while a client takes a file; only a generator holds a thread of its own.

A body that can be cut anywhere is sent in large parts to fast clients, since each part costs a thread switch. All
others get it in small parts, since Granian queues several for each client.
"""

import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.limits.budget import RESPONSE_COST, client_key
from djbundle.runtime.http.limits.eviction import Eviction
from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.limits.unacknowledged import FENCE_COUNT
from djbundle.runtime.http.protocol.connections import abort_connections
from djbundle.runtime.http.protocol.transport import (
    Headers,
    Request,
    Transport,
    headers_size,
    with_content_length,
)
from djbundle.runtime.http.streaming.generated_response import GeneratedResponse
from djbundle.runtime.http.streaming.part_sizes import FileParts, PartSizes, memory_parts
from djbundle.runtime.http.streaming.streamed_response import OpenStreams, StreamedResponse

MAX_GENERATORS = 256  # that one process runs at once, each in its own thread
MAX_GENERATORS_PER_CLIENT = 64  # of them for one client


class Streams(OpenStreams):
    """The streamed responses of one web process."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits.budget)
        self.refusals, self.is_proxy, self.whole_pages = limits.refusals, limits.is_proxy, limits.whole_pages
        self.eviction: Eviction[StreamedResponse] = Eviction(self.budget)

    def send(self, request: Request, status: int, headers: Headers, parts: Any, size: int = 0) -> None:
        """Send parts that are ready: of a file, or of `size` bytes in memory that only this response keeps.

        `parts` has ``__next__`` and may have ``close``.
        """
        response = StreamedResponse(self, request, parts, RESPONSE_COST + size + request.size)
        self.start(response, status, headers, is_in_memory=size > 0)

    def may_send_whole(self, transport: Transport, size: int) -> bool:
        """Return whether to hand a body of more than 64 KB to Granian whole, which is the fastest way."""
        return transport.byte_counter is None and self.whole_pages.try_add(transport.connection, size)

    def send_fenced(self, request: Request, status: int, headers: Headers, body: bytes) -> None:
        """Send a small response over HTTP/2, and count it until the client has taken it."""
        headers = with_content_length(headers, len(body))
        cost = len(body) + headers_size(headers) + request.size
        response = StreamedResponse(self, request, iter([body]), cost)
        response.fences = FENCE_COUNT
        self.start(response, status, headers, is_in_memory=True)

    def start(self, response: StreamedResponse, status: int, headers: Headers, *, is_in_memory: bool) -> None:
        """Begin to send: from memory in this thread, which saves a thread switch, until the client has enough.

        If there is no room for the response, it waits.
        """
        if response.begin(status, headers):
            response.start(is_now=is_in_memory)
        elif not response.is_closed:
            self.let_wait(response, status, headers)

    def let_wait(self, response: StreamedResponse, status: int, headers: Headers) -> None:
        """Let a response wait until there is room for it, or refuse it."""

        def try_start() -> bool:
            try:
                if is_begun := response.begin(status, headers):
                    response.start(is_now=False)
            except Exception:
                response.fail()
                return True
            return is_begun or response.is_closed

        def refuse() -> None:
            response.close()
            self.refusals.refuse(response.request, *self.budget.refusal(response.client))

        self.waiting.put(response.client, response.cost, try_start, refuse)

    def generate(self, request: Request, status: int, headers: Headers, parts: Any) -> None:
        """Send parts that are generated while they are sent, in a thread of their own.

        That thread has a copy of this thread's context, with its language and time zone, and its own database
        connections.
        """
        response = GeneratedResponse(self, request, parts, RESPONSE_COST + request.size)
        if refusal := self.refusal(request):
            response.close()
            self.refusals.refuse(request, *refusal)
        else:
            self.start(response, status, headers, is_in_memory=False)

    def refusal(self, request: Request) -> tuple[HTTPStatus, str] | None:
        """Return the status and the reason for refusing another generator, or None."""
        running = [each for each in [*self.open.values()] if isinstance(each, GeneratedResponse)]
        if len(running) >= MAX_GENERATORS:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_GENERATORS} responses are being generated"
        client = client_key(request.client)
        if sum(client_key(each.request.client) == client for each in running) < MAX_GENERATORS_PER_CLIENT:
            return None
        if self.budget.is_exempt(request.client):
            return None
        return HTTPStatus.TOO_MANY_REQUESTS, f"{MAX_GENERATORS_PER_CLIENT} responses are being generated for one client"

    def sweep(self, timeout: float) -> None:
        """Break off responses of which clients have taken nothing for `timeout` seconds. Call it each second."""
        now, responses = time.monotonic(), [*self.open.values()]
        stalled = {each for each in responses if each.seconds_waited(now) >= timeout and each.waiting_since is not None}
        stalled.update(self.eviction.choose(responses))
        if stalled:
            for each in stalled:
                each.keeps_connection = self.may_keep_connection(each)
            abort_connections({each.request.transport.connection for each in stalled if not each.keeps_connection})
            for each in stalled:
                each.stop()
            self.refusals.note("response: cut off, since its client took too little of it", len(stalled))
        self.waiting.sweep()

    def may_keep_connection(self, response: StreamedResponse) -> bool:
        """Return whether to give up only this response, and not its connection.

        A proxy's connection carries other clients, and the proxy sees by the length that a part is missing.
        """
        transport = response.request.transport
        return response.has_length and transport.byte_counter is not None and self.is_proxy(transport.connection[0])

    def file_parts(self, file: Any, _size: int = 0) -> FileParts:
        """Return the parts of a file: WSGI's ``file_wrapper``."""
        return FileParts(file, self.part_sizes())

    def memory_parts(self, body: Sequence[bytes]) -> Iterator[bytes]:
        """Return the parts of a body in memory."""
        return memory_parts(body, self.part_sizes())

    def part_sizes(self) -> PartSizes:
        """Return the sizes of the parts for one client."""
        return PartSizes(lambda: len(self.open))
