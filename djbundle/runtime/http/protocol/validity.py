"""Tells which requests are malformed or too large (RFC 9110, RFC 9112), and which have a body."""

from http import HTTPStatus
from typing import Any

from djbundle.runtime.http.protocol.transport import HTTP_2

MAX_LENGTH_DIGITS = 18  # digits; no real length has more
BODILESS_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"))


def refusal(environ: dict[str, Any], max_body: int) -> HTTPStatus | None:
    """Return the status for refusing a request to a WSGI site, or None. `max_body` is in bytes, 0 for no limit.

    Granian gives "" if no host is named; that is removed from the environ. Over HTTP/1.0 a request need not name one.
    """
    if environ["REQUEST_METHOD"] == "CONNECT":
        return HTTPStatus.METHOD_NOT_ALLOWED  # CONNECT is for proxies
    host = environ.get("HTTP_HOST", "")
    if not host:
        environ.pop("HTTP_HOST", None)
    if is_bad_host(host, is_optional=environ["SERVER_PROTOCOL"] == "HTTP/1.0"):
        return HTTPStatus.BAD_REQUEST
    return length_refusal(environ.get("CONTENT_LENGTH"), max_body)


def is_bad_host(host: str, *, is_optional: bool) -> bool:
    """Return whether no host is named although it must be, or several are, joined by commas."""
    return "," in host if host else not is_optional


def length_refusal(length: str | None, max_body: int) -> HTTPStatus | None:
    if length is None:
        return None
    if not (length.isascii() and length.isdecimal() and len(length) <= MAX_LENGTH_DIGITS):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if max_body and int(length) > max_body else None


def may_have_body(length: str | None, method: str, *, is_chunked: bool, by_http_2: bool) -> bool:
    """Return whether to wait for a body. Over HTTP/2 a request need not announce one; only its end tells."""
    if length is not None:
        return length.strip("0") != ""
    return is_chunked or (by_http_2 and method not in BODILESS_METHODS)


def has_body(environ: dict[str, Any]) -> bool:
    """Return whether to wait for the body of a request to a WSGI site."""
    return may_have_body(
        environ.get("CONTENT_LENGTH"),
        environ["REQUEST_METHOD"],
        is_chunked="HTTP_TRANSFER_ENCODING" in environ,
        by_http_2=environ["SERVER_PROTOCOL"] == HTTP_2,
    )
