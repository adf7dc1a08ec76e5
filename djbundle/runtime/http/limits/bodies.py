"""Receives the bodies of requests to a WSGI site completely, into memory or a file, before the site is entered.

No thread waits for a client. Granian calls back with each part, in one of its own threads. With the last part the
request enters the site.
"""

import tempfile
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.limits.limits import Limits
from djbundle.runtime.http.protocol.rate import TransferRate
from djbundle.runtime.http.protocol.transport import Request
from djbundle.runtime.http.protocol.validity import has_body
from djbundle.runtime.logs.lines import log

MAX_BODY_IN_MEMORY = 256 << 10  # bytes; a larger body needs a file

Enter = Callable[[Request], None]


def close_body(request: Request) -> None:
    """Close the body of a request, if it has a complete one."""
    if request.spool:
        request.spool.close()


class Bodies:
    """Receives bodies in front of the site. `folder` is where large bodies are kept."""

    def __init__(self, limits: Limits, folder: str | None) -> None:
        self.limits, self.folder = limits, folder
        self.receiving: dict[int, Body] = {}  # by the id() of the body

    def receive(self, request: Request, enter: Enter) -> bool:
        """Return whether the request may have a body.

        When the body is complete, `enter` is called in one of Granian's threads.
        """
        if not has_body(request.environ):
            return False
        if refusal := self.limits.quota.refusal(request.client):
            self.limits.refusals.refuse(request, *refusal)
            return True
        body = Body(self, request, enter)
        self.limits.quota.acquire(request.client)
        self.receiving[id(body)] = body
        body.receive()
        return True

    def forget(self, body: "Body") -> bool:
        """Forget a body, and return whether it was being received. Only the caller that gets true may end it."""
        if self.receiving.pop(id(body), None) is None:
            return False
        self.limits.quota.release(body.request.client)
        return True

    def sweep(self) -> None:
        """Refuse bodies that have arrived too slowly. Call it each second."""
        now, window = time.monotonic(), self.limits.options.body_timeout
        for body in [*self.receiving.values()]:
            if body.rate.is_too_slow(now, window):
                body.refuse(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly")


class Body:
    """A body that is being received."""

    def __init__(self, bodies: Bodies, request: Request, enter: Enter) -> None:
        self.bodies, self.request, self.enter = bodies, request, enter
        self.spool = tempfile.SpooledTemporaryFile(MAX_BODY_IN_MEMORY, dir=bodies.folder)  # noqa: SIM115 - closed with the response
        self.rate = TransferRate()
        self.future: Any = None

    def receive(self) -> None:
        """Wait for the next part, without blocking a thread."""
        self.future = self.request.transport.protocol.receive()
        self.future.add_done_callback(self.on_part)

    def on_part(self, future: Any) -> None:
        """Take a part, in one of Granian's threads."""
        self.future = None
        if future.cancelled() or id(self) not in self.bodies.receiving:
            return
        message = future.result()
        if message["type"] != "http.request":  # the client has disconnected, or has sent an invalid body
            self.handle_disconnect()
        elif self.store(message.get("body", b"")):
            if message.get("more_body"):
                self.receive()
            elif self.bodies.forget(self):
                self.enter(self.complete_request())

    def store(self, part: bytes) -> bool:
        """Store a part. Refuse the request if there is no room, and return whether there was."""
        self.rate.add(len(part))
        max_body = self.bodies.limits.options.max_body
        if max_body and self.rate.size > max_body:
            self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {max_body} bytes")
            return False
        if self.rate.is_fragmented:
            self.refuse(HTTPStatus.BAD_REQUEST, "the parts of the body are too small")
            return False
        try:
            self.spool.write(part)
        except OSError as error:  # the disk is full
            log(f"cannot keep the body of a request: {error.strerror}", "error")
            self.refuse(HTTPStatus.INSUFFICIENT_STORAGE, "there is no room for the body on the disk")
            return False
        return True

    def complete_request(self) -> Request:
        environ = self.request.environ
        self.spool.seek(0)
        environ["wsgi.input"] = self.request.spool = self.spool  # type: ignore[assignment]  # it is a binary file
        environ["CONTENT_LENGTH"] = str(self.rate.size)
        if environ.pop("HTTP_TRANSFER_ENCODING", None):  # a proxy may have believed its Content-Length, so
            self.request.is_draining = True  # nothing else is read from this connection (RFC 9112, 6.3)
        return self.request

    def handle_disconnect(self) -> None:
        """Refuse a client that has sent invalid chunks. If the client has disconnected, write nothing to the log."""
        if "HTTP_TRANSFER_ENCODING" in self.request.environ:
            self.refuse(HTTPStatus.BAD_REQUEST, "the body broke off")
        elif self.discard():
            self.request.transport.respond(HTTPStatus.BAD_REQUEST.value, [("Connection", "close")], b"")

    def refuse(self, status: HTTPStatus, reason: str) -> None:
        if self.discard():
            self.bodies.limits.refusals.refuse(self.request, status, reason)

    def discard(self) -> bool:
        """Forget the body, and return whether it was being received."""
        if not self.bodies.forget(self):
            return False
        future, self.future = self.future, None  # it keeps this object alive, and with it the body in Granian
        if future:
            future.cancel()
        self.spool.close()
        return True
