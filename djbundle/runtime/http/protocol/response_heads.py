"""The head of each response to a WSGI request is counted and logged here, and gets more headers."""

import time

from djbundle.runtime.http.protocol.added_headers import AddedHeaders, merge_headers
from djbundle.runtime.http.protocol.environ import readable_path
from djbundle.runtime.http.protocol.observer import Observer
from djbundle.runtime.http.protocol.transport import HTTP_2, Headers, Request
from djbundle.runtime.process.in_flight import NO_PLACE


class ResponseHeads:
    """The heads of one web process. Without an `observer`, nothing is counted, logged or noted."""

    def __init__(self, added_headers: AddedHeaders, observer: Observer | None) -> None:
        self.added_headers, self.observer = added_headers, observer
        self.in_flight = observer.in_flight if observer else None

    def note_begin(self, request: Request) -> None:
        """Note that the site begins to answer, so that the request is known if this process dies."""
        if self.in_flight:
            name = f"{request.environ['REQUEST_METHOD']} {request.environ['PATH_INFO']}"
            request.in_flight_place = self.in_flight.begin(name.encode("latin-1", "backslashreplace"))

    def note_end(self, request: Request) -> None:
        """Note that the response is closed. It may be closed twice."""
        if self.in_flight:
            place, request.in_flight_place = request.in_flight_place, NO_PLACE
            self.in_flight.end(place)

    def complete(self, request: Request, status: int, headers: Headers) -> Headers:
        """Count and log a response whose head is made now. Return its headers with those that are added."""
        seconds = time.perf_counter() - request.started_at
        self.record(request, status, seconds)
        return merge_headers(headers, self.added(request, seconds))

    def record(self, request: Request, status: int, seconds: float) -> None:
        """Count and log a response. `seconds` are from the complete request to the head of its response."""
        observer = self.observer
        if observer is None:
            return
        observer.slot.count_response(status, seconds)
        if observer.access_log:
            environ = request.environ
            path, request_id = readable_path(environ["PATH_INFO"]), environ["HTTP_X_REQUEST_ID"]
            observer.log_response(environ["REQUEST_METHOD"], path, status, seconds, request.client, request_id)

    def added(self, request: Request, seconds: float) -> Headers:
        """Return the headers that are added."""
        environ = request.environ
        return self.added_headers.headers(
            environ["HTTP_X_REQUEST_ID"],
            seconds,
            secure=environ["wsgi.url_scheme"] == "https",
            is_draining=request.is_draining and environ["SERVER_PROTOCOL"] != HTTP_2,
        )
