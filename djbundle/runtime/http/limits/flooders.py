"""Shuts out clients that send so many requests that refusing them takes the time of others.

Granian passes on requests in the order in which they came. So an honest request waits until those before it are
refused, and a refusal with its log line costs a tenth of a small page.
"""

import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.limits.refusals import Refusals
from djbundle.runtime.http.protocol.connections import connections
from djbundle.runtime.http.protocol.transport import RESPONSE_BODY, RESPONSE_START
from djbundle.runtime.logs.lines import log

MAX_REFUSALS = 1024  # of one client between two sweeps, which are a second apart
SHUT_OUT_SECONDS = 10.0  # for which its connections are closed
REFUSAL: list[dict[str, Any]] = [  # until they are
    {"type": RESPONSE_START, "status": HTTPStatus.TOO_MANY_REQUESTS.value, "headers": [(b"content-length", b"0")]},
    {"type": RESPONSE_BODY, "body": b"", "more_body": False},
]


class Flooders:
    """The clients that one web process shuts out, by the addresses from which they connect.

    Several threads may note refusals. `is_exempt` recognizes proxies, which carry the requests of other clients too.
    """

    def __init__(self, is_exempt: Callable[[str], bool], refusals: Refusals) -> None:
        self.is_exempt, self.refusals = is_exempt, refusals
        self.counts: Counter[str] = Counter()  # of refusals since the last sweep, by client
        self.shut_out: dict[str, float] = {}  # until when, monotonic seconds, by client

    def note(self, address: str) -> None:
        """Note that a request of this client was refused, since it has too many others."""
        client = client_key(address)
        self.counts[client] += 1
        if self.counts[client] > MAX_REFUSALS and client not in self.shut_out and not self.is_exempt(address):
            self.shut_out[client] = time.monotonic() + SHUT_OUT_SECONDS
            reason = f"{MAX_REFUSALS} of its requests were refused in a second"
            log(f"client shut out for {SHUT_OUT_SECONDS:.0f} s: {client}, {reason}", "warning")

    def drop(self, watcher: Any) -> bool:
        """Answer a request of a client that is shut out, as cheaply as can be. Return whether it is one.

        `watcher` is Granian's. The request is counted, but not logged.
        """
        if not self.shut_out:
            return False
        scope = watcher.scope
        if client_key(scope["client"][0]) not in self.shut_out:
            return False
        if self.refusals.observer:
            self.refusals.observer.slot.count_response(HTTPStatus.TOO_MANY_REQUESTS, 0.0)
        if scope["type"] == "http":
            for message in REFUSAL:
                watcher.proto.send(message)
        watcher.done()
        return True

    def sweep(self) -> None:
        """Close the connections of clients that are shut out. Call it each second, in one thread."""
        now = time.monotonic()
        self.counts.clear()
        self.shut_out = {client: until for client, until in [*self.shut_out.items()] if until > now}
        if self.shut_out:
            for connection in connections():
                if client_key(connection.peer) in self.shut_out:
                    connection.close()
