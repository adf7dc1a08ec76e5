"""The headers that are added to each response, as the options of `serve` say.

These are the request's id, Strict-Transport-Security and Server-Timing. While a worker drains, also ``Connection:
close``, so that no client sends its next request over a connection that is about to end.
"""

from dataclasses import dataclass

from djbundle.runtime.http.protocol.transport import Headers

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


def merge_headers(headers: Headers, added: Headers) -> Headers:
    """Return the site's headers, and those of `added` that the site has not set itself. `added` is of AddedHeaders."""
    present = {name.lower() for name, _ in headers if len(name) in ADDED_LENGTHS}
    return [*headers, *[item for item in added if item[0].lower() not in present]]
