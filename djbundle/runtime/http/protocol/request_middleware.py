"""Sets client, scheme and request id of each request, before anything reads it, the access log included.

Proxy headers are kept from trusted proxies and removed from all other clients, so that a site may trust them.
"""

import os
import random
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.utils.module_loading import import_string

from djbundle.runtime.http.protocol.proxy_headers import ORDINARY, Headers, from_stranger
from djbundle.runtime.net.forwarded import Node
from djbundle.runtime.net.trusted_proxies import Client, ForwardedHeaders, find_client

REQUEST_ID = re.compile(r"[\w.:=+/@-]{1,128}", re.ASCII)
FOR, PROTO, FORWARDED, ID = b"x-forwarded-for", b"x-forwarded-proto", b"forwarded", b"x-request-id"
HEARD = frozenset((FOR, PROTO, FORWARDED, ID))


class Incoming:
    def __init__(self, is_proxy: Callable[[str], bool]) -> None:
        self.trusts = is_proxy
        self.own = frozenset(believed_by_site())

    def prepare_asgi(self, scope: dict[str, Any]) -> None:
        """Change the scope of a request or a WebSocket in place. Header names are in lower case."""
        peer, port = scope["client"] or ("", 0)
        if self.trusts(peer):
            headers, given = self.hear_proxy(scope, peer, port)
        else:
            headers, given = from_stranger(scope["headers"], self.own), ""
        headers.append((ID, request_id(given).encode()))
        scope["headers"] = headers

    def hear_proxy(self, scope: dict[str, Any], peer: str, port: int) -> tuple[Headers, str]:
        """Return the remaining headers and the request id from the proxy. Set client and scheme in the scope."""
        odd = [item for item in scope["headers"] if item[0] not in ORDINARY]
        if not odd:
            return [*scope["headers"]], ""
        headers = [item for item in scope["headers"] if item[0] in ORDINARY or b"_" not in item[0]]
        heard = [item for item in odd if item[0] in HEARD]
        if not heard:
            return headers, ""
        given = joined(heard, ID)
        said = ForwardedHeaders(joined(heard, FOR), joined(heard, PROTO), joined(heard, FORWARDED))
        client = find_client(self.trusts, Node(peer, port), said)
        scope["client"] = (client.address, client.port)
        if client.scheme:
            scope["scheme"] = client.scheme if scope["type"] == "http" else client.scheme.replace("http", "ws")
        return handed_on(headers, said, client), given


def joined(headers: Headers, name: bytes) -> str:
    """Return all lines of a header as one (RFC 9110, 5.3)."""
    return ",".join([value.decode("latin-1") for key, value in headers if key == name])


def handed_on(headers: Headers, said: ForwardedHeaders, client: Client) -> Headers:
    """Return the headers without those that we did not trust, since the site might trust them.

    From a list of schemes Django takes the first, so the scheme that counts replaces the list. ``Forwarded`` beside
    ``X-Forwarded-*`` is dropped.
    """
    dropped = {ID}
    if said.forwarded and (said.x_forwarded_for or said.x_forwarded_proto):
        dropped.add(FORWARDED)
    is_list = "," in said.x_forwarded_proto
    if is_list:
        dropped.add(PROTO)
    kept = [item for item in headers if item[0] not in dropped]
    if is_list and client.scheme:
        kept.append((PROTO, client.scheme.encode()))
    return kept


def request_id(given: str) -> str:
    """Return the request id of a trusted proxy, or a new one."""
    return given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def believed_by_site() -> Iterator[bytes]:
    """Yield the headers by which the site recognizes HTTPS or a user; none in a process without Django."""
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        return
    from django.conf import settings  # noqa: PLC0415 - the process that redirects has none

    names = [(settings.SECURE_PROXY_SSL_HEADER or [""])[0], *map(user_header, settings.MIDDLEWARE)]
    for name in names:
        if name.startswith("HTTP_"):
            yield name.removeprefix("HTTP_").replace("_", "-").lower().encode("latin-1", "replace")


def user_header(middleware: str) -> str:
    """Return the header by which a middleware logs users in, as RemoteUserMiddleware does; "" if it has none."""
    with suppress(ImportError):
        found = getattr(import_string(middleware), "header", "")
        return found if isinstance(found, str) else ""
    return ""
