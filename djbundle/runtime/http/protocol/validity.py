"""Which requests are malformed or too large (RFC 9110, RFC 9112), and which have a body."""

from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.protocol.transport import HTTP_2

LONGEST_NUMBER = 18  # digits; longer ones are no size of anything
WITHOUT_BODY = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"))


def refusal(environ: dict[str, Any], max_body: int) -> HTTPStatus | None:
    """Return why a request to a WSGI site is refused, or None. `max_body` is in bytes, 0 for any.

    Granian gives "" where no host is named. A request by HTTP/1.0 need not name one; then its environ has none either.
    """
    if environ["REQUEST_METHOD"] == "CONNECT":
        return HTTPStatus.METHOD_NOT_ALLOWED  # that is for proxies
    host = environ.get("HTTP_HOST", "")
    if not host:
        environ.pop("HTTP_HOST", None)
    if is_bad_host(host, may_lack=environ["SERVER_PROTOCOL"] == "HTTP/1.0"):
        return HTTPStatus.BAD_REQUEST
    return refusal_of_length(environ.get("CONTENT_LENGTH"), max_body)


def is_bad_host(host: str, *, may_lack: bool) -> bool:
    """Return whether none is named, or several are, which stand between commas."""
    return "," in host if host else not may_lack


def refusal_of_length(length: str | None, max_body: int) -> HTTPStatus | None:
    if length is None:
        return None
    if not (length.isascii() and length.isdecimal() and len(length) <= LONGEST_NUMBER):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if max_body and int(length) > max_body else None


def may_have_body(length: str | None, method: str, *, is_chunked: bool, by_http_2: bool) -> bool:
    """Return whether a body is to be waited for. By HTTP/2 it need not say so, and only its end tells."""
    if length is not None:
        return length.strip("0") != ""
    return is_chunked or (by_http_2 and method not in WITHOUT_BODY)


def has_body(environ: dict[str, Any]) -> bool:
    """Return whether the body of a request to a WSGI site is to be waited for."""
    return may_have_body(
        environ.get("CONTENT_LENGTH"),
        environ["REQUEST_METHOD"],
        is_chunked="HTTP_TRANSFER_ENCODING" in environ,
        by_http_2=environ["SERVER_PROTOCOL"] == HTTP_2,
    )
