"""Sets client, scheme and request id of each request, before anything reads it, the access log included.

Proxy headers are kept from trusted proxies and removed from all other clients, so that a site may trust them.
"""

import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.utils.module_loading import import_string

from djbundle.runtime.http.protocol.proxy_headers import COMMON_HEADERS, UNDERSCORE, Headers, without_proxy_headers
from djbundle.runtime.net.forwarded_headers import Node
from djbundle.runtime.net.trusted_proxies import Client, ForwardedHeaders, find_client

REQUEST_ID = re.compile(r"[\w.:=+/@-]{1,128}", re.ASCII)
FOR, PROTO, FORWARDED, ID = b"x-forwarded-for", b"x-forwarded-proto", b"forwarded", b"x-request-id"
FORWARDING_HEADERS = frozenset((FOR, PROTO, FORWARDED, ID))


class RequestMiddleware:
    def __init__(self, is_proxy: Callable[[str], bool]) -> None:
        self.is_trusted = is_proxy
        self.site_headers = frozenset(headers_trusted_by_site())

    def prepare(self, scope: dict[str, Any]) -> None:
        """Change the scope of a request or a WebSocket in place. Header names are in lower case."""
        peer, port = scope["client"] or ("", 0)
        if self.is_trusted(peer):
            headers, proxy_id = self.apply_proxy_headers(scope, peer, port)
        else:
            headers, proxy_id = without_proxy_headers(scope["headers"], self.site_headers), ""
        headers.append((ID, request_id(proxy_id).encode()))
        scope["headers"] = headers

    def apply_proxy_headers(self, scope: dict[str, Any], peer: str, port: int) -> tuple[Headers, str]:
        """Return the remaining headers and the request id from the proxy. Set client and scheme in the scope."""
        uncommon = [item for item in scope["headers"] if item[0] not in COMMON_HEADERS]
        if not uncommon:
            return [*scope["headers"]], ""
        headers = [item for item in scope["headers"] if item[0] in COMMON_HEADERS or UNDERSCORE not in item[0]]
        forwarding = [item for item in uncommon if item[0] in FORWARDING_HEADERS]
        if not forwarding:
            return headers, ""
        proxy_id = joined_values(forwarding, ID)
        proxy_headers = ForwardedHeaders(
            joined_values(forwarding, FOR), joined_values(forwarding, PROTO), joined_values(forwarding, FORWARDED)
        )
        client = find_client(self.is_trusted, Node(peer, port), proxy_headers)
        scope["client"] = (client.address, client.port)
        if client.scheme:
            scope["scheme"] = client.scheme if scope["type"] == "http" else client.scheme.replace("http", "ws")
        return without_untrusted(headers, proxy_headers, client), proxy_id


def joined_values(headers: Headers, name: bytes) -> str:
    """Return all lines of a header as one (RFC 9110, 5.3)."""
    return ",".join([value.decode("latin-1") for key, value in headers if key == name])


def without_untrusted(headers: Headers, proxy_headers: ForwardedHeaders, client: Client) -> Headers:
    """Return the headers without those that we did not trust, since the site might trust them.

    From a list of schemes Django takes the first, so the scheme that counts replaces the list. ``Forwarded`` beside
    ``X-Forwarded-*`` is dropped.
    """
    dropped = {ID}
    if proxy_headers.forwarded and (proxy_headers.x_forwarded_for or proxy_headers.x_forwarded_proto):
        dropped.add(FORWARDED)
    is_list = "," in proxy_headers.x_forwarded_proto
    if is_list:
        dropped.add(PROTO)
    trusted = [item for item in headers if item[0] not in dropped]
    if is_list and client.scheme:
        trusted.append((PROTO, client.scheme.encode()))
    return trusted


def request_id(proxy_id: str) -> str:
    """Return the request id of a trusted proxy, or a new one."""
    return proxy_id if proxy_id and REQUEST_ID.fullmatch(proxy_id) else random.getrandbits(128).to_bytes(16).hex()


def headers_trusted_by_site() -> Iterator[bytes]:
    """Yield the headers by which the site recognizes HTTPS or a user; none in a process without Django."""
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    if settings is None or not settings.configured:  # the process that redirects loads no site
        return
    names = [(settings.SECURE_PROXY_SSL_HEADER or [""])[0], *map(user_header, settings.MIDDLEWARE)]
    for name in names:
        if name.startswith("HTTP_"):
            yield name.removeprefix("HTTP_").replace("_", "-").lower().encode("latin-1", "replace")


def user_header(middleware: str) -> str:
    """Return the header by which a middleware logs users in, as RemoteUserMiddleware does; "" if it has none."""
    with suppress(ImportError):
        header = getattr(import_string(middleware), "header", "")
        return header if isinstance(header, str) else ""
    return ""
