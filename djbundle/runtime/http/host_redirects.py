"""Redirects the requests for one host to another, as for www.shop.example to shop.example. The path stays.

It stands before the project, so such a host need not be in ALLOWED_HOSTS.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from djbundle.runtime.http.protocol.own_response import OwnResponse

SAFE_CHARACTERS = "/:@!$&'()*+,;=-._~"  # of a path (RFC 3986, 3.3)
UNCHANGED_METHODS = ("GET", "HEAD")  # for other methods, 301 would make a GET of them (RFC 9110, 15.4.2)


class HostRedirects:
    """The redirects of a site: the new host, by the old one."""

    def __init__(self, hosts: Mapping[str, str]) -> None:
        self._hosts = hosts

    def find(self, method: str, url: tuple[str, str, str, str]) -> OwnResponse | None:
        """Return the response that redirects a request, or None.

        `url` has scheme, host, encoded path and encoded query.
        """
        scheme, host, path, query = url
        target = self._hosts.get(host.partition(":")[0].lower())
        if target is None:
            return None
        status = HTTPStatus.MOVED_PERMANENTLY if method in UNCHANGED_METHODS else HTTPStatus.PERMANENT_REDIRECT
        location = f"{scheme}://{target}{path}" + (f"?{query}" if query else "")
        return OwnResponse(status, [("Location", location)])


def wrap(application: Any, interface: str, redirects: HostRedirects) -> Any:
    """Return the application of `interface`, behind the redirects."""
    return _wsgi(application, redirects) if interface == "wsgi" else _asgi(application, redirects)


def _wsgi(application: Any, redirects: HostRedirects) -> Any:
    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        path = quote(environ["PATH_INFO"].encode("latin-1"), SAFE_CHARACTERS)
        url = environ["wsgi.url_scheme"], environ.get("HTTP_HOST", ""), path, printable(environ["QUERY_STRING"])
        redirect = redirects.find(environ["REQUEST_METHOD"], url)
        return redirect.by_wsgi(start_response) if redirect else application(environ, start_response)

    return middleware


def _asgi(application: Any, redirects: HostRedirects) -> Callable[..., Awaitable[None]]:
    async def middleware(scope: dict[str, Any], receive: Any, send: Any) -> None:
        redirect = redirects.find(scope["method"], url_of(scope)) if scope["type"] == "http" else None
        await (redirect.by_asgi(send) if redirect else application(scope, receive, send))

    return middleware


def url_of(scope: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return scheme, host, path and query of an ASGI request."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return (
        scope["scheme"],
        host,
        quote(scope["path"], SAFE_CHARACTERS),
        printable(scope["query_string"].decode("latin-1")),
    )


def printable(query: str) -> str:
    """Return a query in which no character could end a header."""
    return "".join(each if "!" <= each <= "~" else quote(each.encode("latin-1")) for each in query)
