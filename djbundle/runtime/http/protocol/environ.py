"""Makes the environ of WSGI (PEP 3333) from Granian's ASGI scope, in which headers are as they were sent."""

import io
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from djbundle.runtime.http.protocol.transport import HTTP_2

PROTOCOLS = {"1": "HTTP/1.0", "1.1": "HTTP/1.1", "2": HTTP_2}
UNPREFIXED_KEYS = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
PERCENT = ord("%")  # to look for bytes in bytes would raise and catch an exception each time
MAX_KEYS = 1024  # names that are remembered; clients may send any

_port_text = lru_cache(str)
_keys: dict[bytes, str] = dict(UNPREFIXED_KEYS)


def make_environ(scope: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Return the environ of one request for a WSGI application; all text is latin-1, as it was sent.

    `base` is what all requests have in common.
    """
    path = scope["raw_path"]
    name, port = scope["server"]
    environ = base.copy()
    environ["REQUEST_METHOD"] = scope["method"]
    environ["PATH_INFO"] = (unquote_to_bytes(path) if PERCENT in path else path).decode("latin-1")
    environ["QUERY_STRING"] = scope["query_string"].decode("latin-1")
    environ["SERVER_NAME"] = name
    environ["SERVER_PORT"] = _port_text(port)
    environ["SERVER_PROTOCOL"] = PROTOCOLS.get(scope["http_version"], "HTTP/1.1")
    environ["REMOTE_ADDR"] = scope["client"][0]
    environ["wsgi.url_scheme"] = scope["scheme"]
    environ["wsgi.input"] = io.BytesIO()
    for raw, value in scope["headers"]:
        key = _keys.get(raw) or environ_key(raw)
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ


def readable_path(path: str) -> str:
    """Return a WSGI path as people write it, in UTF-8. WSGI has a character for each byte (PEP 3333)."""
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def environ_key(header: bytes) -> str:
    name = f"HTTP_{header.decode('latin-1').upper().replace('-', '_')}"
    if len(_keys) < MAX_KEYS:
        _keys[header] = name
    return name
