"""Stands around a WSGI site and its files: adds response headers as the options of `serve` say.

These are the request's id, Strict-Transport-Security and Server-Timing. While a worker drains, also ``Connection:
close``, so that no client sends its next request over a connection that is about to end.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from djbundle.runtime.http.protocol.environ import readable_path
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.transport import HTTP_2, Headers

REQUEST_ID, HSTS, TIMING, CONNECTION = "X-Request-ID", "Strict-Transport-Security", "Server-Timing", "Connection"
ADDED_LENGTHS = frozenset(map(len, (REQUEST_ID, HSTS, TIMING, CONNECTION)))  # few names of a site have one of these


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedHeaders:
    """The headers that are the same for every response."""

    hsts: int | None = None  # seconds
    server_timing: bool = False

    def headers(self, request_id: str, seconds: float, *, secure: bool, is_draining: bool) -> Headers:
        added = [(REQUEST_ID, request_id)]
        if self.hsts is not None and secure:
            added.append((HSTS, f"max-age={self.hsts}"))
        if self.server_timing:
            added.append((TIMING, f"total;dur={seconds * 1000:.1f}"))
        if is_draining:
            added.append((CONNECTION, "close"))
        return added

    def wsgi_headers(self, environ: dict[str, Any], seconds: float) -> Headers:
        return self.headers(
            environ["HTTP_X_REQUEST_ID"],
            seconds,
            secure=environ["wsgi.url_scheme"] == "https",
            is_draining=environ["djbundle.is_draining"] and environ["SERVER_PROTOCOL"] != HTTP_2,
        )


class WsgiMiddleware:
    def __init__(self, application: Any, added_headers: AddedHeaders, observer: Observer) -> None:
        self.application = application
        self.added_headers = added_headers
        self.observer = observer

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        added_headers = self.added_headers

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            seconds = time.perf_counter() - environ["djbundle.started_at"]
            self.observer.record_response(
                environ["REQUEST_METHOD"],
                readable_path(environ["PATH_INFO"]),
                int(status[:3]),
                seconds,
                environ["REMOTE_ADDR"],
                environ["HTTP_X_REQUEST_ID"],
            )
            return start_response(
                status, merge_headers(headers, added_headers.wsgi_headers(environ, seconds)), exc_info
            )

        in_flight = self.observer.in_flight
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        place = in_flight.begin(request.encode("latin-1", "backslashreplace"))
        environ["djbundle.on_close"] = partial(in_flight.end, place)  # called when the response is closed, see wsgi.py
        try:
            return self.application(environ, start)  # type: ignore[no-any-return]
        except BaseException:  # sys.exit() in a view
            start("500 Internal Server Error", [])
            raise


def merge_headers(headers: Headers, added: Headers) -> Headers:
    """Return the site's headers, and those of `added` that the site has not set itself. `added` is of AddedHeaders."""
    present = {name.lower() for name, _ in headers if len(name) in ADDED_LENGTHS}
    return [*headers, *[item for item in added if item[0].lower() not in present]]
