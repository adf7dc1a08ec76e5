"""Responses that the server makes itself. They are in the access log and the metrics like those of the site."""

import threading
import time
from collections import Counter
from http import HTTPStatus

from djbundle.runtime.http.protocol.environ import readable_path
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.transport import HTTP_2, Headers, Request
from djbundle.runtime.logs.lines import log

LOG_INTERVAL = 60.0  # seconds between log lines about refusals
OVERLOAD_WINDOW = 10.0  # seconds; a process that has refused for lack of room within them is not ready
RETRY_AFTER = "5"  # seconds
RETRYABLE_STATUSES = frozenset((HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS))
OVERLOAD_STATUSES = frozenset((HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE))


class Refusals:
    """The refusals of one web process. Several threads may call it."""

    def __init__(self, observer: Observer | None) -> None:
        self.observer = observer
        self.counts: Counter[str] = Counter()  # of what will be logged
        self.logged_at = float("-inf")
        # First and last refusal while room is lacking, monotonic seconds.
        self.overloaded_since = self.last_overload = float("-inf")
        self.lock = threading.Lock()

    def refuse(self, request: Request, status: HTTPStatus, reason: str) -> None:
        """Answer a request with this status."""
        headers = refusal_headers(status, by_http_2=request.environ["SERVER_PROTOCOL"] == HTTP_2)
        headers.append(("X-Request-ID", request.environ["HTTP_X_REQUEST_ID"]))
        self.count(status, reason)
        if self.observer:
            environ = request.environ
            self.observer.record_response(
                environ["REQUEST_METHOD"],
                readable_path(environ["PATH_INFO"]),
                status.value,
                0.0,
                request.client,
                environ["HTTP_X_REQUEST_ID"],
            )
        if not request.transport.is_started:
            request.transport.respond(status.value, headers, b"")

    def count(self, status: HTTPStatus, reason: str) -> None:
        now = time.monotonic()
        self.note(f"request refused with {status.value}: {reason}")
        with self.lock:
            if status in OVERLOAD_STATUSES:
                if now - self.last_overload > OVERLOAD_WINDOW:
                    self.overloaded_since = now
                self.last_overload = now

    def note(self, event: str, times: int = 1) -> None:
        """Count an event for the log."""
        with self.lock:
            self.counts[event] += times

    def problem(self) -> str | None:
        """Return what /up reports if requests have been refused for lack of room for some time, else None."""
        now = time.monotonic()
        seconds = now - self.overloaded_since
        if now - self.last_overload > OVERLOAD_WINDOW or seconds < OVERLOAD_WINDOW:
            return None
        return f"requests have been refused for {seconds:.0f} s: too many bodies or responses are under way"

    def log_counts(self) -> None:
        """Log now and then how often each event was counted. Call it each second."""
        now = time.monotonic()
        if not self.counts or now - self.logged_at < LOG_INTERVAL:
            return
        with self.lock:
            counts, self.counts, self.logged_at = self.counts, Counter(), now
        for event, count in counts.items():
            log(event if count == 1 else f"{event} ({count} times)", "warning")


def refusal_headers(status: HTTPStatus, *, by_http_2: bool) -> Headers:
    """Return the headers of a refusal. HTTP/1 closes the connection, since the body may not have been read."""
    headers = [("Content-Length", "0")]
    if not by_http_2:
        headers.append(("Connection", "close"))
    if status in RETRYABLE_STATUSES:
        headers.append(("Retry-After", RETRY_AFTER))
    return headers
