"""Answers 503 instead of the project's pages while the site is in maintenance.

Files and ``/up`` are answered as always. Each process looks once a second whether `maintenance` has written or removed
its file.
"""

import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string

from djbundle.runtime.core.maintenance import FILE, Maintenance
from djbundle.runtime.http.protocol.own_response import OwnResponse
from djbundle.runtime.logs.lines import log, write
from djbundle.runtime.net.trusted_proxies import TrustedProxies, parse_proxies

CHECK_INTERVAL = 1.0  # seconds
TEMPLATE = "503.html"  # of the project
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Back soon</title>
<style>body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1rem }</style>
</head>
<body><h1>Back soon</h1><p>This site is being worked on. Please come back in a few minutes.</p></body>
</html>
"""


class MaintenanceGate:
    """Knows whether the site of this data directory is in maintenance, and what its clients get."""

    def __init__(self, data: Path) -> None:
        self._data, self._file = data, data / FILE
        self._checked_at = float("-inf")  # monotonic seconds
        self._version: int | None = None  # of the file
        self._allowed = TrustedProxies(())
        self._lock = threading.Lock()
        self.maintenance: Maintenance | None = None
        self.body = b""

    def refuses(self, client: str) -> bool:
        """Return whether a request of this client is answered with 503. No network has a client without an address."""
        if time.monotonic() - self._checked_at > CHECK_INTERVAL:
            with self._lock:
                self._check()
        return self.maintenance is not None and not (client and self._allowed.trusts(client))

    def _check(self) -> None:
        version = version_of(self._file)
        if version != self._version:
            maintenance = Maintenance.read(self._data)
            self._allowed = allowed_networks(maintenance)
            self.body = render_page() if maintenance else b""
            self.maintenance, self._version = maintenance, version
        self._checked_at = time.monotonic()

    @property
    def response(self) -> OwnResponse:
        seconds = self.maintenance.retry_after if self.maintenance else 0
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("Retry-After", str(seconds)),
        ]
        return OwnResponse(HTTPStatus.SERVICE_UNAVAILABLE, headers, self.body)


def version_of(file: Path) -> int | None:
    """Return what changes with each version of a file; None if there is no file."""
    try:
        return file.lstat().st_mtime_ns
    except OSError:
        return None


def allowed_networks(maintenance: Maintenance | None) -> TrustedProxies:
    """Return the networks that get the site all the same; none if the file was edited by hand, and badly."""
    try:
        return parse_proxies(maintenance.allowed if maintenance else "")
    except Exception:
        log(f"{FILE} names no networks as allowed; nobody gets the site", "warning")
        return TrustedProxies(())


def render_page() -> bytes:
    """Return the project's page, or ours if it has none or its own fails."""
    try:
        return render_to_string(TEMPLATE).encode()
    except TemplateDoesNotExist:
        return PAGE.encode()
    except Exception:
        write("error", "serve", f"{TEMPLATE} cannot be rendered", trace=traceback.format_exc())
        return PAGE.encode()


def wrap(application: Any, interface: str, gate: MaintenanceGate) -> Any:
    """Return the application of `interface`, behind the gate."""
    return _wsgi(application, gate) if interface == "wsgi" else _asgi(application, gate)


def _wsgi(application: Any, gate: MaintenanceGate) -> Any:
    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        if not gate.refuses(environ["REMOTE_ADDR"]):
            return application(environ, start_response)
        return gate.response.by_wsgi(start_response)

    return middleware


def _asgi(application: Any, gate: MaintenanceGate) -> Callable[..., Awaitable[None]]:
    async def middleware(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or not gate.refuses((scope["client"] or ("",))[0]):
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # before it is accepted: the client gets 403
        else:
            await gate.response.by_asgi(send)

    return middleware
