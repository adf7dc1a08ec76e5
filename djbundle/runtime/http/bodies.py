"""Bodies of requests to a WSGI site: read whole, into memory or a file, before the site is entered.

A body that trickles in holds one of Granian's threads for as long as its client likes. There are many of those, and
a client that sends nothing is closed: Granian knows no time limit for bodies.
"""

import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

from djbundle.runtime.http.connections import connections
from djbundle.runtime.http.options import HttpOptions
from djbundle.runtime.http.threads import Request, SiteThreads
from djbundle.runtime.logs.lines import log

READERS = 62  # bodies read at once by one process; beyond, clients are told to come again
PART = 64 << 10  # bytes
IN_MEMORY = 1 << 20  # bytes of a body that needs no file
SLOWEST = 1024  # bytes per second that even a slow upload must bring over all


@dataclass(frozen=True, slots=True)
class Body:
    """One that is being read."""

    peer: str
    size: int
    begun: float = field(default_factory=time.monotonic)


class Bodies:
    """Stands in front of the site's threads."""

    def __init__(self, site: SiteThreads, options: HttpOptions, folder: str | None) -> None:
        self.site = site
        self.options = options
        self.folder = folder
        self.reading: dict[int, Body] = {}  # by the identity of the request's environ

    def size(self, request: Request) -> int:
        """In bytes, of a body that is to be read."""
        size = body_size(request.environ)
        return 0 if self.options.max_body and size > self.options.max_body else size  # that one is refused unread

    def read(self, request: Request, size: int) -> bool:
        """Whether the request may go to the site; otherwise it is answered. Granian ends the body when its thread
        returns, so it must be that thread which reads.
        """
        if len(self.reading) >= READERS:
            request.protocol.response_bytes(503, [("Connection", "close"), ("Retry-After", "5")], b"")
            return False
        spool = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=self.folder)  # noqa: SIM115 - closed behind the answer
        key = id(request.environ)
        self.reading[key] = Body(request.peer, size)
        try:
            whole = fill(spool, request.environ["wsgi.input"], size)
        except OSError as error:  # the disk is full
            log(f"cannot keep the body of a request: {error.strerror}", "error")
            request.protocol.response_bytes(507, [("Connection", "close")], b"")
            spool.close()
            return False
        finally:
            del self.reading[key]
        if not whole:  # the client has left, or was closed
            request.protocol.response_bytes(408, [("Connection", "close")], b"")
            spool.close()
            return False
        spool.seek(0)
        request.environ["wsgi.input"] = request.environ["djbundle.spool"] = spool
        return True

    def sweep(self) -> None:
        """Close the connections of clients whose body has stalled; proxies must look after their own."""
        now, timeout = time.monotonic(), self.options.body_timeout
        answering = {request.peer for request in [*self.site.answering.values()]}
        late = {body.peer: body for body in [*self.reading.values()] if now - body.begun > timeout}
        for peer, body in late.items():
            if peer not in answering and not self.options.trusted_proxies.trusts(peer):
                hopeless = now - body.begun > timeout + body.size / SLOWEST
                close_connections(peer, idle=0.0 if hopeless else timeout)


def close_connections(peer: str, idle: float) -> None:
    """Those to `peer` from which nothing has come for `idle` seconds."""
    for connection in connections():
        if connection.peer == peer and (traffic := connection.traffic()) and traffic.since_received >= idle:
            connection.close()


def body_size(environ: dict[str, Any]) -> int:
    length = environ.get("CONTENT_LENGTH", "")
    return int(length) if length.isdecimal() else 0


def fill(spool: Any, source: Any, size: int) -> bool:
    """Read `size` bytes; whether so many came."""
    while size and (part := source.read(min(size, PART))):
        spool.write(part)
        size -= len(part)
    return size == 0
