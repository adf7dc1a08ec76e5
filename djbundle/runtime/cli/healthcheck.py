"""``./shop healthcheck``: ask the site that runs with this data directory whether it is ready; for containers."""

import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

from djbundle.errors import UnhealthyError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.handover.messages import SiteStatus
from djbundle.runtime.net.addresses import UNIX
from djbundle.runtime.options.parser import parse_options

REQUEST_TIMEOUT = 10.0  # seconds to wait for the response
MAX_RESPONSE_SIZE = 65536  # most bytes of the response that are read


def run_healthcheck(bundle: Bundle, arguments: list[str]) -> int:
    """Request the site's health check; without the role web, ask the supervisor.

    Raises UnhealthyError or NotServingError.
    """
    parse_options(bundle.program, "healthcheck", arguments)
    site = request_status(bundle.data)
    if not site.urls:
        check_processes(site)
        return 0
    url, path = site.local_url, site.health_path
    try:
        status, body = get(url, path)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: the URL or the path is invalid
        raise UnhealthyError(f"{url} does not answer: {error}", "look at the log of serve") from error
    if status >= 400:
        reason = body[:500].strip() if status == 503 else f"{path} is answered {status}"
        raise UnhealthyError(f"{url} is not ready: {reason}", "look at the log of serve")
    print(f"{url} is up")
    for warning in warnings_in(body):
        print(f"warning: {warning}")
    return 0


def warnings_in(body: str) -> list[str]:
    """Return the warnings of ``/up``; none if a view of the project answers there."""
    try:
        return [str(warning) for warning in json.loads(body).get("warnings", [])]
    except (ValueError, AttributeError, TypeError):
        return []


def check_processes(site: SiteStatus) -> None:
    """Raise UnhealthyError if the app process does not run. Hanging processes below it are killed and restarted."""
    if not site.app:
        raise UnhealthyError(f"{site.name} does not run", "look at the log of serve")
    print(f"{site.name} runs")


def get(url: str, path: str) -> tuple[int, str]:
    """Return status and body. The certificate is not verified: it is issued for a name, not for this address."""
    connection = connection_to(url)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(MAX_RESPONSE_SIZE).decode(errors="replace")
    finally:
        connection.close()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=REQUEST_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(REQUEST_TIMEOUT)
        self.sock.connect(self._path)


def connection_to(url: str) -> http.client.HTTPConnection:
    if url.startswith(UNIX):
        return UnixConnection(url.removeprefix(UNIX))
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl._create_unverified_context()  # noqa: S323 - the site on this machine, asked for its health
        return http.client.HTTPSConnection(host, parts.port, timeout=REQUEST_TIMEOUT, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=REQUEST_TIMEOUT)
