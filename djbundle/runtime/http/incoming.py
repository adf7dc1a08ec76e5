"""Prepares each request before anybody reads it, the access log included: who asks, by which scheme, under which id.

What proxies say is kept from proxies that are trusted and removed from everybody else, so that a site may believe it.
"""

import os
import random
import re
from functools import lru_cache
from typing import Any

from djbundle.runtime.http.options import HttpOptions
from djbundle.runtime.http.proxies import forwarded_scheme

REQUEST_ID = re.compile(r"[\w.:=+/@-]{1,128}", re.ASCII)
SPOKEN_BY_PROXIES = (
    *(
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "X-Forwarded-Scheme",
    ),
    *("X-Forwarded-Ssl", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Client-Cert", "X-Scheme"),
    *("X-Url-Scheme", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Front-End-Https"),
    *("X-Original-Url", "X-Rewrite-Url", "X-Request-Id"),
)
WSGI_NAMES = tuple("HTTP_" + name.upper().replace("-", "_") for name in SPOKEN_BY_PROXIES)
ASGI_NAMES = frozenset(name.lower().encode() for name in SPOKEN_BY_PROXIES)


class Incoming:
    def __init__(self, options: HttpOptions) -> None:
        self.proxies = options.trusted_proxies
        self.trusts = lru_cache(maxsize=1024)(self.proxies.trusts)
        own = secure_header()  # a project may have chosen any name
        self.wsgi_names = (*WSGI_NAMES, own) if own else WSGI_NAMES
        self.asgi_names = (
            ASGI_NAMES | {own.removeprefix("HTTP_").replace("_", "-").lower().encode()} if own else ASGI_NAMES
        )

    def prepare_wsgi(self, environ: dict[str, Any]) -> None:
        peer = environ["REMOTE_ADDR"]
        if self.trusts(peer):
            forwarded = environ.get("HTTP_FORWARDED", "")
            environ["REMOTE_ADDR"] = self.proxies.client(peer, environ.get("HTTP_X_FORWARDED_FOR", ""), forwarded)
            scheme = forwarded_scheme(environ.get("HTTP_X_FORWARDED_PROTO", ""), forwarded)
            environ["wsgi.url_scheme"] = scheme or environ["wsgi.url_scheme"]
        else:
            for name in self.wsgi_names:
                environ.pop(name, None)
        environ["HTTP_X_REQUEST_ID"] = request_id(environ.get("HTTP_X_REQUEST_ID", ""))

    def prepare_asgi(self, scope: dict[str, Any]) -> None:
        headers = scope["headers"]
        peer, port = scope["client"] or ("", 0)
        if self.trusts(peer):
            said = {name: value.decode("latin-1") for name, value in headers if name in self.asgi_names}
            forwarded = said.get(b"forwarded", "")
            scope["client"] = (self.proxies.client(peer, said.get(b"x-forwarded-for", ""), forwarded), port)
            if scheme := forwarded_scheme(said.get(b"x-forwarded-proto", ""), forwarded):
                scope["scheme"] = scheme if scope["type"] == "http" else scheme.replace("http", "ws")
            given = said.get(b"x-request-id", "")
            headers = [item for item in headers if item[0] != b"x-request-id" and b"_" not in item[0]]
        else:
            given = ""
            headers = [item for item in headers if item[0] not in self.asgi_names and b"_" not in item[0]]
        scope["headers"] = [*headers, (b"x-request-id", request_id(given).encode())]


def request_id(given: str) -> str:
    """The one a trusted proxy has given, or a new one."""
    return given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def secure_header() -> str | None:
    """By which the site's settings tell HTTPS, as a name of WSGI; None for a process without Django."""
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        return None
    from django.conf import settings  # noqa: PLC0415 - the process that redirects has none

    header = settings.SECURE_PROXY_SSL_HEADER
    return header[0] if header else None
